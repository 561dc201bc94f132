"""The README's table of features, made of the tests that show them.

    python -m support.feature_table              prints the table
    python -m support.feature_table ../README.md puts it into the file, between its
                                                 two marks

A row is a test with the marker ``feature(name, use, requested=None)``: what it is
called, how it is written, and the issue of scikit-learn in which it was asked for.
Rows stand in the order of the files and of the tests in them.
"""

import sys
from pathlib import Path

from support.checkout import ROOT
from support.marks import marks

START, END = "<!-- features -->\n", "<!-- end of features -->\n"
ISSUES = "https://github.com/scikit-learn/scikit-learn/issues/"


def features():
    """Pairs of a test's file and what a marker in it says, in order."""
    return marks("feature", ("name", "use", "requested"))


def _link(requested):
    issues = [number.strip() for number in (requested or "").split(",")]
    return ", ".join(f"[{n}]({ISSUES}{n.removeprefix('#')})" for n in issues if n)


def table():
    """The table in Markdown."""
    lines = [
        "| feature | written | asked for in | shown by |",
        "| --- | --- | --- | --- |",
    ]
    for path, row in features():
        shown = (
            f"[{path.stem.removeprefix('test_')}]({path.relative_to(ROOT).as_posix()})"
        )
        use = row["use"].replace("|", "\\|")
        asked = _link(row.get("requested"))
        lines.append(f"| {row['name']} | `{use}` | {asked} | {shown} |")
    return "\n".join(lines) + "\n"


def replaced(text):
    """The text with the table between its marks."""
    before, rest = text.split(START)
    return before + START + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(table(), end="")
    else:
        readme = Path(sys.argv[1])
        readme.write_text(replaced(readme.read_text("utf-8")), "utf-8")

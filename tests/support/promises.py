"""The page of promises, its lists made of the tests that show them.

    python -m support.promises                                  prints the lists
    python -m support.promises ../docs/what_you_can_rely_on.md  puts them into the file

A promise is a test with the mark ``promise(section, sentence)``.  A section is a
heading of the page, with the mark START under it; what else stands there is written
by hand.
"""

import re
import sys
from functools import cache
from pathlib import Path

from support.checkout import TESTS
from support.marks import marks

START, END = "<!-- promises -->\n", "<!-- end of promises -->\n"


@cache
def promises():
    """Pairs of a test's file and its promise, a dict of section and sentence."""
    return tuple(marks("promise", ("section", "sentence")))


def sections(page):
    """The headings under which the page has a list."""
    return re.findall(rf"^## (.+)\n(?:(?!## ).*\n)*?{START}", page, re.MULTILINE)


def list_of(section):
    """The section's promises in Markdown."""
    return "".join(
        f"* {promise['sentence']} "
        f"[{path.stem}](../tests/{path.relative_to(TESTS).as_posix()})\n"
        for path, promise in promises()
        if promise["section"] == section
    )


def replaced(page):
    """The page with each section's list between its marks."""
    names = iter(sections(page))
    return re.sub(
        f"{START}.*?{END}",
        lambda _: f"{START}{list_of(next(names))}{END}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        for section in dict.fromkeys(promise["section"] for _, promise in promises()):
            print(f"{section}\n{list_of(section)}")
    else:
        page = Path(sys.argv[1])
        page.write_text(replaced(page.read_text("utf-8")), "utf-8")

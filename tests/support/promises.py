"""Writes the lists of docs/what_you_can_rely_on.md from the marks on the tests.

    python -m support.promises         prints the lists
    python -m support.promises PAGE    puts them into the page, between its markers

A promise is a test with the mark ``promise(section, sentence)``.  A section is a
heading of the page with the marker START below it; all other text of the page is
written by hand.
"""

import re
import sys
from functools import cache
from pathlib import Path

from support.checkout import ROOT
from support.marks import link, marks

PAGE = ROOT / "docs" / "what_you_can_rely_on.md"
START, END = "<!-- promises -->\n", "<!-- end of promises -->\n"


@cache
def promises():
    """Return pairs of a test file and its promise, a dict of section and sentence."""
    return tuple(marks("promise", ("section", "sentence")))


def sections(page):
    """Return the headings of the page that have a list."""
    return re.findall(rf"^## (.+)\n(?:(?!## ).*\n)*?{START}", page, re.MULTILINE)


def list_of(section):
    """Return the promises of a section in Markdown."""
    return "".join(
        f"* {promise['sentence']} {link(path, PAGE)}\n"
        for path, promise in promises()
        if promise["section"] == section
    )


def replaced(page):
    """Return the page with each section's list between its markers."""
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

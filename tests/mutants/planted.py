"""Finds the place of a mutant by a pattern, so that moves and renames do not lose it.

A pattern is source text of the package in which

* white space is any white space, or none: a formatter may break lines;
* ``$name`` is a name, with its members, indices and calls as far as these are not
  nested: ``w->rows[b]``, ``vars(self)``; the same ``$name`` is the same text;
* ``«`` and ``»`` enclose the part that is replaced, where that is not all of it; with
  nothing between them they are the place where something is added;
* all else is literal: operators, numbers, and the public or mathematical names by which
  the place is known.

It is searched in all sources of the package and matches exactly once.
"""

import re
from typing import NamedTuple

_MEMBER = r"(?:\.|->)\w+|\[[^][{};]*\]|\((?:[^][(){};]|\[[^][(){};]*\])*\)"
_NAME = rf"\*?\b[A-Za-z_]\w*(?:{_MEMBER})*"
_TOKEN = re.compile(r"«»|\$\w+|\w+|\S")
_MARKS = {"«": "(?P<replaced_>", "»": ")", "«»": "(?P<replaced_>)"}
_SUFFIXES = {".c", ".h", ".def", ".py", ".pyx"}


def expression_of(pattern):
    """Return a pattern as a regular expression."""
    parts, known, before = [], set(), ""
    for token in _TOKEN.findall(pattern if "«" in pattern else f"«{pattern}»"):
        name = token[1:]
        if token[0] == "$" and name:
            part = rf"(?P={name})" if name in known else rf"(?P<{name}>{_NAME})"
            known.add(name)
        else:
            part = _MARKS.get(token, re.escape(token))
        if token in ")]}":  # a formatter may end a list with a comma
            part = f"(?:,\\s*)?{part}"
        elif re.match(r"\w", token):
            part = rf"\b{part}\b"
        # Lines of a macro end with a backslash.
        is_open = before not in ("", "«") and token not in ("»", "«»")
        parts += [r"[\s\\]*" if is_open else "", part]
        before = token
    return re.compile("".join(parts))


def sources(root):
    """Return all sources of the package below the root of a tree, sorted."""
    paths = [*(root / "csrc").rglob("*"), *(root / "pybackprop").rglob("*")]
    return sorted(path for path in paths if path.suffix in _SUFFIXES)


class Mutant(NamedTuple):
    """A small, plausible mistake, and the test that detects it.

    Attributes
    ----------
    name : str
        The mistake, in a few words.
    pattern, planted : str
        The right text, and the wrong one, which may use the names of the pattern.
    test : str
        A test function that is part of the short run: ``folder/file.py::function``.
    """

    name: str
    pattern: str
    planted: str
    test: str

    def places(self, root):
        """Return every (path, match) of the pattern in a tree; a sound one has one."""
        expression = expression_of(self.pattern)
        # A file that lacks one of the pattern's words need not be searched.
        words = re.findall(r"(?<![$\w])\w+", self.pattern)
        found = []
        for path in sources(root):
            text = path.read_text("utf-8")
            if all(word in text for word in words):
                found += [(path, match) for match in expression.finditer(text)]
        return found

    def plant(self, root):
        """Write the mistake into a tree; return the changed file and its right text."""
        ((path, match),) = self.places(root)
        text = path.read_text("utf-8")
        wrong = re.sub(r"\$(\w+)", lambda name: match[name[1]], self.planted)
        start, end = match.span("replaced_")
        path.write_text(text[:start] + wrong + text[end:], "utf-8")
        return path, text

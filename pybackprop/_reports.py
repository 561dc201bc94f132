"""Results that print as tables: what ``__repr__`` and ``_repr_html_`` show."""

from html import escape
from itertools import zip_longest
from numbers import Integral, Real
from textwrap import fill, wrap

import numpy as np


class Tabular:
    """A result that a person reads as a table, in a terminal or a notebook.

    A class of its own says what is in it, in ``_tables``.
    """

    def _tables(self):
        """Yield ``(title, columns, rows)`` for each table, cells being any values.

        A title is a line or more that say what is to be seen; long ones are wrapped
        where that is needed, between words and unless they begin with a space.
        """
        raise NotImplementedError

    def __repr__(self):
        return "\n\n".join(as_text(*table) for table in self._tables())

    def _repr_html_(self):
        return "\n".join(as_html(*table) for table in self._tables())


def as_text(title, columns, rows):
    """A table in plain text: numbers to the right, words to the left."""
    rows = [list(row) for row in rows]
    to_the_right = _numeric_columns(rows, len(columns))
    heads = [str(column) for column in columns]
    body = [[cell(value) for value in row] for row in rows]
    # A head may take several lines where its numbers are short, and so may a sentence.
    room = [
        max([_SHORT_HEAD, *(min(len(row[k]), _SENTENCE) for row in body)])
        for k in range(len(heads))
    ]
    head, *body = (
        [wrap(text, width) or [""] for text, width in zip(line, room, strict=True)]
        for line in (heads, *body)
    )
    widths = [
        max(len(part) for parts in column for part in parts)
        for column in zip(head, *body, strict=True)
    ]
    lines = [_wrapped(line) for line in title.splitlines()]
    for line in (head, [["-" * width] for width in widths], *body):
        for parts in zip_longest(*line, fillvalue=""):
            padded = (
                text.rjust(width) if right else text.ljust(width)
                for text, width, right in zip(parts, widths, to_the_right, strict=True)
            )
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def as_html(title, columns, rows):
    """The same table for a notebook, below its title."""
    rows = [list(row) for row in rows]
    to_the_right = _numeric_columns(rows, len(columns))
    align = ["right" if right else "left" for right in to_the_right]

    def line(tag, values):
        cells = [
            f'<{tag} style="text-align: {side}; {_wrapping(text)}">'
            f"{escape(text)}</{tag}>"
            for side, text in zip(align, map(cell, values), strict=True)
        ]
        return f"<tr>{''.join(cells)}</tr>"

    # Not a caption: that would be as narrow as its table.
    title = "<br>".join(escape(_with_indent(line)) for line in title.splitlines())
    return "\n".join(
        [
            f"<p>{title}</p>",
            "<table>",
            f"<thead>{line('th', columns)}</thead>",
            "<tbody>",
            *(line("td", row) for row in rows),
            "</tbody>",
            "</table>",
        ]
    )


def or_none(value):
    """A number, or None, which is shown as a dash, in the place of NaN."""
    return None if value != value else value


def cell(value):
    """A value in few characters: four significant digits of a number."""
    if value is None:
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return f"{float(value):.4g}"
    return str(value)


_WIDTH = 88
_SHORT = 24
_SHORT_HEAD = 16
_SENTENCE = 52


def _wrapping(text):
    """Numbers and names stay on one line, and only sentences are wrapped."""
    return "white-space: nowrap" if len(text) <= _SHORT else "min-width: 12em"


def _wrapped(line):
    return line if line.startswith(" ") else fill(line, _WIDTH, break_on_hyphens=False)


def _with_indent(line):
    """A line whose leading spaces a browser keeps."""
    text = line.lstrip(" ")
    return "\N{NO-BREAK SPACE}" * (len(line) - len(text)) + text


def _numeric_columns(rows, n_columns):
    """Which columns hold numbers, and so are read best from their last digit."""
    return [
        any(_is_number(row[k]) for row in rows)
        and all(row[k] is None or _is_number(row[k]) for row in rows)
        for k in range(n_columns)
    ]


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)

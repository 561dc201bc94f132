"""Prints results as tables, in a terminal (``__repr__``) and in a notebook."""

from html import escape
from itertools import zip_longest
from numbers import Integral, Real
from textwrap import fill, wrap

import numpy as np


class Tabular:
    """Base class of results that print as tables.

    A subclass yields the tables in ``_tables``.
    """

    def _tables(self):
        """Yield ``(title, columns, rows)`` for each table, with cells of any type.

        A title has one or more lines. Lines that are too long are wrapped between
        words, except those that begin with a space.
        """
        raise NotImplementedError

    def __repr__(self):
        return "\n\n".join(as_text(*table) for table in self._tables())

    def _repr_html_(self):
        return "\n".join(as_html(*table) for table in self._tables())


def as_text(title, columns, rows):
    """Format a table as text, with numbers aligned right and words left."""
    rows = [list(row) for row in rows]
    to_the_right = _numeric_columns(rows, len(columns))
    heads = [str(column) for column in columns]
    body = [[cell(value) for value in row] for row in rows]
    # Heads over short numbers, and sentences in cells, are wrapped to several lines.
    max_widths = [
        max([_SHORT_HEAD, *(min(len(row[k]), _SENTENCE) for row in body)])
        for k in range(len(heads))
    ]
    head, *body = (
        [
            wrap(text, width) or [""]
            for text, width in zip(line, max_widths, strict=True)
        ]
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
    """Format a table as HTML, below its title."""
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

    # A <caption> would be wrapped to the width of the table.
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
    """Return None, which is printed as a dash, for NaN, and other numbers as given."""
    return None if value != value else value


def cell(value):
    """Format a value of a cell, numbers with four significant digits."""
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
    """Return the style of a cell: short text stays on one line."""
    return "white-space: nowrap" if len(text) <= _SHORT else "min-width: 12em"


def _wrapped(line):
    return line if line.startswith(" ") else fill(line, _WIDTH, break_on_hyphens=False)


def _with_indent(line):
    """Replace leading spaces by no-break spaces, which a browser keeps."""
    text = line.lstrip(" ")
    return "\N{NO-BREAK SPACE}" * (len(line) - len(text)) + text


def _numeric_columns(rows, n_columns):
    """Tell which columns hold numbers only, to be aligned right."""
    return [
        any(_is_number(row[k]) for row in rows)
        and all(row[k] is None or _is_number(row[k]) for row in rows)
        for k in range(n_columns)
    ]


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)

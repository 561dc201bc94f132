"""Results that print as tables: what ``__repr__`` and ``_repr_html_`` show."""

from html import escape
from numbers import Integral, Real

import numpy as np


class Tabular:
    """A result that a person reads as a table, in a terminal or a notebook.

    A class of its own says what is in it, in ``_tables``.
    """

    def _tables(self):
        """Yield ``(title, columns, rows)`` for each table, cells being any values.

        A title is a sentence or two that say what is to be seen.
        """
        raise NotImplementedError

    def __repr__(self):
        return "\n\n".join(as_text(*table) for table in self._tables())

    def _repr_html_(self):
        return "\n".join(as_html(*table) for table in self._tables())


def as_text(title, columns, rows):
    """A table in plain text: numbers to the right, words to the left."""
    rows = [list(row) for row in rows]
    cells = [[str(column) for column in columns]]
    cells += [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    to_the_right = _numeric_columns(rows, len(widths))
    lines = [title] if title else []
    for line in (cells[0], ["-" * width for width in widths], *cells[1:]):
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, to_the_right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def as_html(title, columns, rows):
    """The same table for a notebook, with its title as caption."""
    rows = [list(row) for row in rows]
    to_the_right = _numeric_columns(rows, len(columns))
    align = ["right" if right else "left" for right in to_the_right]

    def line(tag, values):
        cells = "".join(
            f'<{tag} style="text-align: {side}">{escape(cell(value))}</{tag}>'
            for side, value in zip(align, values, strict=True)
        )
        return f"<tr>{cells}</tr>"

    caption = escape(title).replace("\n", "<br>")
    return "\n".join(
        [
            "<table>",
            f'<caption style="caption-side: top; text-align: left">{caption}</caption>',
            f"<thead>{line('th', columns)}</thead>",
            "<tbody>",
            *(line("td", row) for row in rows),
            "</tbody>",
            "</table>",
        ]
    )


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


def _numeric_columns(rows, n_columns):
    """Which columns hold numbers, and so are read best from their last digit."""
    return [
        any(_is_number(row[k]) for row in rows)
        and all(row[k] is None or _is_number(row[k]) for row in rows)
        for k in range(n_columns)
    ]


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)

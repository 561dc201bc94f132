"""Draws one network on one axes: units as circles, weights as lines.

The columns of units lie at x = 0 ... L, and the units of a column at distances of 1
about y = 0.  Circles and letters have sizes in points, so that the limits of x and y
depend on the size of the axes: on smaller axes, circles become smaller and numbers are
left out.
"""

import numpy as np

from pybackprop.plotting._colours import CATEGORIES, DIVERGING, scale_of

# Positive weights have the warm colour, as in DIVERGING.
_POSITIVE, _NEGATIVE = CATEGORIES[4], CATEGORIES[0]  # vermilion, blue
_DASHES = (0, (3, 1.5))

# Sizes in points.
_DIAMETER = 38  # of the largest circle
_THINNEST_LINE = 0.25
_SMALLEST_LETTERS = 5.5
# Approximate width of a letter, relative to the font size, in matplotlib's font.
_LETTER = 0.58


class NetworkPanel:
    """Draws a network on one axes.

    Parameters
    ----------
    ax : matplotlib Axes
    coefs, intercepts : list of ndarray
    captions : list of str
        Captions of the columns, of two lines each.
    max_units : int
        Maximum number of units drawn per layer.
    """

    def __init__(self, ax, coefs, intercepts, captions, max_units):
        self.ax, self.coefs, self.intercepts = ax, coefs, intercepts
        self.captions = captions
        self.sizes = [len(coefs[0]), *(len(b) for b in intercepts)]
        self.drawn = [drawn_units(n, max_units) for n in self.sizes]
        self.units, self.lines, self.bias_lines = [], [], []
        ax.set_axis_off()

    def fill(self, values, name, *, is_gradient):
        """Choose the colour scale of the units' values, and draw the colour bar.

        The input has another scale, so it does not affect the choice: if its values are
        outside of the scale, the colour bar has pointed ends.
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.values = values
        numbers = np.concatenate(values[1:])
        colours, low, high = scale_of(numbers)
        if is_gradient:
            finite = abs(numbers[np.isfinite(numbers)])
            high = finite.max(initial=0.0) or 1.0
            colours, low = DIVERGING, -high
        if low == high:
            low, high = low - 1, high + 1
        self.colours = ScalarMappable(Normalize(low, high), colours)
        outside = values[0] if values[0] is not None else numbers
        pointed = {
            (False, False): "neither",
            (True, False): "min",
            (False, True): "max",
            (True, True): "both",
        }[bool((outside < low).any()), bool((outside > high).any())]
        self.ax.figure.colorbar(
            self.colours, ax=self.ax, extend=pointed, pad=0.01, shrink=0.8, label=name
        )

    def draw(self, left, right, *, biases):
        """Draw lines, circles and text.

        Parameters
        ----------
        left, right : list of (str, str)
            Text beside the units of the first and of the last column, in two lines if
            they fit.
        biases : bool
        """
        left, right = self._measure(left, right, biases)
        pairs = list(zip(self.drawn[:-1], self.drawn[1:], strict=True))
        weights = [W[np.ix_(*p)] for W, p in zip(self.coefs, pairs, strict=True)]
        intercepts = [b[p[1]] for b, p in zip(self.intercepts, pairs, strict=True)]
        shown = [*weights, *(intercepts if biases else [])]
        widest = max(np.max(abs(w), where=np.isfinite(w), initial=0) for w in shown)
        for layer, (W, b) in enumerate(zip(weights, intercepts, strict=True)):
            tail, head = self.y[layer], self.y[layer + 1]
            self.lines.append(self._draw_lines(layer, W, tail, head, widest))
            if biases:
                one = [self.y_of_one]
                lines = self._draw_lines(layer, b[None], one, head, widest)
                self.bias_lines.append(lines)
        for column, caption in enumerate(self.captions):
            self.units.append(self._draw_units(column))
            self._write_caption(column, caption)
            if biases and column < len(self.sizes) - 1:
                self._draw_one(column)
        self._write_names(0, left, -1)
        self._write_names(len(self.sizes) - 1, right, 1)
        self._explain_lines(widest)

    def _measure(self, left, right, biases):
        """Compute positions and sizes, and return the text that fits left and right."""
        box, points = self.ax.get_window_extent(), 72 / self.ax.figure.dpi
        width, height = box.width * points, box.height * points
        # In an abridged layer an empty row separates the first units from the last.
        rows = [np.arange(len(k)) + (k != np.arange(len(k))) for k in self.drawn]
        self.y = [row[-1] / 2 - row for row in rows]
        highest = max(y[0] for y in self.y)
        self.y_of_one = highest + 1
        n_rows, n_spaces = 2 * highest + 1 + biases, len(self.sizes) - 1

        top, bottom = 24.0, 22.0  # two lines of a caption, one of the legend
        down = max((height - top - bottom) / n_rows, 1.0)
        self.letters = min(8.0, down / 1.1)
        self.n_lines = 2 if down > 4 * self.letters else 1
        left, right = self._wrapped(left), self._wrapped(right)
        letter = _LETTER * self.letters
        sides = [letter * _longest(names) + 5 for names in (left, right)]
        across = max((width - sum(sides) - _DIAMETER) / n_spaces, 1.0)
        self.diameter = max(min(_DIAMETER, 0.82 * down, 0.6 * across), 2.0)
        letter = 0.95 * across / _longest(self.captions)
        self.caption_letters = min(9.0, letter / _LETTER)
        # The legend is about 65 letters long, and its lines.
        self.legend_letters = min(7.5, width / (_LETTER * 65))
        title = self.ax.title
        letters = 1.2 * width / (_LETTER * max(len(title.get_text()), 1))
        title.set_fontsize(min(10.0, letters))
        self.widest_line = min(4.0, 0.14 * self.diameter)
        margins = [(side + _DIAMETER / 2) / across for side in sides]
        self.ax.set_xlim(-margins[0], n_spaces + margins[1])
        edge = highest + 0.5
        self.ax.set_ylim(-edge - bottom / down, edge + biases + top / down)
        self.y_of_captions = edge + biases
        return left, right

    def _wrapped(self, names):
        """Format names in two lines or in one; return none if they do not fit."""
        if self.letters < _SMALLEST_LETTERS:
            return []
        joint = "\n" if self.n_lines == 2 else " "
        return [joint.join(part for part in name if part) for name in names]

    def _draw_lines(self, layer, W, tail, head, widest):
        """Draw a line for each weight, in the order of the array W."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import ListedColormap, Normalize

        starts = np.broadcast_to(np.asarray(tail)[:, None], W.shape).ravel()
        ends = np.broadcast_to(np.asarray(head)[None], W.shape).ravel()
        x = np.broadcast_to([layer, layer + 1], (W.size, 2))
        share = np.minimum(np.nan_to_num(abs(W.ravel()) / (widest or 1.0)), 1)
        lines = LineCollection(
            np.stack([x, np.stack([starts, ends], axis=1)], axis=2),
            array=W.ravel(),
            cmap=ListedColormap([_NEGATIVE, _POSITIVE]),
            norm=Normalize(-1, 1, clip=True),  # one colour for each sign
            linewidths=np.maximum(share * self.widest_line, _THINNEST_LINE),
            linestyles=["-" if w >= 0 else _DASHES for w in W.ravel()],
            alpha=0.3 + 0.6 * share,
            zorder=1,
        )
        self.ax.add_collection(lines, autolim=False)
        return lines

    def _draw_units(self, column):
        values, drawn = getattr(self, "values", None), self.drawn[column]
        numbers = None
        if values is not None and values[column] is not None:
            numbers = values[column][drawn]
        look = {"color": "white"} if numbers is None else {"c": numbers}
        if numbers is not None:
            look |= {"cmap": self.colours.cmap, "norm": self.colours.norm}
        units = self.ax.scatter(
            np.full(len(drawn), column),
            self.y[column],
            s=self.diameter**2,
            edgecolors="black",
            linewidths=0.8,
            zorder=2,
            **look,
        )
        if numbers is not None:
            self._write_numbers(column, numbers)
        if len(drawn) < self.sizes[column]:
            self._write_gap(column)
        return units

    def _write_numbers(self, column, numbers):
        letters, n_letters = min(9.0, 0.92 * self.diameter / (_LETTER * 6)), 6
        if letters < 7:
            letters, n_letters = 0.92 * self.diameter / (_LETTER * 5), 5
        if letters < _SMALLEST_LETTERS:
            return
        red, green, blue, opacity = self.colours.to_rgba(numbers).T
        luma = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
        luma += 1 - opacity  # NaN is transparent
        for y, number, light in zip(self.y[column], numbers, luma, strict=True):
            self.ax.text(
                column,
                y,
                short(number, n_letters),
                color="black" if light > 0.5 else "white",
                fontsize=letters,
                ha="center",
                va="center_baseline",
                zorder=3,
            )

    def _write_gap(self, column):
        n_drawn = len(self.drawn[column])
        n_more = self.sizes[column] - n_drawn
        below = (n_drawn + 1) // 2  # the first unit after the gap
        self.ax.text(
            column,
            (self.y[column][below - 1] + self.y[column][below]) / 2,
            f"… {n_more} more unit{'s' * (n_more > 1)}",
            fontsize=max(self.letters, _SMALLEST_LETTERS),
            ha="center",
            va="center",
            zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
        )

    def _draw_one(self, column):
        self.ax.text(
            column,
            self.y_of_one,
            "1",
            fontsize=np.clip(0.4 * self.diameter, _SMALLEST_LETTERS, 9),
            ha="center",
            va="center",
            zorder=3,
            bbox={"facecolor": "white", "edgecolor": "black", "linewidth": 0.8},
        )

    def _write_caption(self, column, caption):
        self.ax.text(
            column,
            self.y_of_captions,
            caption,
            fontsize=self.caption_letters,
            ha="center",
            va="bottom",
        )

    def _write_names(self, column, names, side):
        """Write the names of the units of the first or last column beside it."""
        if not names:
            return
        for unit, y in zip(self.drawn[column], self.y[column], strict=True):
            self.ax.annotate(
                names[unit],
                (column, y),
                (side * (self.diameter / 2 + 3), 0),
                textcoords="offset points",
                fontsize=self.letters,
                ha="left" if side > 0 else "right",
                va="center",
            )

    def _explain_lines(self, widest):
        from matplotlib.lines import Line2D

        size = f"widest: |weight| = {widest:.2g}"
        self.ax.legend(
            handles=[
                Line2D([], [], color=_POSITIVE, lw=2, label="weight > 0"),
                Line2D([], [], color=_NEGATIVE, lw=2, ls=_DASHES, label="weight < 0"),
                Line2D([], [], color="grey", lw=self.widest_line, label=size),
            ],
            loc="lower center",
            ncol=3,
            fontsize=self.legend_letters,
            frameon=False,
            borderaxespad=0,
        )


def drawn_units(n_units, max_units):
    """Return the indices of the units to draw: all, or the first and the last ones."""
    if n_units <= max_units:
        return np.arange(n_units)
    n_first = (max_units + 1) // 2
    last = np.arange(n_units - (max_units - n_first), n_units)
    return np.concatenate([np.arange(n_first), last])


def short(number, n_letters):
    """Format a number with two significant digits, or with one to fit n_letters."""
    size = abs(number)
    texts = ["0" if size == 0 else f"{number:g}"]
    if 0 < size < np.inf:
        digits = -int(np.floor(np.log10(size)))
        mantissa, exponent = f"{number:.0e}".split("e")
        texts = [
            f"{number:.{max(digits + 1, 0)}f}",
            f"{number:.{max(digits, 0)}f}",
            f"{mantissa}e{int(exponent)}",
        ]
    return next((text for text in texts if len(text) <= n_letters), texts[-1])


def _longest(texts):
    return max((len(line) for text in texts for line in text.split("\n")), default=0)

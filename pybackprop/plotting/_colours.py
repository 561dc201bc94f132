"""Colours that everybody can tell apart, and that survive a black-and-white printer.

A colour never stands alone: it comes with a marker, a line style, a label or a line
between regions.
"""

import numpy as np

# Okabe & Ito (2008), told apart with any kind of colour vision; ordered so that
# neighbours differ in lightness too, with the palest, yellow, last.
CATEGORIES = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#D55E00",  # vermilion
    "#56B4E9",  # sky blue
    "#000000",
    "#F0E442",  # yellow
)
# As many as there are digits.  Being more than colours, the two repeat out of step.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

# In both, lightness grows all the way, so that greyscale keeps the order of values.
# The usual diverging maps have two dark ends, which greyscale makes equal.
SEQUENTIAL = "viridis"
# For values with a sign, on a scale that is symmetric about 0: the more negative the
# darker, in blue; 0 is grey; the more positive the brighter, in orange.
DIVERGING = "pybackprop.diverging"
_ANCHORS = ("#08103a", "#0058a8", "#868686", "#f5a800", "#fff4b0")


def register_maps():
    """Make ``DIVERGING`` known to matplotlib, by its name."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if DIVERGING not in matplotlib.colormaps:
        made = LinearSegmentedColormap.from_list(DIVERGING, _ANCHORS)
        matplotlib.colormaps.register(made)


def categories(n):
    """Colours for ``n`` classes: ``CATEGORIES``, or shades where there are more."""
    if n <= len(CATEGORIES):
        return list(CATEGORIES[:n])
    import matplotlib

    return list(matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 1, n)))


def tints(colours, darkest=0.70, lightest=0.93):
    """Pale versions of some colours, as backgrounds, from dark to light in grey.

    Parameters
    ----------
    colours : sequence of matplotlib colours
    darkest, lightest : float
        Greys, 1 being white, that the first and the last tint turn to.

    Returns
    -------
    ndarray of shape (n_colours, 3)
    """
    from matplotlib.colors import to_rgb

    rgb = np.array([to_rgb(colour) for colour in colours])
    grey = rgb @ [0.299, 0.587, 0.114]  # luma of ITU-R BT.601
    wanted = np.linspace(darkest, lightest, len(rgb))
    share = np.minimum((1 - wanted) / np.maximum(1 - grey, 1e-9), 1)
    return 1 - share[:, None] * (1 - rgb)


def scale_of(values):
    """``(cmap, vmin, vmax)`` for values: one that shows their sign where it varies."""
    values = np.asarray(values)[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    if low < 0 < high:
        largest = max(-low, high)
        return DIVERGING, -largest, largest
    return SEQUENTIAL, low, high

"""Defines colours that are distinct with colour blindness and in greyscale.

Every colour is accompanied by a marker, a line style, a label or a boundary line.
"""

import numpy as np

# The palette of Okabe & Ito (2008), which is distinct with any colour blindness.  The
# order makes neighbours differ in lightness too; yellow, the palest, is the last.
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
# Ten markers and eight colours: their combinations repeat after 40.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

# Lightness increases monotonically in both maps, so that greyscale keeps the order of
# values.  The usual diverging maps have two dark ends, which are equal in greyscale.
SEQUENTIAL = "viridis"
# The map for signed values, on a scale that is symmetric about 0: dark blue for
# negative values, grey for 0, bright orange for positive values.
DIVERGING = "pybackprop.diverging"
_ANCHORS = ("#08103a", "#0058a8", "#868686", "#f5a800", "#fff4b0")


def register_maps():
    """Register ``DIVERGING`` with matplotlib."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if DIVERGING not in matplotlib.colormaps:
        made = LinearSegmentedColormap.from_list(DIVERGING, _ANCHORS)
        matplotlib.colormaps.register(made)


def categories(n):
    """Return colours for ``n`` classes: ``CATEGORIES``, or shades if n is larger."""
    if n <= len(CATEGORIES):
        return list(CATEGORIES[:n])
    import matplotlib

    return list(matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 1, n)))


def tints(colours, darkest=0.70, lightest=0.93):
    """Return pale versions of colours, for backgrounds, with increasing lightness.

    Parameters
    ----------
    colours : sequence of matplotlib colours
    darkest, lightest : float
        Grey values of the first and the last tint, where 1 is white.

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
    """Return (cmap, vmin, vmax): a diverging map if the values have both signs."""
    values = np.asarray(values)[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    if low < 0 < high:
        largest = max(-low, high)
        return DIVERGING, -largest, largest
    return SEQUENTIAL, low, high

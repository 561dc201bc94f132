"""Where the slope of an activation jumps: found in its values, so no list of names.

A difference of a loss whose step takes a pre-activation over such a place is no
derivative.  What is found is the value's own: a slope that is wrong cannot hide itself.
"""

from functools import cache

import numpy as np

from pybackprop import _core

# The kinks of all published activations lie well within.
_FARTHEST = 8
_SPACING = 2.0**-6
# No smooth activation of the list bends more, relative to its slope.
_LARGEST_CURVATURE = 4


@cache
def kinks_of(activation):
    """Pre-activations at which the slope of an activation jumps.

    A kink is where the slopes on both sides stay apart, however close one looks.

    Parameters
    ----------
    activation : str
        A row of the core's list.

    Returns
    -------
    tuple of float
        Between -8 and 8, exact where they are multiples of 2**-24.
    """
    if _core.activations()[activation]["rowwise"]:
        return ()  # they couple units, and have no slope of one alone
    grid = np.arange(-_FARTHEST, _FARTHEST + _SPACING, _SPACING)
    jumps = _jumps(activation, grid)
    places = grid[1:-1][jumps > 0]
    found = (_closer(activation, place, _SPACING) for place in places)
    return tuple(sorted({place for place in found if place is not None}))


def _closer(activation, place, spacing):
    """The kink near a place, on ever finer grids; None where it turns out smooth."""
    for _ in range(3):
        grid = place + spacing * np.arange(-64, 65) / 64
        spacing /= 64
        jumps = _jumps(activation, grid)
        if not jumps.any():
            return None
        place = grid[1 + np.argmax(jumps)]
    return float(place)


def _jumps(activation, grid):
    """Jumps of the slope at the inner points of a grid, 0 where curvature explains it.

    What rounding does to slopes between neighbours is no jump either.
    """
    values = _core.activate(activation, grid.reshape(-1, 1)).ravel()
    spacing = grid[1] - grid[0]
    slopes = np.diff(values) / spacing
    jumps = np.abs(np.diff(slopes))
    size = np.maximum(np.abs(slopes[1:]), np.abs(slopes[:-1]))
    rounding = 8 * np.finfo(np.float64).eps * np.abs(values[1:-1]).max() / spacing
    bend = _LARGEST_CURVATURE * spacing * np.maximum(size, 1)
    return np.where(jumps > bend + rounding, jumps, 0)

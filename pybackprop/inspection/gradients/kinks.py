"""Finds the kinks of an activation: the z at which its derivative jumps.

A difference of a loss whose step takes a pre-activation across a kink approximates no
derivative.  Kinks are found from values of the activation and not from its derivative,
so that a wrong derivative cannot excuse itself; nor is there a list of names to extend.
"""

from functools import cache

import numpy as np

from pybackprop import _core

# The kinks of all published activations lie well within this distance from 0.
_FARTHEST = 8
_SPACING = 2.0**-6
# The second derivative of a smooth activation of the list, divided by the first, is
# smaller than this.
_LARGEST_CURVATURE = 4


@cache
def kinks_of(activation):
    """Find the pre-activations at which the derivative of an activation jumps.

    At a kink the derivatives from the left and from the right stay different on ever
    finer grids.

    Parameters
    ----------
    activation : str
        A name of the core's list.

    Returns
    -------
    tuple of float
        Between -8 and 8, exact where they are multiples of 2**-24.
    """
    if _core.activations()[activation]["rowwise"]:
        return ()  # each output depends on all z of the row
    grid = np.arange(-_FARTHEST, _FARTHEST + _SPACING, _SPACING)
    jumps = _jumps(activation, grid)
    places = grid[1:-1][jumps > 0]
    found = (_closer(activation, place, _SPACING) for place in places)
    return tuple(sorted({place for place in found if place is not None}))


def _closer(activation, place, spacing):
    """Locate a kink on ever finer grids; None if the activation is smooth there."""
    for _ in range(3):
        grid = place + spacing * np.arange(-64, 65) / 64
        spacing /= 64
        jumps = _jumps(activation, grid)
        if not jumps.any():
            return None
        place = grid[1 + np.argmax(jumps)]
    return float(place)


def _jumps(activation, grid):
    """Compute the jumps of the derivative at the inner points of a grid.

    A jump is 0 where the curvature of a smooth function or rounding explains it.
    """
    values = _core.activate(activation, grid.reshape(-1, 1)).ravel()
    spacing = grid[1] - grid[0]
    derivatives = np.diff(values) / spacing
    jumps = np.abs(np.diff(derivatives))
    size = np.maximum(np.abs(derivatives[1:]), np.abs(derivatives[:-1]))
    rounding = 8 * np.finfo(np.float64).eps * np.abs(values[1:-1]).max() / spacing
    bend = _LARGEST_CURVATURE * spacing * np.maximum(size, 1)
    return np.where(jumps > bend + rounding, jumps, 0)

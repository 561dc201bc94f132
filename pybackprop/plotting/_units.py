"""Selects the units of a layer that a Display shows."""

from numbers import Integral

import numpy as np


def is_index(value, n):
    """Tell whether a value is an int from 0 to n - 1, and not a bool."""
    is_int = isinstance(value, Integral) and not isinstance(value, bool)
    return is_int and 0 <= value < n


def chosen_units(units, n_units, max_units):
    """Return the indices of the units to show, or raise ValueError.

    Parameters
    ----------
    units : sequence of int or None
        None is the first ``max_units``, or all if there are fewer.
    n_units, max_units : int

    Returns
    -------
    ndarray of int
    """
    if units is None:
        return np.arange(min(n_units, max_units))
    units = [units] if isinstance(units, Integral) else list(units)
    if not units or not all(is_index(unit, n_units) for unit in units):
        raise ValueError(
            f"units must be indices of units, from 0 to {n_units - 1}. Got {units!r}."
        )
    return np.array(units, dtype=int)


def share_shown(units, n_units):
    """Describe the units shown, such as 'units 0 to 15 of 100'."""
    if len(units) == n_units:
        return f"all {n_units} units"
    if len(units) > 1 and np.array_equal(units, np.arange(len(units))):
        return f"units 0 to {len(units) - 1} of {n_units}"
    return f"{len(units)} of {n_units} units"

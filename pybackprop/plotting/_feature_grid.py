"""Makes a grid over two features, with the other features at fixed values."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop.plotting._units import is_index

# The grid extends beyond the data by this share of their range, on each side.
_MARGIN = 0.08


@dataclass
class FeatureGrid:
    """A grid over two features, and the samples projected onto them.

    Attributes
    ----------
    x0, x1 : ndarray of shape (grid_resolution,)
        Values of the two features, in increasing order.
    rows : ndarray or DataFrame of shape (grid_resolution ** 2, n_features)
        All points of the grid, with x0 varying fastest; an array or DataFrame as X.
    points : ndarray of shape (n_samples, 2)
        The two features of each row of X.
    feature_names : tuple of two str
    n_features : int
    """

    x0: np.ndarray
    x1: np.ndarray
    rows: object
    points: np.ndarray
    feature_names: tuple
    n_features: int

    @classmethod
    def from_samples(cls, X, features, fixed, grid_resolution):
        """Make the grid over two features of X, or raise ValueError."""
        if not isinstance(grid_resolution, Integral) or grid_resolution < 2:
            raise ValueError(
                f"grid_resolution must be an int >= 2. Got {grid_resolution!r}."
            )
        names = list(getattr(X, "columns", ()))
        require_numbers(X, "X")
        with argument_named("X"):
            table = check_array(
                X, dtype=np.float64, ensure_min_features=2, input_name="X"
            )
        n_features = table.shape[1]
        pair = _pair(features, names, n_features)
        points = table[:, pair]
        x0, x1 = (_range(column, grid_resolution) for column in points.T)
        rows = np.tile(_fixed_values(fixed, table), (grid_resolution**2, 1))
        rows[:, pair[0]] = np.tile(x0, grid_resolution)
        rows[:, pair[1]] = np.repeat(x1, grid_resolution)
        if names:  # a DataFrame of pandas or polars
            rows = type(X)({name: rows[:, i] for i, name in enumerate(names)})
        shown = tuple(str(names[i]) if names else f"feature {i}" for i in pair)
        return cls(x0, x1, rows, points, shown, n_features)

    def on_grid(self, values):
        """Reshape values at ``rows`` to (len(x1), len(x0))."""
        return np.asarray(values, dtype=np.float64).reshape(len(self.x1), len(self.x0))


def _pair(features, names, n_features):
    """Return the indices of two features, or raise ValueError."""
    given = [features] if isinstance(features, (str, Integral)) else list(features)
    indices = [names.index(f) if f in names else f for f in given]
    if (
        len(indices) != 2
        or not all(is_index(i, n_features) for i in indices)
        or indices[0] == indices[1]
    ):
        raise ValueError(
            f"features must be two features of X, by their indices from 0 to "
            f"{n_features - 1}{' or by name' * bool(names)}. Got {features!r}."
        )
    return indices


def _range(column, n):
    low, high = column.min(), column.max()
    beyond = _MARGIN * (high - low) or 0.5
    return np.linspace(low - beyond, high + beyond, n)


def _fixed_values(fixed, table):
    """Return the value of each feature where it is fixed, or raise ValueError."""
    if isinstance(fixed, str) and fixed in ("mean", "median"):
        return getattr(np, fixed)(table, axis=0)
    try:
        values = np.asarray(fixed, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != table.shape[1:] or not np.all(np.isfinite(values)):
        raise ValueError(
            "fixed must be 'mean', 'median' or a finite number for each of the "
            f"{table.shape[1]} features. Got {fixed!r}."
        )
    return values

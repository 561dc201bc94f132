"""Holds the samples of a fit with targets and weights, and selects rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import _safe_indexing

# Rows that are processed at once, so that temporary arrays are short.
ROWS_PER_BLOCK = 2**16
_MAX_EXAMINED_ROWS = 1000
_MAX_EXAMINED_VALUES = 1_000_000


@dataclass
class Dataset:
    """Samples in the forms that the core and scorers read.

    ``X``, ``targets`` and ``sample_weight`` are checked and encoded; ``y`` are the
    labels or numbers before that, and ``X_given`` is X as it was passed, with the names
    of its features, or None where no scorer is going to be called.
    """

    X: Any
    targets: np.ndarray
    sample_weight: np.ndarray | None
    y: Any
    X_given: Any = None

    def take(self, rows):
        """Return the data set of some of the rows."""
        X, weights, X_given = take_rows(self.X, rows), self.sample_weight, self.X_given
        if scipy.sparse.issparse(X_given):
            X_given = X
        elif isinstance(X_given, np.ndarray):
            X_given = take_rows(X_given, rows)
        elif X_given is not None:
            X_given = _safe_indexing(X_given, rows)
        weights = None if weights is None else take_rows(weights, rows)
        targets, y = take_rows(self.targets, rows), take_rows(self.y, rows)
        return Dataset(X, targets, weights, y, X_given)


def take_rows(table, rows):
    """Return some rows of a table, dense or sparse, or entries of a vector.

    By ``take``: for an index in brackets NumPy 2.4 raises SystemError, or crashes, if
    memory runs out.

    Parameters
    ----------
    table : {ndarray, sparse matrix} of shape (n_samples, ...)
    rows : ndarray of int, or slice
    """
    if isinstance(rows, slice) or scipy.sparse.issparse(table):
        return table[rows]
    return table.take(rows, axis=0)


def max_examined_rows(n_features):
    """Return how many rows of a dataset the diagnosis of a fit examines."""
    return min(_MAX_EXAMINED_ROWS, max(_MAX_EXAMINED_VALUES // max(1, n_features), 100))


def sample_rows(n_rows, sample_weight, max_rows):
    """Return at most ``max_rows`` evenly spaced rows of positive weight, as an index.

    Parameters
    ----------
    n_rows : int
    sample_weight : ndarray of shape (n_rows,) or None
    max_rows : int

    Returns
    -------
    slice or ndarray of int
        For ``take_rows``.
    """
    if sample_weight is None:
        return slice(None, None, -(-n_rows // max_rows))
    # Block by block, since the numbers of all rows are as long as the table.
    step = -(-np.count_nonzero(sample_weight) // max_rows)
    chosen, n_seen = [], 0
    for start in range(0, n_rows, ROWS_PER_BLOCK):
        rows = start + np.flatnonzero(sample_weight[start : start + ROWS_PER_BLOCK])
        chosen.append(rows[-n_seen % step :: step].copy())
        n_seen += len(rows)
    return np.concatenate(chosen)

"""Rows of a table by their numbers."""

import numpy as np
import scipy.sparse

_ROWS_OF_A_BLOCK = 2**16


def take_rows(table, rows):
    """Some rows of a table, dense or sparse, or entries of a vector.

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


def some_rows(n_rows, sample_weight, most):
    """At most so many rows that have a weight, evenly over a table, as an index.

    Parameters
    ----------
    n_rows : int
    sample_weight : ndarray of shape (n_rows,) or None
    most : int

    Returns
    -------
    slice or ndarray of int
        For ``take_rows``.
    """
    if sample_weight is None:
        return slice(None, None, -(-n_rows // most))
    # Block by block, since the numbers of all rows are as long as the table.
    step = -(-np.count_nonzero(sample_weight) // most)
    chosen, n_seen = [], 0
    for start in range(0, n_rows, _ROWS_OF_A_BLOCK):
        rows = start + np.flatnonzero(sample_weight[start : start + _ROWS_OF_A_BLOCK])
        chosen.append(rows[-n_seen % step :: step].copy())
        n_seen += len(rows)
    return np.concatenate(chosen)

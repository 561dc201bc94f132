"""Rows of a table by their numbers."""

import scipy.sparse


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

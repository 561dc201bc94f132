"""Sparse tables as the core may read them: valid CSR, a row's columns in order."""

import numpy as np
import scipy.sparse

# Column indices are int32 in the core.
MOST_FEATURES = np.iinfo(np.int32).max


def canonical_rows(X):
    """Dense X as it is; sparse X as CSR with sorted, unique column indices.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix or array
        Not changed.

    Raises
    ------
    ValueError
        For a matrix whose index arrays do not fit together: neither SciPy nor the
        core could read it safely.
    """
    if not scipy.sparse.issparse(X):
        return X
    if X.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"X has {X.shape[1]} features. Sparse X may have {MOST_FEATURES}."
        )
    _require_valid_indices(X)
    rows = X.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is X else rows
        rows.sum_duplicates()
    return rows


def _require_valid_indices(X):
    major, minor = X.shape if X.format == "csr" else X.shape[::-1]
    indptr, indices = np.asarray(X.indptr), np.asarray(X.indices)
    if (
        indptr.shape != (major + 1,)
        or indptr[0] != 0
        or (np.diff(indptr) < 0).any()
        or indptr[-1] > min(len(indices), len(X.data))
    ):
        raise ValueError(
            f"X is a corrupted {X.format.upper()} matrix: indptr must rise from 0 to "
            "at most the number of values."
        )
    used = indices[: indptr[-1]]
    if used.size and (used.min() < 0 or used.max() >= minor):
        raise ValueError(
            f"X is a corrupted {X.format.upper()} matrix: indices must be from 0 to "
            f"{minor - 1}. Got {used.min()} to {used.max()}."
        )


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

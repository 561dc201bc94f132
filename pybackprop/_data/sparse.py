"""Checks sparse tables, and brings them into the form that the core reads.

SciPy's compiled routines and the core do not check the indices of a sparse matrix, and
its attributes and flags can be set by the user.  So its arrays are read once, checked,
and put into a new matrix.
"""

from itertools import chain

import numpy as np
import scipy.sparse

# Column indices are int32 in the core.
MOST_FEATURES = np.iinfo(np.int32).max
_COMPRESSED = ("csr", "csc")


def valid_table(X, name="X"):
    """Return sparse X as a valid CSR or CSC table of the same values; else X itself.

    Parameters
    ----------
    X : object
        Not changed.
    name : str
        Of the argument, for messages.

    Returns
    -------
    object
        Any sparse format but CSC becomes CSR.

    Raises
    ------
    ValueError
        For a table whose arrays do not fit together.
    """
    if not scipy.sparse.issparse(X):
        return X
    try:
        return _compressed(X) if X.format in _COMPRESSED else _rows_of(X)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:
        raise ValueError(f"{name} is a corrupted {X.format.upper()} matrix: {e}") from e


def canonical_rows(X):
    """Return dense X itself; sparse X as CSR with sorted, unique column indices.

    Parameters
    ----------
    X : ndarray, or a table from ``valid_table``
        Not changed.
    """
    if not scipy.sparse.issparse(X):
        return X
    if X.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"Sparse X must have at most {MOST_FEATURES} features. Got {X.shape[1]}."
        )
    rows = X.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is X else rows
        rows.sum_duplicates()
    return rows


def _compressed(X):
    """Return a CSR or CSC table of X's arrays; ValueError if they are invalid."""
    shape = X.shape
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"it must have two dimensions >= 0. Got the shape {shape}.")
    major, minor = shape if X.format == "csr" else shape[::-1]
    data, indices, indptr = (np.asarray(a) for a in (X.data, X.indices, X.indptr))
    if indices.dtype.kind not in "iu" or indptr.dtype.kind not in "iu":
        raise ValueError(
            f"indices must be ints. Got {indices.dtype}, and indptr {indptr.dtype}."
        )
    if data.ndim != 1 or indices.ndim != 1:
        raise ValueError(
            f"data and indices must be vectors. Got {data.ndim} and {indices.ndim}."
        )
    if (
        indptr.shape != (major + 1,)
        or indptr[0] != 0
        or (indptr[1:] < indptr[:-1]).any()
        or indptr[-1] > min(len(indices), len(data))
    ):
        raise ValueError(
            f"indptr must be {major + 1} numbers that begin with 0, do not decrease, "
            "and do not exceed the number of values."
        )
    used = slice(int(indptr[-1]))
    indices = indices[used]
    if indices.size and (indices.min() < 0 or indices.max() >= minor):
        raise ValueError(
            f"indices must be from 0 to {minor - 1}. "
            f"Got {indices.min()} to {indices.max()}."
        )
    kind = "matrix" if isinstance(X, scipy.sparse.spmatrix) else "array"
    table = getattr(scipy.sparse, f"{X.format}_{kind}")
    return table((data[used], indices, indptr), shape=shape)


def _rows_of(X):
    """Return a CSR table of X in another format.

    Python takes the table apart; a COO table that is built anew checks its indices.
    """
    entries = _taken_apart(X)
    kind = "matrix" if isinstance(X, scipy.sparse.spmatrix) else "array"
    rows = getattr(scipy.sparse, f"coo_{kind}")(entries, shape=X.shape).tocsr()
    return _compressed(rows)


def _taken_apart(X):
    """Return values, and their rows and columns."""
    if X.format == "lil":  # which SciPy takes apart by compiled code
        columns, values = list(X.rows), list(X.data)
        lengths = [len(row) for row in columns]
        if lengths != [len(row) for row in values]:
            raise ValueError("each row must have as many indices as values.")
        columns = np.array([*chain.from_iterable(columns)], dtype=np.int64)
        values = np.array([*chain.from_iterable(values)], dtype=X.dtype)
        return values, (np.repeat(np.arange(len(lengths)), lengths), columns)
    if X.format == "dia":  # whose constructor counts its diagonals
        X = scipy.sparse.dia_array((X.data, X.offsets), shape=X.shape)
    entries = X.tocoo()
    return entries.data, (entries.row, entries.col)

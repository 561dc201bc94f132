"""Dask's collections as tables: arrays of known chunks, or values on the client."""

import dask.array as da
import numpy as np
from dask.base import is_dask_collection
from sklearn.utils import column_or_1d


def any_collection(*values):
    """Whether any of the values is a Dask collection."""
    return any(is_dask_collection(value) for value in values)


def on_client(value):
    """A collection's values, brought here; anything else as it is."""
    return value.compute() if is_dask_collection(value) else value


def is_frame(collection):
    """Whether a collection is a data frame, or a column of one."""
    return hasattr(collection, "to_dask_array")


def lazy_array(collection):
    """A collection as a Dask array, whose chunks of rows may have unknown sizes."""
    if is_frame(collection):
        collection = collection.to_dask_array()
    elif not isinstance(collection, da.Array):
        raise TypeError(
            "Expected a Dask array or data frame. Got a Dask "
            f"{type(collection).__name__}: make an array of it first."
        )
    if collection.ndim > 1 and collection.numblocks[1] > 1:
        collection = collection.rechunk({1: -1})
    return collection


def known_array(value, n_samples=None, name="X"):
    """A table as a Dask array whose chunk sizes are known, computed if need be.

    Parameters
    ----------
    value : Dask collection, array-like or float
        A float is a weight for each of ``n_samples`` rows.
    n_samples : int, default=None
        Rows expected; ValueError for another number.
    name : str
        For messages.
    """
    if is_dask_collection(value):
        array = lazy_array(value)
        if np.isnan(array.shape).any():
            array = array.compute_chunk_sizes()
    elif np.ndim(value) == 0 and n_samples is not None:
        array = da.full(n_samples, value, dtype=np.float64)
    else:
        array = da.from_array(np.asarray(value))
    if n_samples is not None and array.shape[:1] != (n_samples,):
        rows = array.shape[0] if array.ndim else 0
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{n_samples}, {name} has {rows}."
        )
    return array


def one_column(y):
    """y as a vector, where it is a table of one column; NumPy's users are told so."""
    if y.ndim == 2 and y.shape[1] == 1:
        column_or_1d(np.zeros((2, 1)), warn=True)
        return y[:, 0]
    return y


def column_names(collection, n_features):
    """A table of no rows, with the names that scikit-learn looks for."""
    if is_frame(collection):
        return collection._meta
    return np.empty((0, n_features))

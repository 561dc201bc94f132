"""Converts Dask collections to arrays of known chunks, or to local values."""

import dask.array as da
import numpy as np
from dask.base import is_dask_collection
from sklearn.utils import column_or_1d


def any_collection(*values):
    """Whether any of the values is a Dask collection."""
    return any(is_dask_collection(value) for value in values)


def on_client(value):
    """Return a collection's values on the client; anything else unchanged."""
    return value.compute() if is_dask_collection(value) else value


def is_frame(collection):
    """Whether a collection is a data frame, or a column of one."""
    return hasattr(collection, "to_dask_array")


def lazy_array(collection):
    """Return a collection as a Dask array; chunks may have unknown sizes."""
    if is_frame(collection):
        collection = _of_numpy(collection).to_dask_array()
    elif not isinstance(collection, da.Array):
        raise TypeError(
            "Expected a Dask array or data frame. Got a Dask "
            f"{type(collection).__name__}: make an array of it first."
        )
    if collection.ndim > 1 and collection.numblocks[1] > 1:
        collection = collection.rechunk({1: -1})
    return collection


def _of_numpy(frame):
    """Return a column of a type of pandas in the form that scikit-learn reads."""
    dtype = getattr(frame, "dtype", None)
    if hasattr(dtype, "categories"):
        return frame.map_partitions(_plain, meta=frame._meta.astype(object))
    is_number = getattr(getattr(dtype, "numpy_dtype", None), "kind", "O") in "biuf"
    return frame.astype(np.float64) if is_number else frame


def _plain(series):
    return type(series)(np.asarray(series), index=series.index)


def known_array(value):
    """Return a table, or a vector, as a Dask array of known chunk sizes.

    Those of a collection are computed if need be; other values go along with the tasks.
    """
    if not is_dask_collection(value):
        return da.from_array(np.asarray(value), chunks=-1)
    array = lazy_array(value)
    return array.compute_chunk_sizes() if np.isnan(array.shape).any() else array


def one_column(y):
    """Return y as a vector if it has one column, with scikit-learn's warning."""
    if y.ndim == 2 and y.shape[1] == 1:
        column_or_1d(np.zeros((2, 1)), warn=True)
        return y[:, 0]
    return y


def column_names(collection, n_features):
    """Return a table without rows that has the names of the features."""
    if is_frame(collection):
        return collection._meta
    return np.empty((0, n_features))

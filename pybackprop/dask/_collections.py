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
    """A column of one of pandas' own types as scikit-learn reads it."""
    dtype = getattr(frame, "dtype", None)
    if hasattr(dtype, "categories"):
        return frame.map_partitions(_plain, meta=frame._meta.astype(object))
    is_number = getattr(getattr(dtype, "numpy_dtype", None), "kind", "O") in "biuf"
    return frame.astype(np.float64) if is_number else frame


def _plain(series):
    return type(series)(np.asarray(series), index=series.index)


def known_array(value):
    """A table, or a vector, as a Dask array whose chunk sizes are known.

    Those of a collection are computed if need be; other values go along with the tasks.
    """
    if not is_dask_collection(value):
        return da.from_array(np.asarray(value), chunks=-1)
    array = lazy_array(value)
    return array.compute_chunk_sizes() if np.isnan(array.shape).any() else array


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

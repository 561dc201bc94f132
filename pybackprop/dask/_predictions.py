"""Predicts for Dask collections lazily, chunk by chunk."""

from copy import deepcopy

import dask
import dask.array as da
import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted, validate_data

from pybackprop._estimator.fitted import working_copy
from pybackprop.dask._collections import column_names, lazy_array

_OF_TRAINING = "_optimizer _pause _best_parameters _history _skl_callbacks".split()


def predict_lazily(model, method, X):
    """Return a lazy array of what a fitted model's method returns for each row.

    Parameters
    ----------
    model : estimator
        Predictions are those of the model as it is now.
    method : str
    X : Dask array or data frame

    Returns
    -------
    dask.array.Array
    """
    check_is_fitted(model)
    rows = lazy_array(X)
    n_features = rows.shape[1] if rows.ndim == 2 else 1
    model = working_copy(model)
    names = column_names(X, n_features)
    validate_data(model, names, reset=False, skip_check_array=True)
    # Names have been checked once: chunks have none.
    model = working_copy(model, without=["feature_names_in_"])
    example = _of_chunk(np.zeros((1, n_features), rows.dtype), model, method)
    shape = example.shape[1:]
    # In memory of its own.
    snapshot = deepcopy(working_copy(model, without=_OF_TRAINING))
    snapshot = dask.delayed(snapshot, traverse=False)
    return da.map_blocks(
        _of_chunk,
        rows,
        snapshot,
        method,
        drop_axis=None if shape else 1,
        chunks=(rows.chunks[0], *((n,) for n in shape)),
        dtype=example.dtype,
        meta=np.empty((0,) * example.ndim, example.dtype),
    )


def _of_chunk(X, model, method):
    if len(X) == 0:  # a partition may be left without rows
        one = np.zeros((1, X.shape[1]), X.dtype)
        return _of_chunk(one, model, method)[:0]
    outputs = getattr(model, method)(X)
    return outputs.toarray() if scipy.sparse.issparse(outputs) else outputs

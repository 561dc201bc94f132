"""Estimators whose ``fit`` takes Dask collections as well.

A fit is that of the local estimator, on training data that stays on the cluster.
"""

from dataclasses import replace

import dask
import dask.array as da
import numpy as np
from distributed import get_client
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from pybackprop._estimator.data import accepted_dtypes, check_table
from pybackprop._model.class_weights import balanced_weights
from pybackprop._parameters import is_stochastic
from pybackprop.classifier import MLPClassifier as LocalClassifier
from pybackprop.dask._checks import require_dense, require_weights, some_targets
from pybackprop.dask._collections import (
    any_collection,
    column_names,
    known_array,
    on_client,
    one_column,
)
from pybackprop.dask._dataset import DaskData
from pybackprop.dask._predictions import predict_lazily
from pybackprop.dask._shards import BLOCK_ROWS
from pybackprop.regressor import MLPRegressor as LocalRegressor


class CollectionsMixin:
    """What the two estimators share."""

    def predict(self, X):
        """As in the local estimator; returns a lazy array if X is a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict", X)
        return super().predict(X)

    def transform(self, X):
        """As in the local estimator; returns a lazy array if X is a collection."""
        if any_collection(X):
            return predict_lazily(self, "transform", X)
        return super().transform(X)

    def score(self, X, y, sample_weight=None):
        """As in the local estimator.

        Of a collection, predictions, y and weights are sent to the client, but not X.
        """
        if not any_collection(X, y, sample_weight):
            return super().score(X, y, sample_weight)
        predicted, y, sample_weight = dask.compute(self.predict(X), y, sample_weight)
        return self._score(y, sample_weight, lambda: predicted)

    def _train(self, request, starts_anew):
        if any_collection(request.X, request.y, request.sample_weight):
            _check_request(self, request)
        names = ("X_val", "y_val", "sample_weight_val")
        values = {name: on_client(getattr(request, name)) for name in names}
        super()._train(replace(request, **values), starts_anew)

    def _read_data(self, targets, request, starts_anew):
        if any_collection(request.X, request.y, request.sample_weight):
            return read_collections(self, targets, request, starts_anew)
        return super()._read_data(targets, request, starts_anew)


class MLPClassifier(CollectionsMixin, LocalClassifier):
    """``pybackprop.MLPClassifier``, whose ``fit`` takes Dask collections.

    Parameters and fitted attributes are those of the local estimator. ``fit`` takes
    Dask arrays and data frames for X, y and sample_weight, and trains on the workers of
    the current ``distributed.Client``, where the data stays. The result has the bits of
    the local fit with the same parameters, for any number of workers, any chunks and
    any placement of the data, as long as the data can be computed again when a worker
    is lost. A stochastic solver needs ``shuffle='blocks'`` or False, and a
    ``batch_size`` that is a multiple of 256, or at least the number of samples. A
    validation set that is a collection is sent to the client.

    Predictions of a collection are lazy Dask arrays. Other input is fitted and
    predicted locally.
    """

    def decision_function(self, X):
        """As in the local estimator; returns a lazy array if X is a collection."""
        if any_collection(X):
            return predict_lazily(self, "decision_function", X)
        return super().decision_function(X)

    @available_if(lambda self: hasattr(super(), "predict_proba"))
    def predict_proba(self, X):
        """As in the local estimator; returns a lazy array if X is a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict_proba", X)
        return super().predict_proba(X)

    @available_if(lambda self: hasattr(super(), "predict_log_proba"))
    def predict_log_proba(self, X):
        """As in the local estimator; returns a lazy array if X is a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict_log_proba", X)
        return super().predict_log_proba(X)


class MLPRegressor(CollectionsMixin, LocalRegressor):
    """``pybackprop.MLPRegressor``, whose ``fit`` takes Dask collections.

    As ``pybackprop.dask.MLPClassifier``, for regression.
    """


def read_collections(estimator, targets, request, starts_anew):
    """Return training data on the cluster; as ``_estimator.data.read_arrays``."""
    client = _current_client()
    arrays = _known_arrays(estimator, targets, request)
    n_samples, n_features = arrays[0].shape
    _require_whole_blocks(estimator, n_samples)
    names = column_names(request.X, n_features)
    validate_data(estimator, names, reset=starts_anew, skip_check_array=True)
    dtype = accepted_dtypes(estimator, starts_anew)
    if starts_anew:
        dtype = np.float32 if arrays[0].dtype == np.float32 else np.float64
    data = DaskData(client, targets, n_samples, n_features, dtype)
    try:
        found = data.persist(type(estimator)(), *arrays)
        require_weights(found)
        encoded = targets.start(
            some_targets(found, n_samples),
            data.dtype,
            all_classes=estimator.warm_start,
        )
        _start_class_weights(targets, data, encoded)
        data.hold()
    except BaseException:
        data.close()
        raise
    return data, {"X": request.X, "y": request.y, "sample_weight": None}


def _known_arrays(estimator, targets, request):
    """Return X, y and the weights as Dask arrays with the same number of rows."""
    X = known_array(request.X)
    require_dense(X)
    if X.ndim != 2 or 0 in X.shape:
        # Raises what a local fit raises.
        shape = X.shape if 0 in X.shape else (1,) * X.ndim
        y = np.zeros(shape[:1])
        check_table(estimator, targets, np.zeros(shape), y, np.float64, reset=True)
    n_samples = X.shape[0]
    y = one_column(known_array(request.y))
    if y.shape[:1] != X.shape[:1]:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_samples, *y.shape[:1]]}"
        )
    sample_weight = request.sample_weight
    if sample_weight is None:
        return X, y, None
    if np.ndim(sample_weight) == 0:
        return X, y, da.full(n_samples, sample_weight, dtype=np.float64)
    sample_weight = known_array(sample_weight)
    if sample_weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have the shape ({n_samples},), one weight per "
            f"sample. Got the shape {sample_weight.shape}."
        )
    return X, y, sample_weight


def _start_class_weights(targets, data, encoded):
    """Compute the weights of the classes, if there are classes."""
    is_balanced = targets.has_classes and isinstance(targets.params.class_weight, str)
    if not is_balanced:
        targets.start_weights(encoded, None)
        return
    targets.class_weights = [
        balanced_weights(np.arange(len(totals)), len(totals), totals)
        for totals in data.class_totals(targets.labels)
    ]


def _current_client():
    try:
        client = get_client()
    except ValueError as error:
        raise RuntimeError(
            "A fit of Dask collections needs a client. Start a cluster of this "
            "machine's own: from dask.distributed import Client; client = Client(); "
            "or connect to one: Client('scheduler-address:8786')."
        ) from error
    if client.asynchronous:
        raise RuntimeError(
            "A fit of Dask collections needs a synchronous client. Got one with "
            "asynchronous=True: create one by Client(..., asynchronous=False)."
        )
    if not client.nthreads():
        raise RuntimeError(
            f"A fit needs a cluster with at least one worker. Got {client!r} without "
            "any: start workers, or call its wait_for_workers(1)."
        )
    return client


def _check_request(params, request):
    """Raise ValueError for what training data on a cluster does not support."""
    if request.is_one_epoch:
        raise ValueError(
            "partial_fit trains on samples in memory. Got a Dask collection: pass one "
            "chunk after the other, computed, or use fit."
        )
    if not is_stochastic(params):
        return
    if params.shuffle not in (False, "blocks"):
        raise ValueError(
            "shuffle must be 'blocks', or False, when the samples are on a cluster: an "
            "order of all samples would move them from worker to worker. "
            f"Got shuffle={params.shuffle!r}: set shuffle='blocks'."
        )
    if params.early_stopping and request.X_val is None:
        raise ValueError(
            "early_stopping=True needs a validation set, X_val and y_val, when the "
            "samples are on a cluster: validation_fraction draws none from there. Pass "
            "X_val and y_val to fit."
        )


def _require_whole_blocks(params, n_samples):
    """Raise ValueError unless batches are made of whole blocks of rows."""
    if not is_stochastic(params):
        return
    given = params.batch_size
    size = 200 if isinstance(given, str) else given
    if size < n_samples and size % BLOCK_ROWS:
        raise ValueError(
            f"batch_size must be a multiple of {BLOCK_ROWS}, or at least the number of "
            f"samples ({n_samples}), when these are on a cluster: a batch is made of "
            f"whole blocks of rows there. Got batch_size={given!r}"
            + (", which is 200." if isinstance(given, str) else ".")
        )

"""The local estimators, whose ``fit`` takes Dask collections as well.

What is here says which of the two ways a call takes; how a fit goes on the cluster is
the training rows' affair, dask/_dataset.py.
"""

from contextlib import contextmanager
from contextvars import ContextVar

import dask
import dask.array as da
import numpy as np
from distributed import get_client
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from pybackprop._data.labels import ClassLabels
from pybackprop._estimator.base import is_stochastic
from pybackprop._model.layers import check_layers
from pybackprop.classifier import MLPClassifier as LocalClassifier
from pybackprop.dask._checks import require_dense, require_weights, some_targets
from pybackprop.dask._collections import (
    any_collection,
    column_names,
    known_array,
    on_client,
    one_column,
)
from pybackprop.dask._dataset import OnWorkers
from pybackprop.dask._predictions import predict_lazily
from pybackprop.dask._shards import BLOCK_ROWS
from pybackprop.regressor import MLPRegressor as LocalRegressor

# What the fit that this thread is in has on the workers.
_OPENED = ContextVar("_OPENED")

# Parameters by which targets are judged and read.
_OF_TARGETS = ("loss", "huber_delta", "quantile", "power", "label_smoothing")


class OnCluster:
    """What the two estimators share."""

    def predict(self, X):
        """As of the local estimator; a lazy array for a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict", X)
        return super().predict(X)

    def transform(self, X):
        """As of the local estimator; a lazy array for a collection."""
        if any_collection(X):
            return predict_lazily(self, "transform", X)
        return super().transform(X)

    def score(self, X, y, sample_weight=None):
        """As of the local estimator.

        Of a collection what is predicted, y and the weights, not X, are brought here.
        """
        if not any_collection(X, y, sample_weight):
            return super().score(X, y, sample_weight)
        predicted, y, sample_weight = dask.compute(self.predict(X), y, sample_weight)
        known = self._draft()
        known.predict = lambda predicted: predicted
        return super(OnCluster, known).score(predicted, y, sample_weight)

    def _fit_draft(self, X, y, sample_weight, held_out, groups, classes, **how):
        if any_collection(X, y, sample_weight):
            _require_suited(self, held_out, how["incremental"])
        held_out = tuple(map(on_client, held_out))
        with _closing():
            super()._fit_draft(X, y, sample_weight, held_out, groups, classes, **how)

    def _check_rows(self, X, y, sample_weight, starts_anew, incremental, classes):
        if not any_collection(X, y, sample_weight):
            return super()._check_rows(
                X, y, sample_weight, starts_anew, incremental, classes
            )
        client = _current_client()
        arrays = self._known_arrays(X, y, sample_weight)
        n_samples, n_features = arrays[0].shape
        _require_whole_blocks(self, n_samples)
        names = column_names(X, n_features)
        validate_data(self, names, reset=starts_anew, skip_check_array=True)
        dtype = np.float32 if arrays[0].dtype == np.float32 else np.float64
        if not starts_anew:
            _, dtype = check_layers(self.coefs_, self.intercepts_)
        rows = OnWorkers(client, n_samples, n_features, dtype)
        _OPENED.get().append(rows)
        found = rows.persist(self._reader(), *arrays)
        require_weights(found)
        targets = some_targets(found, n_samples)
        encoded, loss = self._check_targets(targets, rows.dtype, False, None)
        self._weigh_classes_of(rows, encoded)
        rows.hold(self._reader())
        return rows, loss

    def _known_arrays(self, X, y, sample_weight):
        """X, y and the weights as Dask arrays of one number of rows."""
        X = known_array(X)
        require_dense(X)
        if X.ndim != 2 or 0 in X.shape:
            # Says what is wrong in the words of the local fit.
            shape = X.shape if 0 in X.shape else (1,) * X.ndim
            self._validate(np.zeros(shape), np.zeros(shape[:1]), np.float64, True)
        n_samples = X.shape[0]
        y = one_column(known_array(y))
        if y.shape[:1] != X.shape[:1]:
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"{[n_samples, *y.shape[:1]]}"
            )
        if sample_weight is None:
            return X, y, None
        if np.ndim(sample_weight) == 0:
            return X, y, da.full(n_samples, sample_weight, dtype=np.float64)
        sample_weight = known_array(sample_weight)
        if sample_weight.shape != (n_samples,):
            raise ValueError(
                f"sample_weight must have the shape ({n_samples},), one weight a "
                f"sample. Got the shape {sample_weight.shape}."
            )
        return X, y, sample_weight

    def _reader(self):
        """An estimator that knows how to read targets, and nothing else of this one."""
        reader = type(self)()
        names = (*_OF_TARGETS, "_labels", "classes_", "_class_weights", "n_outputs_")
        of_this = vars(self)
        vars(reader).update({name: of_this[name] for name in names if name in of_this})
        return reader

    def _weigh_classes_of(self, rows, targets):
        """Find the weights of the classes, where there are classes."""

    def _encoded(self, shard):
        """Targets and weights of a shard as the core reads them."""
        targets = self._check_validation_targets(shard.y, shard.X.dtype)
        return targets, shard.sample_weight


class MLPClassifier(OnCluster, LocalClassifier):
    """``pybackprop.MLPClassifier``, whose ``fit`` takes Dask collections.

    Parameters and fitted attributes are those of the local estimator. ``fit`` takes
    Dask arrays and data frames for X, y and sample_weight, and trains on the workers of
    the current ``distributed.Client``, where the data stays. The result has the bits of
    the local fit with the same parameters, whatever the number of workers, the chunks
    and the places they lie at, as long as the data can be computed again when a worker
    is lost. A stochastic solver needs ``shuffle='blocks'`` or False, and a
    ``batch_size`` that is a multiple of 256, or at least the number of samples. A
    validation set that is a collection is brought to the client.

    Predictions of a collection are lazy Dask arrays. Of anything else a fit or a
    prediction is that of the local estimator.
    """

    def decision_function(self, X):
        """As of the local estimator; a lazy array for a collection."""
        if any_collection(X):
            return predict_lazily(self, "decision_function", X)
        return super().decision_function(X)

    @available_if(lambda self: hasattr(super(), "predict_proba"))
    def predict_proba(self, X):
        """As of the local estimator; a lazy array for a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict_proba", X)
        return super().predict_proba(X)

    @available_if(lambda self: hasattr(super(), "predict_log_proba"))
    def predict_log_proba(self, X):
        """As of the local estimator; a lazy array for a collection."""
        if any_collection(X):
            return predict_lazily(self, "predict_log_proba", X)
        return super().predict_log_proba(X)

    def _labels_in(self, y, dtype):
        """Labels that occur in a shard's y; ValueError for what are no labels."""
        labels = ClassLabels.of(y)
        if labels.kind == "multilabel":
            labels = ClassLabels.of(y.ravel())
        return labels.classes

    def _weigh_classes_of(self, rows, targets):
        self._class_weights = None
        if isinstance(self.class_weight, str):
            self._class_weights = [
                _balanced(totals) for totals in rows.class_totals(self._labels)
            ]
        elif self.class_weight is not None:
            self._class_weights = self._labels.class_weights(
                self.class_weight, targets, None
            )

    def _encoded(self, shard):
        targets, weights = super()._encoded(shard)
        if self._class_weights is not None:
            of_classes = self._labels.weigh(self._class_weights, targets)
            weights = of_classes if weights is None else of_classes * weights
        return targets, weights


class MLPRegressor(OnCluster, LocalRegressor):
    """``pybackprop.MLPRegressor``, whose ``fit`` takes Dask collections.

    As ``pybackprop.dask.MLPClassifier`` is of ``pybackprop.MLPClassifier``.
    """

    def _labels_in(self, y, dtype):
        """None; ValueError for targets that the loss does not take."""
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self._check_validation_targets(y, dtype)


@contextmanager
def _closing():
    """Leave nothing on the workers, however a fit ends."""
    opened = []
    token = _OPENED.set(opened)
    try:
        yield
    finally:
        _OPENED.reset(token)
        for rows in opened:
            rows.close()


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
            "asynchronous=True."
        )
    if not client.nthreads():
        raise RuntimeError(f"The cluster has no workers. Got {client!r}.")
    return client


def _require_suited(model, held_out, incremental):
    """Raise ValueError for what there is not for rows on a cluster."""
    if incremental:
        raise ValueError(
            "partial_fit trains on samples in memory. Got a Dask collection: pass one "
            "chunk after the other, computed, or use fit."
        )
    if not is_stochastic(model):
        return
    if model.shuffle not in (False, "blocks"):
        raise ValueError(
            "shuffle must be 'blocks', or False, when the samples are on a cluster: an "
            "order of all rows would carry them from worker to worker. "
            f"Got shuffle={model.shuffle!r}."
        )
    if model.early_stopping and held_out[0] is None:
        raise ValueError(
            "early_stopping=True needs a validation set, X_val and y_val, when the "
            "samples are on a cluster: validation_fraction draws none from there."
        )


def _require_whole_blocks(model, n_samples):
    """Raise ValueError unless the batches of a model are made of whole blocks."""
    if not is_stochastic(model):
        return
    given = model.batch_size
    size = 200 if isinstance(given, str) else given
    if size < n_samples and size % BLOCK_ROWS:
        raise ValueError(
            f"batch_size must be a multiple of {BLOCK_ROWS}, or at least the number of "
            f"samples ({n_samples}), when these are on a cluster: a batch is made of "
            f"whole blocks of rows there. Got batch_size={given!r}"
            + (", which is 200." if isinstance(given, str) else ".")
        )


def _balanced(totals):
    """Balanced weights of the classes of one column, from their totals."""
    codes = np.arange(len(totals))
    labels = ClassLabels(codes, "multiclass")
    (weights,) = labels.class_weights("balanced", codes, totals)
    return weights

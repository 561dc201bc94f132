"""Turns what a caller passes to a fit into training data and a validation set."""

from inspect import signature

import numpy as np
import scipy.sparse
from sklearn.metrics import get_scorer
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from pybackprop._data.dataset import Dataset
from pybackprop._data.labels import MULTILABEL, labels_in
from pybackprop._data.numeric import argument_named, error_prefix, require_numbers
from pybackprop._data.sparse import canonical_rows, valid_table
from pybackprop._data.weights import check_sample_weight
from pybackprop._model.layers import check_layers
from pybackprop._training.batches import BatchData, require_batch
from pybackprop._training.in_memory import ArrayData


def check_table(estimator, targets, X, y, dtype, reset):
    """Validate X and y as scikit-learn does, and refuse values that are no numbers.

    Parameters
    ----------
    estimator : estimator
        Its features are those of X: set with ``reset``, else compared.
    targets : Targets
    X, y : array-like
    dtype : numpy dtype or tuple of them
        Data types that X may keep.
    reset : bool

    Returns
    -------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : ndarray or sparse matrix
    """
    require_numbers(X, "X")
    targets.validate(y)
    with argument_named("X or y"):
        X, y = validate_data(
            estimator,
            valid_table(X),
            valid_table(y, "y"),
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=dtype,
            reset=reset,
            **targets.check_options,
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


def accepted_dtypes(estimator, starts_anew):
    """Return the data types that X may keep: both, or that of the fitted weights."""
    if starts_anew:
        return (np.float64, np.float32)
    _, dtype = check_layers(estimator.coefs_, estimator.intercepts_)
    return dtype


def read_arrays(estimator, targets, request, starts_anew):
    """Return the training data of ``fit`` and ``partial_fit``.

    Parameters
    ----------
    estimator : estimator
        A working copy: features are set.
    targets : Targets
        Learns labels, outputs and loss from y.
    request : FitRequest
    starts_anew : bool
        Whether the fit starts with new weights.

    Returns
    -------
    data : ArrayData
    seen : dict
        X, y and sample_weight as callbacks see them.
    """
    dtype = accepted_dtypes(estimator, starts_anew)
    X, y = check_table(estimator, targets, request.X, request.y, dtype, starts_anew)
    given_weight = check_sample_weight(request.sample_weight, X.shape[0])
    X = canonical_rows(X)
    encoded = targets.start(
        y,
        X.dtype,
        classes=request.classes,
        in_parts=request.in_parts,
        all_classes=estimator.warm_start,
    )
    targets.start_weights(encoded, given_weight, request.in_parts)
    weights = targets.weigh(encoded, given_weight, "sample_weight")
    X_given = request.X if has_scorer(estimator) else None
    table = Dataset(X, encoded, weights, y, X_given)
    seen = {"X": request.X, "y": request.y, "sample_weight": given_weight}
    return ArrayData(table, targets), seen


def read_batches(estimator, targets, request, starts_anew):
    """Return the training data of ``fit_batches``; as ``read_arrays``."""
    source, classes, n_batches = request.batches, request.classes, None
    if targets.needs_classes(classes):
        classes, n_batches = _find_classes(source)
    reader = _BatchReader(estimator, targets, classes, starts_anew)
    data = BatchData(source, targets, reader.read, n_batches)
    return data, reader.seen


def read_validation_set(estimator, targets, request, dtype):
    """Return the Dataset of a validation set that the caller passes; else None.

    X_val must have the features of X, and y_val the outputs of y.
    """
    if request.X_val is None:
        return None
    with error_prefix("In the validation set X_val, y_val"):
        X, y = check_table(
            estimator, targets, request.X_val, request.y_val, dtype, reset=False
        )
        X = canonical_rows(X)
        encoded = targets.encode(y, dtype)
    name = "sample_weight_val"
    weights = check_sample_weight(request.sample_weight_val, X.shape[0], name)
    weights = targets.weigh(encoded, weights, name)
    return Dataset(X, encoded, weights, y, request.X_val)


# ----------------------------------------------------------------------------- scorers
def has_scorer(params):
    """Whether ``scoring`` is a scorer, which is called with the estimator."""
    return params.scoring is not None and params.scoring != "loss"


def scorer_of(estimator):
    """Return ``scorer(X, y, sample_weight)`` for the estimator; None without one."""
    if not has_scorer(estimator):
        return None
    scorer = get_scorer(estimator.scoring)
    # A scorer of scikit-learn passes sample weights to its metric.
    metric = getattr(scorer, "_score_func", scorer)
    try:
        takes_weights = "sample_weight" in signature(metric).parameters
    except ValueError:  # some functions in C have no signature
        takes_weights = False

    def score(X, y, sample_weight):
        if sample_weight is None or not takes_weights:
            return scorer(estimator, X, y)
        return scorer(estimator, X, y, sample_weight=sample_weight)

    return score


# ----------------------------------------------------------------------------- batches
def _find_classes(source):
    """Return the labels of all batches, and how many batches there are.

    None for a multilabel y, whose columns are the labels.
    """

    def labels_of(batch, position):
        with error_prefix(f"In batch {position} of the pass that looks for classes"):
            return labels_in(valid_table(_parts(batch)[1], "y"))

    labels = found = source.open(labels_of)
    require_batch(labels, 0)
    n_batches = 0
    while labels is not None and labels is not MULTILABEL:
        found = labels_in(found, labels)
        n_batches += 1
        labels = source.next()
    source.close()
    return (None, None) if labels is MULTILABEL else (found, n_batches)


class _BatchReader:
    """Converts batches: the first sets features and outputs, all others must match.

    Parameters are those of ``read_arrays``; ``classes`` are all labels, or None.

    Attributes
    ----------
    seen : dict
        X, y and sample_weight of the first batch, as callbacks see them.
    """

    def __init__(self, estimator, targets, classes, starts_anew):
        self._estimator, self._targets = estimator, targets
        self._classes, self._starts_anew = classes, starts_anew
        self._accepted = accepted_dtypes(estimator, starts_anew)
        self._dtype = None
        self.seen = None

    def read(self, batch, position, epoch):
        """Return the Dataset of a batch, on memory of its own."""
        with error_prefix(f"In batch {position} of epoch {epoch}"):
            X_given, y, sample_weight = _parts(batch)
            is_first = self._dtype is None
            resets = is_first and self._starts_anew
            X, y = check_table(
                self._estimator, self._targets, X_given, y, self._accepted, resets
            )
            if not is_first and X.dtype != self._dtype:
                raise ValueError(
                    f"X must be {self._dtype}, as in the first batch. Got {X.dtype}."
                )
            given = check_sample_weight(sample_weight, X.shape[0], may_be_zero=True)
            X, given = _own(canonical_rows(X)), _own(given)
            targets = self._targets
            if is_first:
                encoded = targets.start(
                    y, X.dtype, classes=self._classes, in_parts=True
                )
                targets.start_weights(None, None, in_parts=True)
            else:
                encoded = targets.encode(y, X.dtype)
            encoded = _own(encoded)
            weights = targets.weigh(encoded, given, "sample_weight", may_be_zero=True)
            if is_first:
                self._dtype = X.dtype
                # A scorer is to see the caller's labels, and names if there are any.
                self.seen = {
                    "X": X if isinstance(X_given, np.ndarray) else X_given,
                    "y": _own(y),
                    "sample_weight": given,
                }
            return Dataset(X, encoded, weights, None)


def _parts(batch):
    """Return X, y and sample_weight, or None, of a batch."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        length = f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise ValueError(
            "a batch must be a tuple (X, y) or (X, y, sample_weight). "
            f"Got {type(batch).__name__}{length}."
        )
    return (*batch, None)[:3]


def _own(array):
    """Return the same values in memory that nobody else has."""
    if array is None or scipy.sparse.issparse(array):
        return array if array is None else array.copy()
    return np.array(array)

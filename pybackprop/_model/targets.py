"""Defines targets: what differs between classification and regression.

Every step of a fit that depends on the task asks one object, whose protocol is
``Targets``. It knows no estimator: it reads parameters by name.
"""

from copy import copy
from types import SimpleNamespace

import numpy as np
import scipy.sparse
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import is_multilabel

from pybackprop import _core
from pybackprop._data.labels import (
    ClassLabels,
    check_output_columns,
    require_labels,
)
from pybackprop._data.numeric import require_numbers
from pybackprop._data.weights import require_total_weight
from pybackprop._model.class_weights import class_weights_of
from pybackprop._model.decoding import (
    decide,
    require_same_classes,
)
from pybackprop._model.losses import Loss, check_output, elementwise_form
from pybackprop._parameters import LOSS_PARAMETERS

_CALLABLE_DOMAIN = {
    "target_domain": "finite numbers",
    "target_low": -np.inf,
    "target_high": np.inf,
    "target_low_belongs": True,
    "rows_sum_to_one": False,
}


def check_target_domain(loss, y, description=None):
    """Raise ValueError for a target outside the domain that the loss's record names.

    Parameters
    ----------
    loss : str or callable
        A name from the core's list of losses. A callable takes finite numbers.
    y : ndarray of shape (n_samples, n_outputs)
    description : str, default=None
        What the message calls the loss; None for its name.
    """
    record = _CALLABLE_DOMAIN if callable(loss) else _core.losses()[loss]
    low = record["target_low"]
    problem = None
    # Minimum and maximum keep a NaN, and make no array as long as y.
    smallest, largest = y.min(), y.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        problem = "NaN or infinity"
    elif smallest < low or (smallest == low and not record["target_low_belongs"]):
        problem = smallest
    elif largest > record["target_high"]:
        problem = largest
    elif record["rows_sum_to_one"]:
        sums = y.sum(axis=1)
        # A sum of n rounded probabilities is 1 to about n roundings.
        far = np.abs(sums - 1) > 4 * y.shape[1] * np.finfo(y.dtype).eps
        if far.any():
            problem = f"a row with the sum {sums[far][0]}"
    if problem is not None:
        raise ValueError(
            f"y must be {record['target_domain']} for the loss "
            f"{description or repr(loss)}. Got {problem}."
        )


class Targets:
    """The protocol of the targets of a task.

    ``start`` learns from the first y of a fit what the network needs to know of its
    outputs; the other methods then serve the training set, a validation set, batches,
    the shards of a cluster and predictions alike. "Encoded" targets are those that the
    core reads: class codes, indicators, or numbers of the network's data type.

    Parameters
    ----------
    params : object
        Has the parameters named in ``parameters`` as attributes, as an estimator has.

    Attributes
    ----------
    output_activation : str or None
    loss : Loss or None
    n_outputs : int or None
        Number of units of the output layer.
    class_weights : list of ndarray or None
        Weights of the values of each column of y, by code; set by ``start_weights``.
    """

    # Names of the parameters that are read.
    parameters = ()
    # Options of scikit-learn's check_X_y.
    check_options = {}
    # Whether predictions are class labels.
    has_classes = False

    def __init__(self, params):
        self.params = params
        self.output_activation = None
        self.loss = None
        self.class_weights = None

    @classmethod
    def from_attributes(cls, params, attributes):
        """Return the targets of a fitted estimator, by a mapping of its attributes."""
        raise NotImplementedError

    @classmethod
    def from_network(cls, params, network, labels=None):
        """Return the targets of a network; ``labels`` name its outputs."""
        raise NotImplementedError

    def attributes(self):
        """Return the fitted attributes of an estimator that say the same, by name."""
        raise NotImplementedError

    def detached(self):
        """Return a copy without the estimator, to be sent to another process."""
        copied = copy(self)
        values = {name: getattr(self.params, name) for name in self.parameters}
        copied.params = SimpleNamespace(**values)
        return copied

    # ------------------------------------------------------------------ from y to codes
    def validate(self, y):
        """Raise ValueError or TypeError for values that cannot be targets.

        Called before any conversion, which might change such values silently.
        """
        raise NotImplementedError

    def needs_classes(self, classes):
        """Whether all labels have to be known before the first of several parts."""
        return False

    def start(self, y, dtype, *, classes=None, in_parts=False, all_classes=False):
        """Choose outputs and loss for y, and encode it.

        Parameters
        ----------
        y : ndarray
            As scikit-learn has validated it.
        dtype : numpy dtype
            The data type of the network.
        classes : array-like or None
            All labels, of which y may lack some.
        in_parts : bool
            Whether y has some of the samples only, as in partial_fit.
        all_classes : bool
            Whether each known class has to occur in y.

        Returns
        -------
        ndarray
        """
        raise NotImplementedError

    def encode(self, y, dtype):
        """Encode y, once ``start`` or a fit has set what is known of the targets."""
        raise NotImplementedError

    def core_targets(self, encoded, dtype):
        """Return encoded targets in the form that the core's functions take."""
        return _core.Targets(encoded, dtype)

    def numbers(self, encoded, dtype):
        """Return the numbers that the core makes of encoded targets.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        return encoded

    # ------------------------------------------------------------------ output and loss
    def output_asked_for(self, dtype):
        """Return the name of the output activation that the parameters ask for."""
        raise NotImplementedError

    def loss_with(self, output_activation, dtype):
        """Return the Loss that the parameters ask for with an output activation."""
        raise NotImplementedError

    def choose_output(self, dtype):
        """Set output activation and loss; ValueError if they do not go together."""
        output = self.output_asked_for(dtype)
        loss = self.loss_with(output, dtype)
        check_output(loss.name, output, loss.description)
        self.output_activation, self.loss = output, loss

    # ---------------------------------------------------- weights, split, score, decode
    def start_weights(self, encoded, sample_weight, in_parts=False):
        """Compute the weights of the classes, if there are classes."""

    def weigh(self, encoded, sample_weight, name, may_be_zero=False):
        """Return sample weights times class weights; None if all weights are 1.

        ``name`` is that of the sample weights, for messages. ``may_be_zero`` permits
        that all are 0, as in one batch of many.
        """
        return sample_weight

    def strata(self, encoded):
        """Return what a validation split is stratified by; None for no strata."""
        return None

    def score(self, encoded, y_pred, sample_weight):
        """Return accuracy or R^2 of the network's outputs."""
        raise NotImplementedError

    def score_predictions(self, y, predicted, sample_weight):
        """Return the same score of predictions in the form of y."""
        raise NotImplementedError


# ------------------------------------------------------------------------- regression
class NumberTargets(Targets):
    """The targets of a regression: numbers in the domain of the loss."""

    parameters = ("loss", *LOSS_PARAMETERS, "output_activation")
    check_options = {"y_numeric": True}

    def __init__(self, params, n_outputs=None):
        super().__init__(params)
        self.n_outputs = n_outputs

    @classmethod
    def from_attributes(cls, params, attributes):
        targets = cls(params, attributes.get("n_outputs_"))
        targets.output_activation = attributes.get("out_activation_")
        return targets

    @classmethod
    def from_network(cls, params, network, labels=None):
        targets = cls(params, network.layer_sizes[-1])
        targets.output_activation = network.output_activation
        return targets

    def attributes(self):
        return {"out_activation_": self.output_activation, "n_outputs_": self.n_outputs}

    def validate(self, y):
        require_numbers(y, "y")
        if scipy.sparse.issparse(y):
            raise TypeError(
                "y must be dense in a regression. Got a sparse matrix: pass "
                "y.toarray()."
            )

    def start(self, y, dtype, *, classes=None, in_parts=False, all_classes=False):
        if classes is not None:
            raise ValueError(
                f"classes are for classifiers. Got classes={classes!r} for a regressor."
            )
        self.choose_output(dtype)
        if self.n_outputs is None:
            self.n_outputs = 1 if y.ndim == 1 else y.shape[1]
        return self.encode(y, dtype)

    def encode(self, y, dtype):
        check_output_columns(y, self.n_outputs)
        with np.errstate(over="ignore"):
            y = y.reshape(-1, self.n_outputs).astype(dtype, copy=False)
        loss = Loss.from_params(self.params, dtype)
        check_target_domain(loss.name, y, loss.description)
        return y

    def output_asked_for(self, dtype):
        if self.params.output_activation != "auto":
            return self.params.output_activation
        return Loss.from_params(self.params, dtype).default_output

    def loss_with(self, output_activation, dtype):
        return Loss.from_params(self.params, dtype)

    def score(self, encoded, y_pred, sample_weight):
        return r2_score(encoded, y_pred, sample_weight=sample_weight)

    def score_predictions(self, y, predicted, sample_weight):
        return r2_score(y, predicted, sample_weight=sample_weight)


# --------------------------------------------------------------------- classification
class ClassTargets(Targets):
    """The targets of a classification: labels, and numbers 0 and 1 for the network.

    One or two classes have one output, or two with a softmax. More classes, and the
    labels of a multilabel y, have one output each. With the default parameters the
    output activation is softmax for more than two classes and logistic otherwise.
    """

    parameters = ("loss", "output_activation", "label_smoothing", "class_weight")
    has_classes = True

    def __init__(self, params):
        super().__init__(params)
        self.labels = None
        self.classes = None

    @classmethod
    def from_attributes(cls, params, attributes):
        targets = cls(params)
        targets.labels = attributes.get("_labels")
        # Shown by the estimator, so that anybody may edit them.
        targets.classes = attributes.get("classes_")
        targets.output_activation = attributes.get("out_activation_")
        targets.class_weights = attributes.get("_class_weights")
        return targets

    @classmethod
    def from_network(cls, params, network, labels=None):
        targets = cls(params)
        targets.set_labels(labels)
        targets.output_activation = network.output_activation
        return targets

    def attributes(self):
        return {
            "_labels": self.labels,
            "classes_": self.classes,
            "_class_weights": self.class_weights,
            "out_activation_": self.output_activation,
            "n_outputs_": self.n_outputs,
        }

    @property
    def n_outputs(self):
        return n_outputs_of(self._found_labels(), self.output_activation)

    @property
    def _are_known(self):
        # By either: classes_ may have been set to None or deleted since the fit.
        return not (self.labels is None and self.classes is None)

    def known_labels(self):
        """Return the labels; ValueError if classes_ has been replaced by others."""
        labels = self._found_labels()
        require_same_classes(labels, self.classes)
        return labels

    def _found_labels(self):
        if self.labels is None:
            raise AttributeError(
                "_labels, the class labels of the fit, are missing: fit again."
            )
        return self.labels

    def validate(self, y):
        require_labels(y)

    def needs_classes(self, classes):
        return classes is None and not self._are_known

    def start(self, y, dtype, *, classes=None, in_parts=False, all_classes=False):
        is_known = self._are_known
        if in_parts:
            self._set_classes_once(y, classes)
        elif not is_known:
            self.set_labels(ClassLabels.from_y(y))
        if in_parts or is_known:
            self.known_labels().require(y, all_classes)
        self.choose_output(dtype)
        return self.labels.encode(y)

    def _set_classes_once(self, y, classes):
        """Take the labels from the first call of a training in parts."""
        is_first = not self._are_known
        if classes is not None:
            named = ClassLabels.from_names(classes).classes
            if not is_first and not np.array_equal(self.classes, named):
                raise ValueError(
                    f"classes={classes!r} must be those of the first call, "
                    f"{self.classes!r}. Leave classes out, or fit anew."
                )
        elif is_first and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if is_first:
            self.set_labels(ClassLabels.from_y(y, classes))

    def set_labels(self, labels):
        """Set the class labels."""
        self.labels, self.classes = labels, labels.classes

    def encode(self, y, dtype):
        labels = self.known_labels()
        labels.require(y)
        return labels.encode(y)

    def core_targets(self, encoded, dtype):
        return _core.Targets(encoded, dtype, self.params.label_smoothing)

    def numbers(self, encoded, dtype):
        n_outputs, n_values = self.n_outputs, 2
        if self.labels.kind == "multilabel":
            is_one = encoded.astype(bool)
        elif n_outputs == 1:
            is_one = (encoded != 0).reshape(-1, 1)
        else:
            is_one = encoded.reshape(-1, 1) == np.arange(n_outputs)
            n_values = n_outputs
        real, smoothing = np.dtype(dtype).type, self.params.label_smoothing
        zero = real(smoothing / n_values)
        return np.where(is_one, real(1 - smoothing) + zero, zero)

    def output_asked_for(self, dtype):
        asked_for, loss = self.params.output_activation, self.params.loss
        kind = self._found_labels().kind
        if asked_for == "auto" and callable(loss):
            return "softmax" if kind == "multiclass" else "logistic"
        if asked_for == "auto":
            form = None if kind == "multiclass" else elementwise_form(loss)
            return _core.losses()[form or loss]["default_output"]
        if kind == "multilabel" and _is_rowwise(asked_for):
            raise ValueError(
                f"output_activation={asked_for!r} gives each sample one class, but y "
                "is a multilabel indicator matrix."
            )
        return asked_for

    def loss_with(self, output_activation, dtype):
        loss = self.params.loss
        form = None if _is_rowwise(output_activation) else elementwise_form(loss)
        return Loss(form or loss, None, repr(loss))

    def start_weights(self, encoded, sample_weight, in_parts=False):
        self.class_weights = None
        class_weight = self.params.class_weight
        if class_weight is None:
            return
        if in_parts and isinstance(class_weight, str):
            raise ValueError(
                "class_weight='balanced' cannot be used with partial_fit or "
                "fit_batches, which see some of the samples at a time. Compute the "
                "weights from all of them, or from enough, by "
                "sklearn.utils.class_weight.compute_class_weight('balanced', "
                "classes=classes, y=y), and pass them as a dict from classes to "
                "weights."
            )
        self.class_weights = class_weights_of(
            self.labels, class_weight, encoded, sample_weight
        )

    def weigh(self, encoded, sample_weight, name, may_be_zero=False):
        if self.class_weights is None:
            return sample_weight
        product = np.ones(len(encoded))
        columns = self.labels.columns(encoded)
        for weights, column in zip(self.class_weights, columns, strict=True):
            product *= weights.take(column)  # not weights[column], see take_rows
        if sample_weight is not None:
            product = product * sample_weight
        require_total_weight(product, f"class_weight times {name}", may_be_zero)
        return product

    def strata(self, encoded):
        # As scikit-learn: two classes are stratified, more are not.
        return (encoded == 1).reshape(-1, 1) if self.labels.kind == "binary" else None

    def score(self, encoded, y_pred, sample_weight):
        right = decide(self.labels, y_pred) == encoded
        if self.labels.kind == "multilabel":
            right = right.all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def score_predictions(self, y, predicted, sample_weight):
        return accuracy_score(y, predicted, sample_weight=sample_weight)


def _is_rowwise(activation):
    """Whether an activation makes one distribution of all units of a sample."""
    return _core.activations()[activation]["rowwise"]


def n_outputs_of(labels, output_activation):
    """Return the number of units of the output layer for some class labels."""
    if labels.kind == "binary":
        return 2 if _is_rowwise(output_activation) else 1
    return len(labels.classes)


def labels_of_outputs(n_outputs, output_activation, classes=None):
    """Return the ClassLabels of a network's outputs, which ``classes`` may name.

    Without names, several outputs that are not a softmax are a multilabel problem.
    """
    if classes is None:
        if n_outputs > 1 and not _is_rowwise(output_activation):
            return ClassLabels(np.arange(n_outputs), "multilabel")
        classes = np.arange(max(n_outputs, 2))
    require_labels(classes, "classes")
    if np.ndim(classes) != 1 or len(classes) == 0:
        raise ValueError(f"classes must be a list of labels. Got {classes!r}.")
    labels = ClassLabels.from_names(classes)
    if not np.array_equal(labels.classes, classes):
        raise ValueError(
            "classes must be sorted and without repetition, since they name the "
            "network's outputs in their order: sort the columns of its last layer "
            f"with them. Got {classes!r}."
        )
    expected = n_outputs_of(labels, output_activation)
    if expected != n_outputs:
        raise ValueError(
            f"The classes {labels.classes} make {expected} output(s) with the "
            f"output activation {output_activation!r}. Got a network with {n_outputs}."
        )
    return labels

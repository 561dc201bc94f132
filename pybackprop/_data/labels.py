"""Targets: what a loss may be asked to fit, and class labels as numbers and back.

The only file that knows a class label.
"""

import sys
from numbers import Real

import numpy as np
import scipy.sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import (
    check_classification_targets,
    is_multilabel,
    type_of_target,
    unique_labels,
)

from pybackprop import _core
from pybackprop._data.numeric import kinds_of, require_unmasked

_ROWS_OF_A_BLOCK = 2**16

_OF_ANY_CALLABLE = {
    "target_domain": "finite numbers",
    "target_low": -np.inf,
    "target_high": np.inf,
    "target_low_belongs": True,
    "rows_sum_to_one": False,
}


def check_target_domain(loss, y, words=None):
    """Raise ValueError for a target outside the domain that the loss's record names.

    Parameters
    ----------
    loss : str or callable
        A row of the core's list of losses. A callable takes finite numbers.
    y : ndarray of shape (n_samples, n_outputs)
    words : str, default=None
        What to call the loss, if not by its name.
    """
    record = _OF_ANY_CALLABLE if callable(loss) else _core.losses()[loss]
    low = record["target_low"]
    problem = None
    # No NaN is lost on the way to these, and no array as long as y is made.
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
            f"y must be {record['target_domain']} for the loss {words or repr(loss)}. "
            f"Got {problem}."
        )


def require_labels(y, name="y"):
    """Raise ValueError for labels that are missing, or strings among others.

    NumPy would make strings of all: 'nan' a class, and 1 no longer equal to '1'.
    """
    require_unmasked(y, name)
    if isinstance(y, (list, tuple)):
        values = y
    elif "O" in (kinds := kinds_of(y)):
        values = np.asarray(y).flat
    else:
        if kinds & set("mM") and np.isnat(np.asarray(y)).any():
            raise ValueError(f"{name} must hold labels. Got NaT.")
        return
    types = set(map(type, values))
    strings = {t for t in types if issubclass(t, str)}
    if strings and types != strings:
        others = sorted(t.__name__ for t in types - strings)
        raise ValueError(
            f"{name} must hold labels of one type. Got strings and, among them, "
            f"{' and '.join(others)}."
        )


MULTILABEL = "multilabel"


def labels_in(*parts):
    """The labels that occur in parts of y, sorted.

    ``MULTILABEL`` for an indicator matrix, which has a label a column.
    """
    for y in parts:
        require_labels(y)
        if is_multilabel(y):
            return MULTILABEL
    return unique_labels(*parts)


def check_output_columns(y, n_outputs):
    """Raise ValueError unless y has the number of outputs of the fitted network."""
    n_columns = 1 if y.ndim == 1 else y.shape[1]
    if n_columns != n_outputs:
        raise ValueError(
            f"y must have {n_outputs} output(s), as when the network was first fitted. "
            f"Got {n_columns}."
        )


def _is_rowwise(activation):
    """Whether an activation makes one distribution of all units of a row."""
    return _core.activations()[activation]["rowwise"]


class ClassLabels:
    """The classes of a classification problem and what the network makes of them.

    Two classes (or one) are one output, unless it is a softmax, which has one for
    each; more classes, or several labels, are one output each. Where nothing else is
    asked for, more than two classes are a softmax and all else is logistic.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted and unique.
    kind : {'binary', 'multiclass', 'multilabel'}
    sparse : bool
        Whether predictions of a multilabel problem are sparse, as its targets were.
    """

    def __init__(self, classes, kind, sparse=False):
        self.classes = classes
        self.kind = kind
        self.sparse = sparse

    @classmethod
    def of(cls, y, classes=None):
        """Of the labels y; ``classes`` may name more than occur in y."""
        counted = None if y is None or classes is not None else _integers_in(y)
        if y is None:
            kind = "binary"
        elif counted is not None:
            kind = "binary" if len(counted) <= 2 else "multiclass"
        else:
            kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):
            check_classification_targets(y)
        if kind == "multilabel-indicator":
            columns = unique_labels(y)
            if classes is not None and not np.array_equal(classes, columns):
                raise ValueError(
                    "classes must be the columns of a multilabel y, "
                    f"{columns.tolist()}, or left out. Got {classes!r}."
                )
            return cls(columns, "multilabel", scipy.sparse.issparse(y))
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must be labels of one output or a multilabel indicator matrix. "
                "Got several columns of class labels."
            )
        if counted is not None:
            classes = counted
        else:
            classes = unique_labels(y if classes is None else classes)
        if kind == "multiclass" and 2 * len(classes) >= len(y):
            check_classification_targets(y)  # warns of labels that look like numbers
        return cls(classes, "binary" if len(classes) <= 2 else "multiclass")

    @classmethod
    def of_outputs(cls, n_outputs, output_activation, classes=None):
        """Of the outputs of a network, which ``classes`` may name in their order.

        Without names, several outputs that are not a softmax are a multilabel problem.
        """
        if classes is None:
            if n_outputs > 1 and not _is_rowwise(output_activation):
                return cls(np.arange(n_outputs), "multilabel")
            classes = np.arange(max(n_outputs, 2))
        require_labels(classes, "classes")
        if np.ndim(classes) != 1 or len(classes) == 0:
            raise ValueError(f"classes must be a list of labels. Got {classes!r}.")
        labels = cls.of(None, classes)
        if not np.array_equal(labels.classes, classes):
            raise ValueError(
                "classes must be sorted and without repetition, since they name the "
                "network's outputs in their order: sort the columns of its last layer "
                f"with them. Got {classes!r}."
            )
        expected = labels.n_outputs(output_activation)
        if expected != n_outputs:
            raise ValueError(
                f"The classes {labels.classes} make {expected} output(s) with the "
                f"output activation {output_activation!r}. Got a network with "
                f"{n_outputs}."
            )
        return labels

    def output_activation(self, asked_for, loss):
        """Name of the output activation, which 'auto' leaves to the loss."""
        if asked_for == "auto" and loss == "squared_error":
            return _core.losses()[loss]["default_output"]
        if asked_for == "auto":
            return "softmax" if self.kind == "multiclass" else "logistic"
        if self.kind == "multilabel" and _is_rowwise(asked_for):
            raise ValueError(
                f"output_activation={asked_for!r} gives each sample one class, but y "
                "is a multilabel indicator matrix."
            )
        return asked_for

    def n_outputs(self, output_activation):
        """Units of the output layer."""
        if self.kind == "binary":
            return 2 if _is_rowwise(output_activation) else 1
        return len(self.classes)

    def core_loss(self, loss, output_activation):
        """The core's loss: of 'log_loss', the one of the output's distribution."""
        if loss != "log_loss" or _is_rowwise(output_activation):
            return loss
        return "binary_log_loss"

    @staticmethod
    def loss_of_core(row):
        """The other way: the loss of a classifier that may be a row of the core's."""
        return "log_loss" if row == "binary_log_loss" else row

    def require(self, y, all_of_them):
        """Raise ValueError for a label that is no class.

        ``all_of_them`` asks for every class to occur, as a warm start does.
        """
        present = _integers_in(y)
        present = unique_labels(y) if present is None else present
        if self.kind != "multilabel" and (self.classes[1:] <= self.classes[:-1]).any():
            raise ValueError(f"classes_ must be sorted. Got {self.classes}.")
        if all_of_them and set(present) != set(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in "
                f"the previous call to fit. Previously got {self.classes}, `y` has "
                f"{present}"
            )
        unknown = np.setdiff1d(present, self.classes)
        if len(unknown):
            raise ValueError(f"y must hold the classes {self.classes}. Got {unknown}.")

    def encode(self, y):
        """Labels, once ``require`` has seen them, as the core reads them.

        Returns
        -------
        ndarray of int32, shape (n_samples,), codes; or of uint8, shape
        (n_samples, n_classes), indicators of a multilabel problem.
        """
        if self.kind == "multilabel":
            check_output_columns(y, len(self.classes))
            if scipy.sparse.issparse(y):
                y = y.copy()
                y.sum_duplicates()
                return y.astype(bool).toarray().view(np.uint8)
            return (np.asarray(y) != 0).view(np.uint8)
        if y.ndim != 1:
            raise ValueError(
                f"y must have one column of class labels, as when the network was "
                f"first fitted. Got the shape {y.shape}."
            )
        # Of its own, whatever y is: the core writes where a code says.
        codes = np.empty(len(y), dtype=np.int32)
        for rows in _blocks(len(y)):
            codes[rows] = np.searchsorted(self.classes, y[rows])
        return codes

    def numbers(self, y, output_activation, dtype, smoothing=0.0):
        """What the core makes of an encoded y: an array (n_samples, n_outputs)."""
        n_outputs = self.n_outputs(output_activation)
        n_values = 2
        if self.kind == "multilabel":
            is_one = y.astype(bool)
        elif n_outputs == 1:
            is_one = (y != 0).reshape(-1, 1)
        else:
            is_one = y.reshape(-1, 1) == np.arange(n_outputs)
            n_values = n_outputs
        real = np.dtype(dtype).type
        zero = real(smoothing / n_values)
        return np.where(is_one, real(1 - smoothing) + zero, zero)

    def class_weights(self, class_weight, y, sample_weight):
        """The weights that ``class_weight`` gives to the values in each column of y.

        'balanced' weighs a value that occurs n times among N samples, and is one of K
        that occur, by N / (K n), with weights in the place of numbers of samples.

        Parameters
        ----------
        class_weight : 'balanced', dict or list of dict
            A dict from labels to weights, where a label without one weighs 1; for a
            multilabel problem, a list of dicts from 0 and 1 to weights, one a label.
        y : ndarray
            As ``encode`` makes it.
        sample_weight : ndarray of shape (n_samples,) or None

        Returns
        -------
        list of ndarray
            A vector, (n_classes,) or of the weights of 0 and 1, for each column of y.
        """
        columns = y.T if self.kind == "multilabel" else [y]
        values = [0, 1] if self.kind == "multilabel" else self.classes.tolist()
        if isinstance(class_weight, str):
            return [_balanced(column, len(values), sample_weight) for column in columns]
        if self.kind != "multilabel":
            return [_weights_by_label(class_weight, values)]
        if isinstance(class_weight, dict) or len(class_weight) != len(columns):
            raise ValueError(
                f"class_weight must be 'balanced' or a list of {len(columns)} dicts, "
                f"one a label, for a multilabel y. Got {class_weight!r}."
            )
        return [_weights_by_label(by_label, values) for by_label in class_weight]

    def weigh(self, class_weights, y):
        """The weight of each row of an encoded y: the product over its columns."""
        columns = y.T if self.kind == "multilabel" else [y]
        product = np.ones(len(y))
        for weights, column in zip(class_weights, columns, strict=True):
            product *= weights.take(column)  # not weights[column], see _data/dataset.py
        return product

    def decide(self, y_pred):
        """Codes or indicators, as ``encode`` makes them, from the network's outputs."""
        if self.kind == "multilabel":
            return y_pred > 0.5
        if len(self.classes) == 1:
            return np.zeros(len(y_pred), dtype=int)
        if y_pred.shape[1] == 1:
            return (y_pred[:, 0] > 0.5).astype(int)
        return y_pred.argmax(axis=1)

    def accuracy(self, y, y_pred, sample_weight):
        """Share of the samples, by weight, that are decided as y encodes them."""
        right = self.decide(y_pred) == y
        if self.kind == "multilabel":
            right = right.all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def decode(self, y_pred, is_finite=False):
        """Labels from the network's outputs, of shape (n_samples, n_outputs).

        ValueError where they are not finite, which ``is_finite`` says is known.
        """
        # NaN, or one infinity beside another, would be class 0 in silence.
        if not (is_finite or len(self.classes) == 1 or _core.all_finite(y_pred)):
            raise ValueError(
                "The network's outputs for X are not finite, so they decide for no "
                "class. X may hold values far larger than those of the fit."
            )
        decided = self.decide(y_pred)
        if self.kind == "multilabel":
            decided = scipy.sparse.csr_matrix(decided) if self.sparse else decided
            return decided.astype(int)
        return self.classes.take(decided)

    @classmethod
    def of_binarizer(cls, binarizer):
        """Of a fitted LabelBinarizer, in which scikit-learn keeps the same."""
        if binarizer.y_type_ == "multilabel-indicator":
            return cls(binarizer.classes_, "multilabel", binarizer.sparse_input_)
        n_classes = len(binarizer.classes_)
        return cls(binarizer.classes_, "binary" if n_classes <= 2 else "multiclass")

    def binarizer(self):
        """The LabelBinarizer that scikit-learn would fit to the same targets."""
        labels = self.classes
        if self.kind == "multilabel":
            labels = np.zeros((1, len(self.classes)), dtype=int)
            labels = scipy.sparse.csr_matrix(labels) if self.sparse else labels
        return LabelBinarizer().fit(labels)


def _blocks(n_rows):
    """Slices of rows, so that what is made on the way is not as long as the table."""
    return (slice(i, i + _ROWS_OF_A_BLOCK) for i in range(0, n_rows, _ROWS_OF_A_BLOCK))


def _integers_in(y):
    """The integers that a vector of them holds, sorted; None for any other y.

    What unique_labels finds in the end, in the memory of a block.
    """
    is_array = isinstance(y, np.ndarray)
    if not (is_array and y.ndim == 1 and y.size and y.dtype.kind in "iub"):
        return None
    found = [np.unique(y[rows]) for rows in _blocks(len(y))]
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def _balanced(codes, n_values, sample_weight):
    totals = np.bincount(codes, weights=sample_weight, minlength=n_values)
    occurs = totals > 0
    weights = np.ones(n_values)
    weights[occurs] = totals.sum() / (occurs.sum() * totals[occurs].astype(np.float64))
    return weights


def _weights_by_label(by_label, labels):
    """Weights in the order of the labels, from a dict that may name some of them."""
    if not isinstance(by_label, dict):
        raise ValueError(
            f"class_weight must be 'balanced' or a dict from labels to weights for one "
            f"column of labels. Got {by_label!r}."
        )
    unknown = [label for label in by_label if label not in labels]
    if unknown:
        raise ValueError(
            f"class_weight must be for the labels {labels}. Got a weight for {unknown}."
        )
    for label, weight in by_label.items():
        if not (isinstance(weight, Real) and 0 <= weight <= sys.float_info.max):
            raise ValueError(
                "class_weight must be finite numbers >= 0. "
                f"Got {weight!r} for {label!r}."
            )
    return np.array([by_label.get(label, 1) for label in labels], dtype=np.float64)

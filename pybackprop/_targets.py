"""Targets: what a loss may be asked to fit, and class labels as numbers and back.

The only file that knows a class label.
"""

import numpy as np
import scipy.sparse
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from pybackprop import _core


def check_target_domain(loss, y):
    """Raise ValueError for a target outside the domain that the loss's record names.

    Parameters
    ----------
    loss : str
        A row of the core's list of losses.
    y : ndarray of shape (n_samples, n_outputs)
    """
    record = _core.losses()[loss]
    problem = None
    if not np.isfinite(y).all():
        problem = "NaN or infinity"
    elif y.min() < record["target_low"]:
        problem = y.min()
    elif y.max() > record["target_high"]:
        problem = y.max()
    elif record["rows_sum_to_one"]:
        sums = y.sum(axis=1)
        # A sum of n rounded probabilities is 1 to about n roundings.
        far = np.abs(sums - 1) > 4 * y.shape[1] * np.finfo(y.dtype).eps
        if far.any():
            problem = f"a row with the sum {sums[far][0]}"
    if problem is not None:
        raise ValueError(
            f"y must be {record['target_domain']} for the loss {loss!r}. Got {problem}."
        )


def check_output_columns(y, n_outputs):
    """Raise ValueError unless y has the number of outputs of the fitted network."""
    n_columns = 1 if y.ndim == 1 else y.shape[1]
    if n_columns != n_outputs:
        raise ValueError(
            f"y must have {n_outputs} output(s), as when the network was first fitted. "
            f"Got {n_columns}."
        )


class ClassLabels:
    """The classes of a classification problem and what the network makes of them.

    Two classes (or one) are one logistic output, more are a softmax, and a
    multilabel problem is one logistic output a label.

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
        kind = "binary" if y is None else type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):
            check_classification_targets(y)
        if kind == "multilabel-indicator":
            return cls(unique_labels(y), "multilabel", scipy.sparse.issparse(y))
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must be labels of one output or a multilabel indicator matrix. "
                "Got several columns of class labels."
            )
        classes = unique_labels(y if classes is None else classes)
        if kind == "multiclass" and 2 * len(classes) >= len(y):
            check_classification_targets(y)  # warns of labels that look like numbers
        return cls(classes, "binary" if len(classes) <= 2 else "multiclass")

    @property
    def n_outputs(self):
        """Units of the output layer."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def output_activation(self):
        """Name of the output activation."""
        return "softmax" if self.kind == "multiclass" else "logistic"

    @property
    def loss(self):
        """Name of the core's loss: the output activation's canonical partner."""
        return "log_loss" if self.kind == "multiclass" else "binary_log_loss"

    def require(self, y, all_of_them):
        """Raise ValueError for a label that is no class.

        ``all_of_them`` asks for every class to occur, as a warm start does.
        """
        present = unique_labels(y)
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
            check_output_columns(y, self.n_outputs)
            dense = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
            return (dense != 0).astype(np.uint8)
        if y.ndim != 1:
            raise ValueError(
                f"y must have one column of class labels, as when the network was "
                f"first fitted. Got the shape {y.shape}."
            )
        codes = np.searchsorted(self.classes, y)
        return codes.astype(np.int32)

    def decide(self, y_pred):
        """Codes or indicators, as ``encode`` makes them, from the network's outputs."""
        if self.kind == "multiclass":
            return y_pred.argmax(axis=1)
        decided = y_pred > 0.5
        if self.kind == "multilabel":
            return decided.astype(int)
        return (decided[:, 0] & (len(self.classes) > 1)).astype(int)

    def accuracy(self, y, y_pred, sample_weight):
        """Share of the samples, by weight, that are decided as y encodes them."""
        right = self.decide(y_pred) == y
        if self.kind == "multilabel":
            right = right.all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def decode(self, y_pred):
        """Labels from the network's outputs, of shape (n_samples, n_outputs)."""
        decided = self.decide(y_pred)
        if self.kind == "multilabel":
            return scipy.sparse.csr_matrix(decided) if self.sparse else decided
        return self.classes[decided]

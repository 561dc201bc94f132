"""Finds, checks and encodes class labels.

``_model/targets.py`` adds what depends on the network.
"""

import numpy as np
import scipy.sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import (
    check_classification_targets,
    is_multilabel,
    type_of_target,
    unique_labels,
)

from pybackprop._data.dataset import ROWS_PER_BLOCK
from pybackprop._data.numeric import kinds_of, require_unmasked

MULTILABEL = "multilabel"


def require_labels(y, name="y"):
    """Raise ValueError for labels that are missing, or for strings among others.

    NumPy would convert all of them to strings: NaN would become the class 'nan', and 1
    would no longer equal '1'.
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


def labels_in(*parts):
    """Return the sorted labels that occur in parts of y.

    ``MULTILABEL`` for an indicator matrix, in which each column is a label.
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


class ClassLabels:
    """The classes of a classification problem, and their codes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted and unique.
    kind : {'binary', 'multiclass', 'multilabel'}
        A single class is 'binary' too.
    sparse : bool
        Whether the targets of a multilabel problem were sparse; then its predictions
        are sparse, too.
    """

    def __init__(self, classes, kind, sparse=False):
        self.classes = classes
        self.kind = kind
        self.sparse = sparse

    @classmethod
    def from_y(cls, y, classes=None):
        """Find the classes in y; ``classes`` may name more than occur in y."""
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
    def from_names(cls, classes):
        """Take the classes from a list of all of them."""
        require_labels(classes, "classes")
        return cls.from_y(None, classes)

    @classmethod
    def from_binarizer(cls, binarizer):
        """Take the classes from scikit-learn's fitted LabelBinarizer."""
        if binarizer.y_type_ == "multilabel-indicator":
            return cls(binarizer.classes_, "multilabel", binarizer.sparse_input_)
        n_classes = len(binarizer.classes_)
        return cls(binarizer.classes_, "binary" if n_classes <= 2 else "multiclass")

    def binarizer(self):
        """Return the LabelBinarizer that scikit-learn would fit to the same targets."""
        labels = self.classes
        if self.kind == "multilabel":
            labels = np.zeros((1, len(self.classes)), dtype=int)
            labels = scipy.sparse.csr_matrix(labels) if self.sparse else labels
        return LabelBinarizer().fit(labels)

    def require(self, y, all_of_them=False):
        """Raise ValueError for a label in y that is not one of the classes.

        With ``all_of_them`` each class has to occur in y, as a warm start requires.
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
        unknown = np.setdiff1d(present, self.classes, assume_unique=True)
        if len(unknown):
            raise ValueError(f"y must hold the classes {self.classes}. Got {unknown}.")

    def encode(self, y):
        """Encode labels that ``require`` has accepted.

        Returns
        -------
        ndarray of int32, shape (n_samples,)
            Positions in ``classes``. For a multilabel problem indicators instead, an
            ndarray of uint8 of shape (n_samples, n_classes).
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
        # A new array, whatever y is: the core uses the codes as positions.
        codes = np.empty(len(y), dtype=np.int32)
        for rows in _blocks(len(y)):
            codes[rows] = np.searchsorted(self.classes, y[rows])
        return codes

    def decode(self, encoded):
        """Return the labels of codes, or the indicators of a multilabel problem."""
        if self.kind == "multilabel":
            encoded = scipy.sparse.csr_matrix(encoded) if self.sparse else encoded
            return encoded.astype(int)
        return self.classes.take(encoded)

    def columns(self, encoded):
        """Return the columns of an encoded y: one, or one per label of a multilabel."""
        return encoded.T if self.kind == "multilabel" else encoded[np.newaxis]

    @property
    def values(self):
        """The labels that the values of a column stand for, in the order of codes."""
        return [0, 1] if self.kind == "multilabel" else self.classes.tolist()


def _blocks(n_rows):
    """Yield slices of rows, so that temporary arrays are shorter than the table."""
    return (slice(i, i + ROWS_PER_BLOCK) for i in range(0, n_rows, ROWS_PER_BLOCK))


def _integers_in(y):
    """Return the sorted integers that occur in a vector of integers; else None.

    The result is that of unique_labels, but needs the memory of one block only.
    """
    is_array = isinstance(y, np.ndarray)
    if not (is_array and y.ndim == 1 and y.size and y.dtype.kind in "iub"):
        return None
    found = [np.unique(y[rows]) for rows in _blocks(len(y))]
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

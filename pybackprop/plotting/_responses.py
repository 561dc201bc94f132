"""Computes what a surface shows: a class, a probability, a logit or a prediction."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop.plotting._units import is_index

_METHODS = ("auto", "predict_proba", "decision_function", "predict")


@dataclass
class Response:
    """One number per row, with its meaning.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        Indices into ``classes`` where ``is_class``.
    quantity : str
        Name of the values, for a colour bar.
    is_class : bool
    classes : ndarray of shape (n_classes,) or None
        Classes of the targets, if these are classes.
    boundary : float or None
        The value at which the decision changes.
    column, n_columns : int or None
        The column of the targets, and the number of columns, if there are several.
    limits : (float, float) or None
        Bounds of all possible values.
    """

    values: np.ndarray
    quantity: str
    is_class: bool = False
    classes: np.ndarray | None = None
    boundary: float | None = None
    column: int | None = None
    n_columns: int | None = None
    limits: tuple | None = None

    def targets(self, y):
        """Convert y to indices into ``classes`` or to numbers; None stays None."""
        if y is None:
            return None
        y = y.toarray() if issparse(y) else y
        y = np.asarray(y) if self.classes is not None else _numbers(y)
        n_columns = self.n_columns or 1
        if self.is_class and y.ndim == 2 and y.shape[1] == len(self.classes) > 1:
            y = self.classes[y.argmax(axis=1)]  # one-hot
        elif y.ndim == 2 and y.shape[1] == n_columns:
            y = y[:, self.column or 0]
        elif y.ndim != 1:
            raise ValueError(
                f"y must have the shape (n_samples,) or (n_samples, {n_columns}). Got "
                f"{y.shape}."
            )
        if self.classes is None:
            return y
        is_it = y[:, None] == self.classes
        if not np.all(is_it.any(axis=1)):
            raise ValueError(
                f"y must hold classes of the fit, {self.classes}. Got "
                f"{y[~is_it.any(axis=1)][0]!r}."
            )
        return is_it.argmax(axis=1)


def _numbers(y):
    require_numbers(y, "y")
    with argument_named("y"):
        return check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")


def response_of_estimator(estimator, model, rows, response_method, target):
    """Compute the Response of an estimator, whose last step is ``model``."""
    if response_method not in _METHODS:
        raise ValueError(
            f"response_method must be one of {', '.join(map(repr, _METHODS))}. "
            f"Got {response_method!r}."
        )
    if not hasattr(model, "classes_"):
        if response_method not in ("auto", "predict"):
            raise ValueError(
                "response_method must be 'auto' or 'predict' for a regressor. "
                f"Got {response_method!r}."
            )
        return _of_outputs(estimator.predict(rows), target, "prediction")
    if response_method == "auto":
        response_method = _method_for(model, target)
    if response_method != "predict" and not hasattr(estimator, response_method):
        raise ValueError(
            f"response_method={response_method!r} is not available with "
            f"out_activation_={model.out_activation_!r}; choose 'auto'."
        )
    answers = np.asarray(getattr(estimator, response_method)(rows))
    if model._labels.kind == "multilabel":
        return _of_labels(answers, target, response_method)
    return _of_classes(answers, model, target, response_method)


def _method_for(model, target):
    is_one_of_two = model._labels.kind == "multilabel" or len(model.classes_) == 2
    if target is None and not is_one_of_two:
        return "predict"
    return "predict_proba" if hasattr(model, "predict_proba") else "decision_function"


def _of_outputs(answers, target, what):
    """Select the only output, or the one with the index ``target``."""
    answers = np.asarray(answers)
    answers = answers.reshape(len(answers), -1)
    if answers.shape[1] == 1 and target is None:
        return Response(answers[:, 0], what)
    n_columns = answers.shape[1]
    column = _index(target, n_columns, "an output")
    return Response(
        answers[:, column],
        f"{what} of output {column}",
        column=column,
        n_columns=n_columns,
    )


def _of_labels(answers, target, method):
    column = _index(target, answers.shape[1], "a label")
    # Labels of 'predict' are drawn as the numbers 0 and 1.
    return Response(
        answers[:, column],
        _named(method, f"label {column}"),
        classes=np.array([0, 1]),
        boundary=0.0 if method == "decision_function" else 0.5,
        column=column,
        n_columns=answers.shape[1],
        limits=None if method == "decision_function" else (0.0, 1.0),
    )


def _of_classes(answers, model, target, method):
    classes = model.classes_
    if method == "predict":
        is_it = answers[:, None] == classes
        return Response(is_it.argmax(axis=1), "predicted class", True, classes)
    is_binary = len(classes) == 2
    if target is None and not is_binary:
        raise ValueError(
            f"target must be one of {classes}, to be shown by {method}. Got None."
        )
    which = classes == (classes[1] if target is None else target)
    if np.sum(which) != 1:
        raise ValueError(f"target must be one of {classes}. Got {target!r}.")
    column = int(np.argmax(which))
    if answers.ndim == 1:  # the logit of the second of two classes
        values = answers if column == 1 else -answers
    else:
        values = answers[:, column]
    middle, limits = (0.5, (0.0, 1.0)) if method == "predict_proba" else (0.0, None)
    return Response(
        values,
        _named(method, f"class {classes[column]}"),
        classes=classes,
        boundary=middle if is_binary else None,
        limits=limits,
    )


def _named(method, what):
    words = {"predict_proba": "probability", "predict": "prediction"}
    return f"{words.get(method, 'decision function')} of {what}"


def response_of_network(network, rows, target):
    """Compute the Response of a Network."""
    y_pred = network.predict(rows)
    if network.output_activation == "softmax" and target is None:
        classes = np.arange(y_pred.shape[1])
        return Response(y_pred.argmax(axis=1), "largest output", True, classes)
    response = _of_outputs(y_pred, target, "prediction")
    if network.output_activation == "logistic":
        response.boundary, response.limits = 0.5, (0.0, 1.0)
    return response


def _index(target, n, what):
    if not is_index(target, n):
        raise ValueError(
            f"target must be the index of {what}, from 0 to {n - 1}. Got {target!r}."
        )
    return int(target)

"""Fits estimators for every kind of task, loss and output, with their targets."""

import numpy as np
import scipy.sparse
from numpy.testing import assert_array_equal

from pybackprop import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 4))
CODES = np.arange(40) % 3
STRINGS = np.array(["ebb", "flood", "slack"])[CODES]
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 1, X[:, 2] > -1]).astype(int)
NUMBER = X @ [1.0, -2.0, 0.5, 0.0]
NUMBERS = np.column_stack([NUMBER, X[:, 0] ** 2])
FAST = {"hidden_layer_sizes": (5, 3), "max_iter": 2, "random_state": 0, "tol": 0}


def fourth_power(y, y_pred):
    return ((y_pred - y) ** 4 / 4).sum(axis=1), (y_pred - y) ** 3


# Name: class, parameters, y, and the encoded targets if not y or smoothed labels.
PROBLEMS = {
    "binary": (MLPClassifier, {}, CODES > 0, None),
    "binary strings": (MLPClassifier, {}, STRINGS[CODES > 0], (CODES > 1)[CODES > 0]),
    "binary softmax": (
        MLPClassifier,
        {"output_activation": "softmax", "activation": ["elu", "tanh"]},
        CODES == 1,
        np.eye(2)[(CODES == 1).astype(int)],
    ),
    "multiclass": (MLPClassifier, {"alpha": 0.3}, STRINGS, np.eye(3)[CODES]),
    "one class against the rest": (
        MLPClassifier,
        {"output_activation": "logistic", "l1_ratio": 0.5, "alpha": 0.2},
        CODES,
        np.eye(3)[CODES],
    ),
    "multilabel": (MLPClassifier, {"alpha": [0.1, 0.2, 0.3]}, LABELS, None),
    "sparse multilabel": (
        MLPClassifier,
        {"activation": ("tanh", "relu")},
        scipy.sparse.csr_matrix(LABELS),
        LABELS,
    ),
    "squared error of classes": (
        MLPClassifier,
        {"loss": "squared_error"},
        CODES,
        np.eye(3)[CODES],
    ),
    "squared error of a softmax": (
        MLPClassifier,
        {"loss": "squared_error", "output_activation": "softmax"},
        STRINGS,
        np.eye(3)[CODES],
    ),
    "own loss of classes": (
        MLPClassifier,
        {"loss": fourth_power},
        CODES,
        np.eye(3)[CODES],
    ),
    "smoothed": (
        MLPClassifier,
        {"label_smoothing": 0.2},
        CODES,
        np.eye(3)[CODES] * 0.8 + 0.2 / 3,
    ),
    "one class": (MLPClassifier, {}, np.full(40, "all"), np.zeros((40, 1))),
    "numbers": (MLPRegressor, {"alpha": 0.5}, NUMBER, None),
    "several numbers": (MLPRegressor, {"activation": ["gelu", "mish"]}, NUMBERS, None),
    "huber": (MLPRegressor, {"loss": "huber", "huber_delta": 0.3}, NUMBERS, None),
    "quantile": (MLPRegressor, {"loss": "quantile", "quantile": 0.9}, NUMBER, None),
    "tweedie": (
        MLPRegressor,
        {"loss": "tweedie", "power": 1.3, "output_activation": "softplus"},
        NUMBER**2,
        None,
    ),
    "tweedie's end": (MLPRegressor, {"loss": "tweedie", "power": 1}, NUMBER**2, None),
    "own loss": (MLPRegressor, {"loss": fourth_power}, NUMBER, None),
    "no hidden layer": (
        MLPRegressor,
        {"hidden_layer_sizes": (), "alpha": [0.1]},
        NUMBER,
        None,
    ),
}


def fitted(problem, dtype="float64", **more):
    kind, params, y, _ = PROBLEMS[problem]
    rows = X[CODES > 0] if problem == "binary strings" else X
    model = kind(**{**FAST, **params, **more}).fit(rows.astype(dtype), y)
    return model, rows.astype(dtype), y


def numbers_of(problem, dtype):
    _, _, y, numbers = PROBLEMS[problem]
    numbers = np.asarray(y if numbers is None else numbers, dtype=dtype)
    return numbers.reshape(-1, 1) if numbers.ndim == 1 else numbers


def dense(y):
    return y.toarray() if scipy.sparse.issparse(y) else y


def assert_same_answers(model, other, X=X):
    assert_array_equal(dense(other.predict(X)), dense(model.predict(X)))
    assert other.predict(X[:1]).dtype == model.predict(X[:1]).dtype
    if hasattr(model, "predict_proba"):
        assert_array_equal(other.predict_proba(X), model.predict_proba(X))

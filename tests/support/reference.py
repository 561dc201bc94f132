"""Corrects scikit-learn's known errors, and compares the states of estimators.

scikit-learn reports some wrong numbers; with these corrected, it is the reference for
everything else. An estimator is unchanged if every bit of every attribute is the same.
"""

import copy
import pickle
from contextlib import contextmanager
from unittest import mock

import numpy as np
import scipy.sparse
from sklearn.neural_network._multilayer_perceptron import LOSS_FUNCTIONS


def squared_error_sum(y_true, y_pred, sample_weight=None):
    """Return half the squared error summed over outputs, as differentiated."""
    squares = (y_true - y_pred) ** 2
    return 0.5 * np.average(squares, weights=sample_weight, axis=0).sum()


@contextmanager
def scikit_learn_set_right():
    """Let scikit-learn sum the squared error over outputs, as its gradient does."""
    with mock.patch.dict(LOSS_FUNCTIONS, squared_error=squared_error_sum):
        yield


def keep_the_best_weights_apart(model):
    """Correct the best weights that scikit-learn restores after a warm start.

    After a fit with early stopping, the best weights are the same arrays as the
    weights, so the next fit trains both, and restores nothing unless a score is better.
    """
    if getattr(model, "_best_coefs", None) is getattr(model, "coefs_", ()):
        model._best_coefs = [coef.copy() for coef in model.coefs_]
        model._best_intercepts = [intercept.copy() for intercept in model.intercepts_]


def state_of(estimator):
    """Return a deep copy of the state of an estimator."""
    return copy.deepcopy(vars(estimator))


def timeless(estimator):
    """Return ``state_of`` without the seconds of epochs, which always differ."""
    state = state_of(estimator)
    state["_history"] = [row[:-1] for row in state["_history"]]
    return state


def assert_state(actual, expected, where="state"):
    """Check that states are equal to the last bit; name the place of a difference."""
    assert type(actual) is type(expected), where
    if isinstance(actual, dict):
        assert list(actual) == list(expected), where
        for key in actual:
            assert_state(actual[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(actual, list | tuple):
        assert len(actual) == len(expected), where
        for i, pair in enumerate(zip(actual, expected, strict=True)):
            assert_state(*pair, f"{where}[{i}]")
    elif isinstance(actual, np.ndarray) and actual.dtype != object:
        assert actual.dtype == expected.dtype and actual.shape == expected.shape, where
        assert actual.tobytes() == expected.tobytes(), where
    elif isinstance(actual, np.random.RandomState):
        assert_state(actual.get_state(), expected.get_state(), where)
    elif scipy.sparse.issparse(actual):
        assert_state(vars(actual), vars(expected), where)
    elif hasattr(actual, "__dict__") and not callable(actual):
        assert_state(vars(actual), vars(expected), where)  # such as an estimator
    else:
        assert actual is expected or pickle.dumps(actual) == pickle.dumps(expected), (
            where
        )

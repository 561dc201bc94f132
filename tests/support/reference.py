"""Compares the states of estimators, and corrects known errors of scikit-learn.

Where scikit-learn reports the wrong number, it is still the oracle of everything else
once that number is set right; and "left as it was" means every attribute, every bit.
"""

import copy
import pickle
from contextlib import contextmanager
from unittest import mock

import numpy as np
import scipy.sparse
from sklearn.neural_network._multilayer_perceptron import LOSS_FUNCTIONS


def squared_error_sum(y_true, y_pred, sample_weight=None):
    """Half the squared error, summed over the outputs: the function differentiated."""
    squares = (y_true - y_pred) ** 2
    return 0.5 * np.average(squares, weights=sample_weight, axis=0).sum()


@contextmanager
def scikit_learn_set_right():
    """scikit-learn with its squared error summed over outputs, as its gradient is."""
    with mock.patch.dict(LOSS_FUNCTIONS, squared_error=squared_error_sum):
        yield


def keep_the_best_weights_apart(model):
    """Set right what a warm start with early stopping restores in scikit-learn.

    After a fit, the best weights are the same arrays as the weights, so that a next
    fit trains both, and has nothing to restore unless it finds a better score.
    """
    if getattr(model, "_best_coefs", None) is getattr(model, "coefs_", ()):
        model._best_coefs = [coef.copy() for coef in model.coefs_]
        model._best_intercepts = [intercept.copy() for intercept in model.intercepts_]


def state_of(estimator):
    """A copy of all that an estimator holds, that shares nothing with it."""
    return copy.deepcopy(vars(estimator))


def timeless(estimator):
    """``state_of`` without the seconds in its history, which no two fits share."""
    state = state_of(estimator)
    state["_history"] = [row[:-1] for row in state["_history"]]
    return state


def assert_state(actual, expected, where="state"):
    """Everything equal to the last bit; the message says where it is not."""
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
        assert_state(vars(actual), vars(expected), where)  # an estimator, say
    else:
        assert actual is expected or pickle.dumps(actual) == pickle.dumps(expected), (
            where
        )

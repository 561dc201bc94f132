"""A small problem, for tests of values and weights at the limits of a type."""

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, MLPRegressor

DTYPES = (np.float32, np.float64)
SOLVERS = ("sgd", "adam", "adamw", "rmsprop", "nadam", "lbfgs")
N = 20
X = np.random.RandomState(0).standard_normal((N, 3))
LABELS = np.arange(N) % 3
VALUES = X[:, 0] + 2
CONTAINERS = {
    "dense": np.asarray,
    "column_major": np.asfortranarray,
    "csr": scipy.sparse.csr_array,
}
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
each_container = pytest.mark.parametrize("container", CONTAINERS)
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def regressor(**params):
    params = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0} | params
    return MLPRegressor(**params)


def classifier(**params):
    params = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0} | params
    return MLPClassifier(**params)


def parameters_of(model):
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])

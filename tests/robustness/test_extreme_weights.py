"""Tests sample weights of 0 and of any size, and weights whose squares overflow."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from pybackprop import MLPRegressor, Network
from support.extreme_cases import (
    CONTAINERS,
    LABELS,
    SOLVERS,
    VALUES,
    N,
    X,
    classifier,
    each_container,
    each_dtype,
    each_solver,
    parameters_of,
    regressor,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::pybackprop.exceptions.ScalingWarning",
    "error::RuntimeWarning",
)


# ------------------------------------------------------------------ rows of weight 0
@pytest.mark.promise(
    "Extreme values",
    "A row of weight 0 contributes exactly nothing to loss and gradient, even if its "
    "own values overflow.",
)
@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("squared_error", "identity"),
        ("log_loss", "softmax"),
        ("binary_log_loss", "logistic"),
        ("poisson", "exp"),
        ("huber", "identity"),
    ],
)
@each_container
@each_dtype
def test_a_row_of_weight_zero_acts_as_if_absent(dtype, container, loss, output):
    largest = np.finfo(dtype).max
    weights = np.linspace(0.5, 2, N)
    weights[[0, 5, N - 1]] = 0
    inputs = X.astype(dtype)
    inputs[[0, 5, N - 1]] = largest
    y = np.eye(3)[LABELS].astype(dtype)
    kept = weights > 0
    network = Network(
        (3, 4, 3),
        loss=loss,
        output_activation=output,
        loss_parameter=1.0 if loss == "huber" else None,
        dtype=dtype,
        alpha=0.1,
        random_state=0,
    )
    make = CONTAINERS[container]
    with_them = network.backprop(make(inputs), y, weights)
    without = network.backprop(make(inputs[kept]), y[kept], weights[kept])
    assert with_them.loss == without.loss
    for name in ("coef_grads", "intercept_grads"):
        for a, b in zip(getattr(with_them, name), getattr(without, name), strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("sparse", [False, True])
@each_dtype
@each_solver
def test_a_full_batch_fits_as_if_rows_of_weight_zero_were_absent(solver, dtype, sparse):
    largest = np.finfo(dtype).max
    weights = np.linspace(0.5, 2, N)
    weights[[0, 5, N - 1]] = 0
    kept = weights > 0
    inputs, numbers = X.astype(dtype), VALUES.astype(dtype)
    inputs[~kept] = largest
    numbers[~kept] = largest
    make = scipy.sparse.csr_array if sparse else np.asarray
    params = {"solver": solver, "shuffle": False, "max_iter": 20, "alpha": 0.1}
    for estimator, y in ((regressor, numbers), (classifier, LABELS)):
        model = estimator(**params).fit(make(inputs), y, sample_weight=weights)
        without = estimator(**params).fit(
            make(inputs[kept]), y[kept], sample_weight=weights[kept]
        )
        # Batches of 20 and of 17 rows have the same block of sums.
        assert_array_equal(parameters_of(model), parameters_of(without))


@each_dtype
@pytest.mark.parametrize("solver", SOLVERS[:-1])
def test_a_batch_of_weight_zero_takes_no_step(solver, dtype):
    weights = np.r_[np.zeros(10), np.ones(5), np.zeros(5)]
    params = {"solver": solver, "batch_size": 5, "shuffle": False}
    inputs = X.astype(dtype)
    model = regressor(**params).fit(inputs, VALUES, sample_weight=weights)
    alone = regressor(**params).fit(inputs[10:15], VALUES[10:15])
    assert_array_equal(parameters_of(model), parameters_of(alone))
    assert model.loss_curve_ == alone.loss_curve_


# -------------------------------------------------------------------- other weights
@pytest.mark.promise(
    "Extreme values",
    "Sample weights of any size, from 1e-300 to 1e300 and in float32 too, give the "
    "fit of the same weights scaled near 1; the penalty keeps its size relative to "
    "them.",
)
@pytest.mark.sampled(32)
@pytest.mark.parametrize("exponent", [-1074, -1000, -149, -100, 100, 128, 1000, 1018])
@each_dtype
@each_solver
def test_weights_of_any_size_give_the_same_fit(solver, dtype, exponent):
    inputs = X.astype(dtype)
    weights = 1.0 + np.arange(N) % 2
    params = {"solver": solver, "alpha": 0, "batch_size": 7}
    for estimator, y in ((regressor, VALUES), (classifier, LABELS)):
        model = estimator(**params).fit(
            inputs, y, sample_weight=np.ldexp(weights, exponent)
        )
        expected = estimator(**params).fit(inputs, y, sample_weight=weights)
        assert_array_equal(parameters_of(model), parameters_of(expected))
        assert model.loss_curve_ == expected.loss_curve_


@each_dtype
def test_a_penalty_counts_against_weights_of_any_size(dtype):
    """The objective is the same if weights and alpha have the same factor."""
    network = Network((3, 4, 1), alpha=0.25, l1_ratio=0.5, dtype=dtype, random_state=0)
    weights = 1.0 + np.arange(N) % 2
    inputs = X.astype(dtype)
    expected = network.backprop(inputs, VALUES, weights)
    for exponent in (-100, -60, 60, 100):
        other = Network.from_parameters(
            network.coefs,
            network.intercepts,
            activation="relu",
            output_activation="identity",
            alpha=np.ldexp(0.25, exponent),
            l1_ratio=0.5,
        )
        trace = other.backprop(inputs, VALUES, np.ldexp(weights, exponent))
        assert trace.loss == expected.loss
        for a, b in zip(trace.coef_grads, expected.coef_grads, strict=True):
            assert_array_equal(a, b)


@each_dtype
def test_rows_of_tiny_weight_beside_large_weights_have_no_effect(dtype):
    weights = np.full(N, 1e-300)
    weights[[3, 8]] = 1e300
    inputs = X.astype(dtype)
    model = regressor(solver="lbfgs", alpha=0).fit(inputs, VALUES, weights)
    heavy = regressor(solver="lbfgs", alpha=0).fit(inputs[[3, 8]], VALUES[[3, 8]])
    assert_allclose(model.predict(inputs), heavy.predict(inputs), rtol=1e-3, atol=1e-3)


# --------------------------------------------------------- clipping, largest weights
@pytest.mark.parametrize("solver", SOLVERS[:-1])
@each_dtype
def test_a_gradient_whose_squares_overflow_is_clipped_to_the_norm(dtype, solver):
    scale = 1e200 if dtype is np.float64 else 1e25
    params = {"hidden_layer_sizes": (), "solver": solver, "max_iter": 1, "alpha": 0}
    params |= {"global_clipnorm": 0.5, "shuffle": False, "weight_decay": 0}
    steps = []
    for size in (1.0, scale):
        model = MLPRegressor(**params, coefs_init=[np.zeros((3, 1))])
        model.set_params(intercepts_init=[np.zeros(1)])
        # With weights of zero the gradient is the mean of -y x, and -y.
        model.fit(X.astype(dtype), (VALUES * 4 * size).astype(dtype))
        steps.append(parameters_of(model))
    assert (steps[0] != 0).all()
    assert_allclose(steps[1], steps[0], rtol=1e-5)


@pytest.mark.promise(
    "Extreme values",
    "Gradient clipping and max_norm are exact where squares overflow: gradients of "
    "1e200 get the requested length, not zero.",
)
@each_dtype
def test_weights_whose_squares_overflow_are_scaled_to_max_norm(dtype):
    large = 1e30 if dtype is np.float32 else 1e200
    initial = np.array([[3.0, 0, 1], [4.0, 1, 0], [0, 0, 0]]) * [[large, 1, 1]]
    params = {"coefs_init": [initial, np.zeros((3, 1))], "max_norm": 5.0}
    params |= {"learning_rate_init": 1e-300, "solver": "sgd", "alpha": 0}
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, **params)
    model.fit(X.astype(dtype) * dtype(1e-3), np.zeros(N))
    expected = np.array([[3.0, 0, 1], [4.0, 1, 0], [0, 0, 0]])
    assert_allclose(model.coefs_[0], expected, rtol=4 * np.finfo(dtype).eps)

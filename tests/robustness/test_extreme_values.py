"""Tests numbers at the limits of float32 and float64.

The cases have the largest and smallest inputs, targets, weights and parameters, and the
smallest tables and networks. Results are compared with NumPy in long double or float64,
with the same problem at a moderate scale, or with scikit-learn.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import UndefinedMetricWarning

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.exceptions import ScalingWarning
from support.extreme_cases import (
    CONTAINERS,
    LABELS,
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


def linear_classifier(dtype, n_classes, coefs):
    """Return a classifier of one feature with the logits feature times coefs."""
    y = np.arange(6) % n_classes
    model = MLPClassifier((), max_iter=1).fit(np.ones((6, 1), dtype), y)
    model.coefs_[0][...] = coefs
    model.intercepts_[0][...] = 0
    return model


# --------------------------------------------------------------------- predictions
@pytest.mark.promise(
    "Extreme values",
    "If the outputs of a network overflow to infinity or NaN, predict of a classifier"
    " raises instead of naming a class; probabilities and regression outputs are "
    "returned as they are.",
)
@each_container
@each_dtype
def test_outputs_without_a_decision_are_refused(dtype, container):
    largest = np.finfo(dtype).max
    model = linear_classifier(dtype, 3, [[2.0, 2.0, 1.0]])
    rows = CONTAINERS[container](np.array([[1], [largest]], dtype))
    with pytest.raises(ValueError, match=r"outputs for X are not finite"):
        model.predict(rows)
    with pytest.raises(ValueError, match=r"outputs for X are not finite"):
        model.score(rows, [0, 1])
    assert np.isnan(model.predict_proba(rows)[1]).all()
    assert np.isinf(model.decision_function(rows)[1, :2]).all()
    assert np.isfinite(model.predict_proba(rows)[0]).all()


@each_dtype
def test_one_row_without_a_decision_is_refused(dtype):
    model = linear_classifier(dtype, 3, [[2.0, 2.0, 1.0]])
    row = np.full((1, 1), np.finfo(dtype).max, dtype)
    for _ in range(2):
        with pytest.raises(ValueError, match="not finite"):
            model.predict(row)
    labels = np.eye(3, dtype=int)[np.arange(6) % 3]
    several = MLPClassifier((), max_iter=1).fit(np.ones((6, 1), dtype), labels)
    several.coefs_[0][...] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        several.predict(row)


@each_dtype
def test_a_saturated_probability_is_a_decision(dtype):
    """Accept one infinite logit, since the logistic of infinity is exactly 1."""
    model = linear_classifier(dtype, 2, [[2.0]])
    largest = np.finfo(dtype).max
    rows = np.array([[largest], [-largest]], dtype)
    assert_array_equal(model.predict(rows), [1, 0])
    assert_array_equal(model.predict_proba(rows), [[0, 1], [1, 0]])


@each_dtype
def test_the_only_class_is_certain_for_any_output(dtype):
    model = MLPClassifier((), max_iter=1).fit(np.ones((3, 1), dtype), ["a"] * 3)
    rows = np.array([[1], [np.finfo(dtype).max]], dtype)
    for weight in (1.0, 2.0, -2.0, np.nan):
        model.coefs_[0][...] = weight
        assert_array_equal(model.predict(rows), ["a", "a"])
        assert_array_equal(model.predict_proba(rows), [[1], [1]])
        assert_array_equal(model.predict_log_proba(rows), [[0], [0]])
        assert_array_equal(model.decision_function(rows), [0, 0])


def tame_logits(dtype):
    info = np.finfo(dtype)
    return [0.0, info.smallest_subnormal, info.tiny, 1.0, 30.0, 700.0, 1e30]


@pytest.mark.promise(
    "Extreme values",
    "A saturated logistic output with its log-loss has an exact, finite loss and a "
    "gradient of the right sign.",
)
@each_dtype
def test_losses_and_gradients_of_saturated_outputs(dtype):
    """Compare with long double: finite, exact, and of the correct sign."""
    for z in tame_logits(dtype):
        for sign in (1, -1):
            network = Network.from_parameters(
                [np.full((1, 1), sign * z, dtype)],
                [np.zeros(1, dtype)],
                activation="identity",
                output_activation="logistic",
                loss="binary_log_loss",
            )
            exact = np.longdouble(dtype(sign * z))
            for y in (0, 1):
                # log(1 + exp(-|z|)) + max(z, 0) - y z, and the logistic of z less y
                e = np.exp(-abs(exact))
                loss = np.log1p(e) + (max(exact, 0) - y * exact)
                delta = (1 / (1 + e) if exact >= 0 else e / (1 + e)) - y
                if y == 1 and exact > 0:
                    delta = -e / (1 + e)
                trace = network.backprop(np.ones((1, 1), dtype), [y])
                rtol = 4 * np.finfo(dtype).eps
                tiny = np.finfo(dtype).tiny
                assert_allclose(trace.loss, float(loss), rtol=rtol, atol=tiny)
                got = trace.intercept_grads[0][0]
                if not (y == 1 and exact > 0):  # y_pred - y, rounded once
                    assert_allclose(got, float(delta), rtol=rtol, atol=tiny)
                else:
                    assert -np.finfo(dtype).eps < got - float(delta) < 1e-7
                assert np.isfinite(got)


@pytest.mark.promise(
    "Extreme values",
    "Subnormal numbers are kept, in results and in the rest of the process.",
)
@each_container
@each_dtype
def test_subnormal_numbers_are_kept(dtype, container):
    """Compare with the results of NumPy in float64, rounded to subnormals."""
    tiny = np.finfo(dtype).smallest_subnormal
    inputs = (np.arange(1, 13).reshape(4, 3) * tiny).astype(dtype)
    model = MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(
        np.ones((4, 3), dtype), np.ones(4)
    )
    model.coefs_[0][...] = [[1], [2], [0.5]]
    model.intercepts_[0][...] = 0
    # Only the last operation rounds, halves to even.
    multiples = np.rint(np.arange(1, 13).reshape(4, 3) @ [1.0, 2.0, 0.5])
    expected = (multiples * tiny).astype(dtype)
    given = CONTAINERS[container](inputs)
    assert_array_equal(model.predict(given), expected)
    assert_array_equal(model.predict(given[:1]), expected[:1])
    assert inputs[0, 1] / 2 == tiny  # NumPy, and so this thread, still has subnormals


# ----------------------------------------------------- hyperparameters at the limits
EDGES = [
    {"alpha": 0},
    {"alpha": 5e-324},
    {"learning_rate_init": 5e-324},
    {"learning_rate_init": 1e-300},
    {"learning_rate_init": [5e-324, 1e-3]},
    {"tol": 0},
    {"tol": 1e300},
    {"solver": "sgd", "momentum": 0},
    {"solver": "sgd", "momentum": 1},
    {"solver": "sgd", "momentum": 5e-324},
    {"epsilon": 5e-324},
    {"epsilon": 1e300},
    {"beta_1": 0},
    {"beta_2": 0},
    {"beta_1": 0, "beta_2": 0},
    {"beta_1": np.nextafter(1, 0), "beta_2": np.nextafter(1, 0)},
    {"solver": "nadam", "beta_1": 0, "beta_2": 0},
    {"solver": "rmsprop", "beta_2": 0},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 1e300},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0},
    {"solver": "adamw", "weight_decay": 0},
    {"global_clipnorm": 5e-324},
    {"global_clipnorm": 1e308},
    {"max_norm": 5e-324},
    {"max_norm": 1e308},
    {"warmup_epochs": 5e-324},
    {"warmup_epochs": 1e300},
    {"learning_rate": "exponential", "decay_steps": 5e-324},
    {"learning_rate": "exponential", "decay_steps": 1e300},
    {"learning_rate": "exponential", "decay_rate": 5e-324},
    {"dropout": 5e-324},
    {"dropout": np.nextafter(1, 0)},
    {"input_dropout": np.nextafter(1, 0)},
    {"n_iter_no_change": 10**30},
    {"solver": "lbfgs", "max_fun": 10**30},
    {"solver": "lbfgs", "tol": 0},
    {"solver": "lbfgs", "tol": 1e300},
    {"n_jobs": -(10**30)},
    {"max_time": 1e-300},
    {"max_time": 1e308},
]


@each_dtype
@pytest.mark.parametrize("params", EDGES, ids=str)
def test_parameters_at_the_ends_of_their_ranges(params, dtype):
    for estimator, y in ((regressor, VALUES), (classifier, LABELS)):
        model = estimator(**params).fit(X.astype(dtype), y)
        assert np.isfinite(parameters_of(model)).all()
        assert np.isfinite(model.loss_curve_).all()
        assert model.coefs_[0].dtype == dtype


def test_tiny_parameters_act_like_zero():
    """Parameters are continuous at zero: 5e-324 acts like 0, or like the default."""
    same = (
        ({"alpha": 5e-324}, {"alpha": 0}),
        (
            {"solver": "sgd", "momentum": 5e-324, "nesterovs_momentum": False},
            {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False},
        ),
        ({"beta_1": 5e-324}, {"beta_1": 0}),
        ({"warmup_epochs": 5e-324}, {"warmup_epochs": 0}),
    )
    for tiny, zero in same:
        a, b = (regressor(**params).fit(X, VALUES) for params in (tiny, zero))
        assert_allclose(parameters_of(a), parameters_of(b), rtol=1e-14)
    start = regressor(max_iter=1, learning_rate_init=5e-324).fit(X, VALUES)
    later = regressor(max_iter=5, learning_rate_init=5e-324).fit(X, VALUES)
    assert_allclose(parameters_of(start), parameters_of(later), rtol=1e-14)


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate_init": 1e300},
        {"learning_rate_init": 1e300, "solver": "sgd"},
        {"learning_rate_init": [1e-300, 1e300]},
        {"weight_decay": 1e300, "solver": "adamw"},
    ],
    ids=str,
)
@each_dtype
def test_far_too_large_parameters_raise_a_divergence_error(dtype, params):
    for estimator, y in ((regressor, VALUES), (classifier, LABELS)):
        model = estimator(**params)
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            model.fit(X.astype(dtype), y)
        assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("value", [np.inf, -np.inf, -1e-300])
def test_an_infinite_or_negative_tolerance_is_refused(value):
    with pytest.raises(ValueError, match="'tol' parameter"):
        regressor(tol=value).fit(X, VALUES)


# ------------------------------------------------------------------- extreme scales
@pytest.mark.promise(
    "Extreme values",
    "Inputs and targets whose squares overflow give a warning that names them, or the"
    " fit ends as diverged; weights that are not finite are never published.",
)
@pytest.mark.parametrize("sparse", [False, True])
@each_solver
def test_inputs_whose_squares_overflow_give_a_warning(solver, sparse):
    inputs = X * 1e160
    inputs = scipy.sparse.csr_array(inputs) if sparse else inputs
    for estimator, y in ((regressor, VALUES), (classifier, LABELS)):
        model = estimator(solver=solver)
        with pytest.warns(ScalingWarning, match=r"X reach .*e\+160"):
            try:
                model.fit(inputs, y)
            except ValueError as refusal:
                assert "non-finite" in str(refusal)
                assert not hasattr(model, "coefs_")
            else:
                assert np.isfinite(parameters_of(model)).all()


@each_dtype
@each_solver
@pytest.mark.parametrize("size", ["largest", "smallest"])
def test_inputs_at_the_limits_of_the_range(size, solver, dtype):
    info = np.finfo(dtype)
    largest = np.where(X > 0, info.max, -info.max)
    inputs = (largest if size == "largest" else X * info.tiny).astype(dtype)
    for make in (np.asarray, scipy.sparse.csr_array):
        model = classifier(solver=solver)
        try:
            model.fit(make(inputs), LABELS)
        except ValueError as refusal:
            assert "non-finite" in str(refusal)
            assert size == "largest"
        else:
            assert np.isfinite(parameters_of(model)).all()


# ------------------------------------------------------------------ the smallest tables
SMALLEST = {
    "one_row": (X[:1], VALUES[:1]),
    "one_feature": (X[:, :1], VALUES),
    "a_constant_feature": (np.full((N, 1), 3.0), VALUES),
    "a_feature_of_zeros": (np.zeros((N, 1)), VALUES),
    "a_constant_target": (X, np.full(N, 3.0)),
    "more_outputs_than_rows": (X[:2], np.arange(60.0).reshape(2, 30) % 7),
}


@pytest.mark.promise(
    "Extreme values",
    "One row, one feature, constant features and targets, more outputs than rows, no "
    "hidden layer and layers of one unit are fitted as by scikit-learn.",
)
@pytest.mark.parametrize("hidden", [(), (1,), (1, 1, 1), (4,)], ids=str)
@pytest.mark.parametrize(
    ("solver", "case"),
    [
        (solver, case)
        for solver in ("sgd", "adam", "lbfgs")
        for case in SMALLEST
        # There, scikit-learn's objective is a mean over outputs, but its gradient a
        # sum.
        if (solver, case) != ("lbfgs", "more_outputs_than_rows")
    ],
)
def test_the_smallest_problems_fit_as_in_scikit_learn(solver, case, hidden):
    inputs, y = SMALLEST[case]
    params = {"hidden_layer_sizes": hidden, "solver": solver, "random_state": 0}
    params |= {"max_iter": 3, "tol": 0}
    ours = MLPRegressor(**params).fit(inputs, y)
    theirs = neural_network.MLPRegressor(**params).fit(inputs, y)
    assert_allclose(ours.predict(inputs), theirs.predict(inputs), rtol=1e-7, atol=1e-9)
    if y.ndim == 1:
        assert_allclose(ours.loss_, theirs.loss_, rtol=1e-7)
    single = MLPRegressor(**params).fit(inputs.astype(np.float32), y)
    assert_allclose(single.predict(inputs), ours.predict(inputs), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 19, 20, 21, 10**30])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_batches_of_any_size(solver, batch_size):
    params = {"solver": solver, "batch_size": batch_size, "random_state": 0}
    params |= {"max_iter": 3, "hidden_layer_sizes": (4,)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "batch_size|Got `batch_size`", UserWarning)
        ours = MLPRegressor(**params).fit(X, VALUES)
        theirs = neural_network.MLPRegressor(**params).fit(X, VALUES)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert_allclose(parameters_of(ours), parameters_of(theirs), rtol=1e-7)


@each_solver
def test_as_many_classes_as_rows(solver):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model = classifier(solver=solver).fit(X, np.arange(N))
    proba = model.predict_proba(X)
    assert proba.shape == (N, N)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.05, 5e-324, 0.96])
def test_fractions_that_leave_too_few_rows_are_refused(fraction):
    model = regressor(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match="test_size|validation_fraction"):
        model.fit(X, VALUES)
    assert not hasattr(model, "coefs_")


# ---------------------------------------------------------------------------- scores
def test_undefined_scores_are_reported():
    params = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}
    model = MLPRegressor(**params).fit(X, VALUES)
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(model.score(X[:1], VALUES[:1]))
    theirs = neural_network.MLPRegressor(**params)
    theirs.fit(X, VALUES)
    assert_allclose(model.score(X, np.ones(N)), theirs.score(X, np.ones(N)), rtol=1e-9)
    exact = regressor(hidden_layer_sizes=(), coefs_init=[np.zeros((3, 1))])
    exact.set_params(intercepts_init=[np.ones(1)], solver="lbfgs").fit(X, np.ones(N))
    assert exact.score(X, np.ones(N)) == 1
    stopping = regressor(early_stopping=True)
    with pytest.raises(ValueError, match="score.*is NaN on the validation set"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            stopping.fit(X, VALUES, X_val=X[:1], y_val=VALUES[:1])

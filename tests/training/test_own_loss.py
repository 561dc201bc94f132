"""A callable loss gives the fit of the same built-in loss, up to rounding."""

import pickle
import signal

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.reference import assert_state, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ("sgd", "adam", "lbfgs")
FAST = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0, "tol": 0}


def squared_error(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y


def log_cosh(y, y_pred):
    e = y_pred - y
    return np.log(np.cosh(e)).sum(axis=1), np.tanh(e)


def log_loss(y, y_pred):
    return -(y * np.log(y_pred)).sum(axis=1), -y / y_pred


def binary_log_loss(y, y_pred):
    other = 1 - y_pred
    values = -(y * np.log(y_pred) + (1 - y) * np.log(other)).sum(axis=1)
    return values, (1 - y) / other - y / y_pred


def make_data(dtype="float64", n_outputs=1):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X).astype(dtype), scale(y).astype(dtype)
    return X, y if n_outputs == 1 else np.c_[y, y**2, X[:, 0]]


@pytest.mark.feature(
    "Your own loss", use="MLPRegressor(loss=lambda y, y_pred: (values, gradients))"
)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_callable_squared_error_is_squared_error(solver, dtype, n_outputs):
    X, y = make_data(dtype, n_outputs)
    weights = np.random.RandomState(0).uniform(0, 2, len(X))
    weights[::7] = 0
    ours, named = (
        MLPRegressor(loss, solver=solver, **FAST).fit(
            scipy.sparse.csr_matrix(X), y, weights
        )
        for loss in (squared_error, "squared_error")
    )
    rtol = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(ours.loss_curve_, named.loss_curve_, rtol=rtol)
    np.testing.assert_allclose(ours.predict(X), named.predict(X), rtol=0, atol=rtol)
    assert ours.out_activation_ == "identity"


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_classifier_passes_one_hot_or_0_1_targets(kind, solver):
    X, y = load_iris(return_X_y=True)
    X, y = scale(X), y.astype(str)
    X, y = (X[50:], y[50:]) if kind == "binary" else (X, y)
    seen = []

    def loss(targets, y_pred):
        seen.append((targets, y_pred))
        of = binary_log_loss if kind == "binary" else log_loss
        return of(targets, y_pred)

    ours = MLPClassifier(loss=loss, solver=solver, **FAST).fit(X, y)
    named = MLPClassifier(solver=solver, **FAST).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, named.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(X), named.predict_proba(X), rtol=1e-6)
    targets = np.concatenate([pair[0] for pair in seen])
    assert targets.shape[1] == (1 if kind == "binary" else 3)
    assert set(np.unique(targets)) == {0, 1}
    if kind == "multiclass":
        assert (targets.sum(axis=1) == 1).all()


@pytest.mark.parametrize("output", ["identity", "tanh", "softmax", "logistic"])
def test_its_gradient_matches_finite_differences(output):
    rng = np.random.RandomState(0)
    net = Network(
        [3, 4, 2], loss=log_cosh, output_activation=output, alpha=0.1, random_state=0
    )
    X, y, weights = rng.rand(300, 3), rng.rand(300, 2), rng.rand(300)
    coef_grads, intercept_grads = net.gradients(X, y, weights)
    gradient = np.concatenate([g.ravel() for g in coef_grads + intercept_grads])
    for i, value in enumerate(net.parameters.copy()):
        net.parameters[i] = value + 1e-5
        above = net.objective(X, y, weights)
        net.parameters[i] = value - 1e-5
        below = net.objective(X, y, weights)
        net.parameters[i] = value
        assert gradient[i] == pytest.approx((above - below) / 2e-5, abs=1e-9)


def test_it_gets_copies_that_it_may_keep_and_change():
    X, y = make_data("float32", 3)
    kept = []

    def loss(targets, y_pred):
        kept.append((targets, targets.copy()))
        result = squared_error(targets, y_pred.copy())
        y_pred[:] = np.nan
        return result

    fitted = MLPRegressor(loss, shuffle=False, **FAST).fit(X, y)
    assert np.isfinite(fitted.loss_)
    rows = np.concatenate([array for array, _ in kept])[: len(y)]
    np.testing.assert_array_equal(rows, y)
    for array, copy in kept:
        assert array.dtype == np.float32 and array.flags.c_contiguous
        np.testing.assert_array_equal(array, copy)


class Odd(Exception):
    """An exception that only this test raises."""


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("error", [Odd("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_its_exceptions_are_passed_on_and_nothing_changes(error, solver):
    X, y = make_data()
    calls = []

    def fails_later(targets, y_pred):
        calls.append(len(targets))
        if len(calls) > 4:
            raise error
        return squared_error(targets, y_pred)

    model = MLPRegressor(solver=solver, **FAST).fit(X, y)
    model.set_params(loss=fails_later)
    before = state_of(model)
    with pytest.raises(type(error)) as caught:
        model.fit(X, y)
    assert caught.value is error
    assert_state(
        {k: v for k, v in vars(model).items() if k != "loss"},
        {k: v for k, v in before.items() if k != "loss"},
    )


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda y, p: None, "loss must return two arrays"),
        (lambda y, p: p - y, "loss must return two arrays"),
        (lambda y, p: (1.0, p - y), r"loss must return values .* shape \(\d+,\)"),
        (lambda y, p: ((p - y) ** 2, p - y), "loss must return values"),
        (lambda y, p: (p[:, 0], p[:, 0]), "loss must return dloss_dy_pred"),
        (lambda y, p: (p[:, 0], p[1:]), "loss must return dloss_dy_pred"),
        (lambda y, p: (p[:, 0] * 1j, p), "real numbers .* Got complex"),
        (lambda y, p: (p[:, 0], p.astype(str)), "real numbers .* Got <U"),
        (lambda y, p: (p[:, 0].astype(object), p), "real numbers .* Got object"),
    ],
)
def test_its_results_are_checked(result, words):
    X, y = make_data()
    for solver in ("adam", "lbfgs"):
        model = MLPRegressor(result, solver=solver, **FAST)
        with pytest.raises(ValueError, match=words):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")


def test_integers_and_other_layouts_are_accepted():
    X, y = make_data(n_outputs=3)

    def signs(targets, y_pred):
        slopes = np.sign(y_pred - targets).astype(np.int8)
        return np.abs(y_pred - targets).sum(axis=1), np.asfortranarray(slopes)

    ours = MLPRegressor(signs, **FAST).fit(X, y)
    named = MLPRegressor("absolute_error", **FAST).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, named.loss_curve_, rtol=1e-12)


def test_it_must_be_per_sample_so_that_parts_add_up():
    # Any split of the rows into calls gives the same objective.
    X, y = make_data()
    sizes = []

    def loss(targets, y_pred):
        sizes.append(len(targets))
        return squared_error(targets, y_pred)

    net = Network([10, 4, 1], loss=loss, random_state=0)
    named = Network([10, 4, 1], random_state=0)
    assert net.objective(X, y) == pytest.approx(named.objective(X, y), rel=1e-14)
    assert sum(sizes) == len(X)


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_the_number_of_threads_changes_nothing(n_jobs):
    X, y = make_data()
    X, y = np.tile(X, (10, 1)), np.tile(y, 10)
    settings = FAST | {"max_iter": 2, "batch_size": 2000, "hidden_layer_sizes": (60,)}
    model = MLPRegressor(squared_error, n_jobs=n_jobs, **settings).fit(X, y)
    one = MLPRegressor(squared_error, n_jobs=1, **settings).fit(X, y)
    assert model.loss_curve_ == one.loss_curve_


def test_early_stopping_partial_fit_warm_start_clone_and_pickle():
    X, y = make_data()
    settings = FAST | {"max_iter": 8}
    ours, named = (
        MLPRegressor(loss, early_stopping=True, **settings).fit(X, y)
        for loss in (squared_error, "squared_error")
    )
    np.testing.assert_allclose(
        ours.validation_scores_, named.validation_scores_, rtol=1e-9
    )
    again = pickle.loads(pickle.dumps(ours))
    assert again.loss is squared_error
    np.testing.assert_array_equal(again.predict(X), ours.predict(X))
    other = clone(ours).set_params(early_stopping=False, warm_start=True)
    first = other.fit(X, y).loss_
    assert other.fit(X, y).loss_ < first
    assert other.partial_fit(X, y).loss_ < first


def test_y_must_be_finite_and_the_regressor_is_not_told_to_be_positive():
    X, y = make_data()
    y[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        MLPRegressor(squared_error).fit(X, y)
    assert not MLPRegressor(squared_error).__sklearn_tags__().target_tags.positive_only


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_ctrl_c_reaches_a_fit_with_a_loss_of_its_own():
    X, y = make_data()
    model = MLPRegressor(squared_error, **(FAST | {"max_iter": 10**6}))
    model.n_iter_no_change = np.inf

    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert not hasattr(model, "coefs_")


def test_a_custom_loss_with_logistic_output_uses_the_jacobian():
    rng = np.random.RandomState(0)
    X, y = rng.rand(20, 3), rng.rand(20, 2)
    net = Network([3, 2], loss=log_cosh, output_activation="logistic", random_state=0)
    trace = net.backprop(X, y)
    a = expit(trace.z[0])
    expected = np.tanh(a - y) * a * (1 - a)
    np.testing.assert_allclose(trace.delta[0], expected, rtol=1e-12)


def test_values_of_the_loss_that_are_not_finite_are_found():
    X, y = np.ones((20, 2)), np.zeros(20)
    model = MLPRegressor(loss=lambda y, y_pred: (np.full(len(y), np.nan), y * np.nan))
    with pytest.raises(ValueError, match="loss, a callable, returned NaN or infinity"):
        model.fit(X, y)

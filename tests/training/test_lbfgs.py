"""Compares L-BFGS with scikit-learn: the first iterations, and the final losses.

SciPy takes the steps; our part is the objective and its gradient. After a few dozen
line searches rounding decides which minimum of a network is found, so the final losses
are compared over several initial weights.
"""

import threading
import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_info, threadpool_limits

import pybackprop
from support.reference import scikit_learn_set_right

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
TARGETS = ("binary", "multiclass", "multilabel", "regression", "multioutput", "counts")
CLASSIFIER_TARGETS = ("binary", "multiclass", "multilabel")
PACKAGES = (pybackprop, neural_network)


def make_data(target):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((90, 10))
    z = X @ rng.standard_normal((10, 3)) / 3 + 0.3 * rng.standard_normal((90, 3))
    y = {
        "binary": (z[:, 0] > 0).astype(int),
        "multiclass": z.argmax(axis=1),
        "multilabel": (z > 0.4).astype(int),
        "regression": np.tanh(z[:, 0]) + 0.1 * z[:, 1],
        "multioutput": np.tanh(z) + 0.1 * z[:, ::-1],
        "counts": rng.poisson(np.exp(0.5 * z[:, 0])).astype(float),
    }
    return X, y[target]


def fit(package, target, X, y, sample_weight=None, times=1, **params):
    """Fit with L-BFGS, `times` over; return the model."""
    kind = "Classifier" if target in CLASSIFIER_TARGETS else "Regressor"
    params = {"hidden_layer_sizes": (7,), "random_state": 1, "alpha": 0.01} | params
    if target == "counts":
        params["loss"] = "poisson"
    model = getattr(package, "MLP" + kind)(solver="lbfgs", **params)
    kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
    with scikit_learn_set_right(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(times):
            model.fit(X, y, **kwargs)
    return model


@pytest.mark.sampled(40)
@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_first_iterations_agree_to_rounding(target, activation, max_iter):
    X, y = make_data(target)
    params = {"activation": activation, "max_iter": max_iter}
    ours, theirs = (fit(package, target, X, y, **params) for package in PACKAGES)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7, atol=1e-7)


@pytest.mark.sampled(20)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "variation",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (6, 5, 4)},
        {"alpha": 0},
        {"alpha": 1},
        {"warm_start": True, "times": 2},
        {"early_stopping": True},
        {"weights": True},
        {"container": scipy.sparse.csr_matrix},
        {"container": scipy.sparse.csc_array},
    ],
    ids=lambda v: "-".join(f"{k}_{getattr(x, '__name__', x)}" for k, x in v.items()),
)
def test_first_iterations_agree_in_every_setting(target, variation):
    params = dict(variation)
    X, y = make_data(target)
    X = params.pop("container", np.asarray)(np.where(np.abs(X) < 0.5, 0, X))
    weights = np.arange(len(y)) % 4 + 0.5 if params.pop("weights", False) else None
    params |= {"activation": "tanh", "max_iter": 3}
    ours, theirs = (
        fit(package, target, X, y, weights, **params) for package in PACKAGES
    )
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("target", TARGETS)
def test_the_generator_ends_in_the_same_state(target):
    X, y = make_data(target)
    states = []
    for package in PACKAGES:
        random_state = np.random.RandomState(4)
        fit(package, target, X, y, random_state=random_state, max_iter=3)
        states.append(random_state.get_state())
    for a, b in zip(*states, strict=True):
        assert_array_equal(a, b)


def real_data(name):
    if name == "iris":
        X, y = load_iris(return_X_y=True)
    elif name == "digits":
        X, y = load_digits(n_class=5, return_X_y=True)
        X, y = X[:300], y[:300]
    else:
        X, y = load_diabetes(return_X_y=True)
        y = y / y.mean() if name == "diabetes_poisson" else scale(y)
    return scale(X), y


@pytest.mark.sampled(3)
@pytest.mark.parametrize("activation", ["logistic", "tanh"])
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("iris", "multiclass"),
        ("digits", "multiclass"),
        ("diabetes", "regression"),
        ("diabetes_poisson", "counts"),
    ],
)
def test_the_final_loss_is_as_good(name, target, activation):
    """scikit-learn's mean changes by 0.05 % if its initial weights change by 1e-15."""
    X, y = real_data(name)
    params = {"activation": activation, "alpha": 1, "max_iter": 150}
    ours, theirs = (
        np.mean(
            [
                fit(package, target, X, y, random_state=seed, **params).loss_
                for seed in range(4)
            ]
        )
        for package in PACKAGES
    )
    assert ours <= theirs * 1.005


@pytest.mark.parametrize("target", TARGETS)
def test_the_result_is_the_same_for_a_convex_objective(target):
    X, y = make_data(target)
    params = {"hidden_layer_sizes": (), "alpha": 1, "tol": 1e-8, "max_iter": 1000}
    ours, theirs = (fit(package, target, X, y, **params) for package in PACKAGES)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_float32_in_float32_out(target):
    X, y = make_data(target)
    X = X.astype(np.float32)
    ours, theirs = (fit(package, target, X, y, max_iter=3) for package in PACKAGES)
    assert {a.dtype for a in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    if target in CLASSIFIER_TARGETS:
        assert ours.predict_proba(X).dtype == np.float32
    else:
        assert ours.predict(X).dtype == np.float32
    # The gradient is rounded to float32, where scikit-learn computes in float64.
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-5)
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("target", TARGETS)
def test_the_loss_curve_is_kept(target, dtype):
    X, y = make_data(target)
    model = fit(pybackprop, target, X.astype(dtype), y, max_iter=60)
    curve = np.array(model.loss_curve_)
    assert isinstance(model.loss_curve_, list)
    assert len(curve) == model.n_iter_
    assert curve[-1] == model.loss_
    assert np.all(np.diff(curve) <= 16 * np.finfo(dtype).eps * curve[:-1])


def test_the_loss_curve_belongs_to_the_iterations():
    """Test that a fit of k iterations ends with the k-th loss of the curve."""
    X, y = make_data("multiclass")
    curve = fit(pybackprop, "multiclass", X, y, max_iter=6).loss_curve_
    for k in range(1, 7):
        model = fit(pybackprop, "multiclass", X, y, max_iter=k)
        assert model.loss_curve_ == curve[:k]


@pytest.mark.parametrize(
    ("params", "converges"),
    [
        ({"max_iter": 2}, False),
        ({"max_fun": 3}, False),
        ({"max_iter": 1000, "tol": 1e-3, "alpha": 1}, True),
    ],
)
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_the_stopping_reason_is_kept(target, params, converges):
    X, y = make_data(target)
    kind = "Classifier" if target == "multiclass" else "Regressor"
    for package in PACKAGES:
        model = getattr(package, "MLP" + kind)(solver="lbfgs", random_state=0)
        model.set_params(hidden_layer_sizes=(7,), activation="tanh", **params)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y)
        warned = any(issubclass(w.category, ConvergenceWarning) for w in caught)
        assert warned is not converges
        if package is pybackprop:
            assert isinstance(model.stopping_reason_, str) and model.stopping_reason_
            assert model.n_iter_ <= params.get("max_iter", 200)


def test_different_reasons_read_differently():
    X, y = make_data("regression")
    reasons = {
        fit(pybackprop, "regression", X, y, **params).stopping_reason_
        for params in ({"max_iter": 2}, {"max_fun": 3}, {"tol": 1e9})
    }
    assert len(reasons) == 3


# ------------------------------------------------------------------ SciPy's own threads
def blas_threads():
    return [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]


def test_scipy_runs_on_one_blas_thread(monkeypatch):
    seen = []
    minimize = scipy.optimize.minimize

    def watch(fun, *args, **kwargs):
        seen.append(blas_threads())
        return minimize(fun, *args, **kwargs)

    monkeypatch.setattr(scipy.optimize, "minimize", watch)
    with threadpool_limits(3, user_api="blas"):
        before = blas_threads()
        fit(pybackprop, "binary", *make_data("binary"), max_iter=3)
        assert blas_threads() == before
    assert seen and all(number == 1 for number in seen[0])


def test_overlapping_fits_restore_the_blas_threads():
    X, y = make_data("multiclass")
    ends = []
    with threadpool_limits(3, user_api="blas"), warnings.catch_warnings():
        # Warning filters belong to the process: set once, not in each thread.
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = blas_threads()
        start = threading.Barrier(4)

        def work(max_iter):
            model = pybackprop.MLPClassifier((7,), solver="lbfgs", max_iter=max_iter)
            start.wait()
            ends.append(model.fit(X, y).n_iter_)

        threads = [threading.Thread(target=work, args=(2 + 9 * i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert blas_threads() == before
    assert len(ends) == 4


def test_a_failing_fit_restores_the_blas_threads(monkeypatch):
    def fail(*args, **kwargs):
        raise FloatingPointError

    monkeypatch.setattr(scipy.optimize, "minimize", fail)
    before = blas_threads()
    with pytest.raises(FloatingPointError):
        fit(pybackprop, "binary", *make_data("binary"))
    assert blas_threads() == before

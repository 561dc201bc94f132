"""Tests each row of docs/differences.md.

Each shows scikit-learn's result and compares ours with plain NumPy or SciPy.
"""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_expit, logsumexp
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_wine
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.preprocessing import LabelBinarizer

import pybackprop
from pybackprop.exceptions import ScalingWarning
from support.reference import scikit_learn_set_right

pytestmark = pytest.mark.filterwarnings("ignore::pybackprop.exceptions.ScalingWarning")
ESTIMATORS = ("MLPClassifier", "MLPRegressor")
# One batch with a step too small to change any weight: the only loss in the curve is
# the loss of the initial weights, which stay in coefs_.
STILL = {
    "solver": "sgd",
    "learning_rate_init": 1e-300,
    "max_iter": 1,
    "batch_size": 50,
    "random_state": 0,
    "hidden_layer_sizes": (6,),
    "activation": "tanh",
}


def output_z(model, X):
    """Return the pre-activation of the output, in plain NumPy."""
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[model.activation]
    a = X
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        a = f(a @ coef + intercept)
    return a @ model.coefs_[-1] + model.intercepts_[-1]


def l2_term(model, n):
    return model.alpha / 2 * sum(np.sum(coef**2) for coef in model.coefs_) / n


def exact_log_loss(model, X, y):
    """Return the mean log-loss, computed from z without clipping."""
    z = output_z(model, X)
    if model.out_activation_ == "softmax":
        y = LabelBinarizer().fit_transform(y)
        losses = logsumexp(z, axis=1) - (z * y).sum(axis=1)
    else:
        y = y.reshape(len(X), -1)
        losses = -(y * log_expit(z) + (1 - y) * log_expit(-z)).sum(axis=1)
    return losses.mean() + l2_term(model, len(X))


def unscaled_data(kind):
    rng = np.random.RandomState(2)
    X = 3000 * rng.standard_normal((50, 4))
    z = X @ rng.standard_normal((4, 3))
    return X, {
        "binary": (z[:, 0] > 0).astype(int),
        "multiclass": z.argmax(axis=1),
        "multilabel": (z > 0).astype(int),
    }[kind]


def fit(package, name, X, y, sample_weight=None, **params):
    model = getattr(package, name)(**params)
    kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **kwargs)


# ------------------------------------------------ multi-output squared error: a sum
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [2, 5])
def test_multioutput_squared_error_is_the_sum_over_outputs(outputs, weighted):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, outputs))
    weights = rng.uniform(0.5, 2, 50) if weighted else np.ones(50)
    ours, theirs = (
        fit(package, "MLPRegressor", X, y, weights, **STILL)
        for package in (pybackprop, neural_network)
    )
    squares = (output_z(ours, X) - y) ** 2
    l2 = l2_term(ours, weights.sum())
    expected = np.average(squares.sum(axis=1), weights=weights) / 2
    assert_allclose(ours.loss_, expected + l2, rtol=1e-13)
    assert_allclose(theirs.loss_, expected / outputs + l2, rtol=1e-13)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_multioutput_gradient_is_that_of_the_reported_loss(solver):
    """A small step along the gradient lowers the loss by its squared norm."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    if solver == "lbfgs":
        tight = {"tol": 1e-9, "max_iter": 500, "alpha": 0, "hidden_layer_sizes": ()}
        model = fit(pybackprop, "MLPRegressor", X, y, solver="lbfgs", **tight)
        design = np.column_stack([X, np.ones(50)])
        _, residues, _, _ = np.linalg.lstsq(design, y)
        # SciPy stops where an iteration lowers the loss by 2e-9 of its size.
        assert_allclose(model.loss_, residues.sum() / 2 / 50, rtol=1e-8)
        return
    step = 1e-6
    params = STILL | {"learning_rate_init": step, "max_iter": 2, "momentum": 0}
    for package, factor in ((pybackprop, 1), (neural_network, 3)):
        moved = fit(package, "MLPRegressor", X, y, alpha=0, **params)
        still = fit(package, "MLPRegressor", X, y, alpha=0, **STILL)
        once = fit(package, "MLPRegressor", X, y, alpha=0, **params | {"max_iter": 1})
        squared_length = sum(
            np.sum(((a - b) / step) ** 2)
            for a, b in zip(
                still.coefs_ + still.intercepts_,
                once.coefs_ + once.intercepts_,
                strict=True,
            )
        )
        fall = moved.loss_curve_[0] - moved.loss_curve_[1]
        assert_allclose(fall * factor, step * squared_length, rtol=1e-4)


def test_scikit_learn_agrees_after_that_correction():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    params = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 20}
    ours = fit(pybackprop, "MLPRegressor", X, y, **params)
    with scikit_learn_set_right():
        theirs = fit(neural_network, "MLPRegressor", X, y, **params)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)


# ----------------------------------------------------------- log-loss, saturated
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_loss_is_exact_where_a_probability_saturates(kind):
    X, y = unscaled_data(kind)
    params = STILL | {"activation": "relu", "hidden_layer_sizes": (20,)}
    ours = fit(pybackprop, "MLPClassifier", X, y, **params)
    theirs = fit(neural_network, "MLPClassifier", X, y, **params)
    expected = exact_log_loss(ours, X, y)
    assert_allclose(ours.loss_curve_, [expected], rtol=1e-12)
    assert theirs.loss_ < expected / 2  # clipped at 36 per sample and output


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_of_a_single_saturated_sample(dtype):
    """Test a loss beyond the value at which scikit-learn clips."""
    X = np.array([[1e4], [-1e4]], dtype=dtype)
    params = STILL | {"hidden_layer_sizes": (), "batch_size": 2, "alpha": 0}
    for y in ([0, 1], [1, 0]):
        model = fit(pybackprop, "MLPClassifier", X, y, **params)
        z = output_z(model, X)[:, 0].astype(np.float64)
        expected = np.mean(np.logaddexp(0, np.where(np.equal(y, 1), -z, z)))
        rtol = {np.float32: 1e-6, np.float64: 1e-12}[dtype]
        assert_allclose(model.loss_, expected, rtol=rtol, atol=0)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_predict_log_proba_has_no_minus_infinity(kind):
    X, y = unscaled_data(kind)
    params = STILL | {"activation": "relu", "hidden_layer_sizes": (20,)}
    ours = fit(pybackprop, "MLPClassifier", X, y, **params)
    z = output_z(ours, X)
    if kind == "multiclass":
        expected = z - logsumexp(z, axis=1, keepdims=True)
    elif kind == "binary":
        expected = np.hstack([log_expit(-z), log_expit(z)])
    else:
        expected = log_expit(z)
    log_proba = ours.predict_log_proba(X)
    assert np.isfinite(log_proba).all()
    # The largest entries cancel in logsumexp(z) - z, and are accurate to roundings of
    # z.
    assert_allclose(log_proba, expected, rtol=1e-9, atol=1e-15 * np.abs(z).max())
    theirs = fit(neural_network, "MLPClassifier", X, y, **params)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert np.isneginf(theirs.predict_log_proba(X)).any()


def test_the_first_column_of_a_binary_predict_proba_is_sigma_of_minus_z():
    X = np.linspace(-1, 1, 50)[:, np.newaxis] * 300
    y = (X[:, 0] > 0).astype(int)
    params = STILL | {"hidden_layer_sizes": ()}
    ours = fit(pybackprop, "MLPClassifier", X, y, **params)
    theirs = fit(neural_network, "MLPClassifier", X, y, **params)
    z = output_z(ours, X)[:, 0]
    assert np.abs(z).max() > 40
    proba = ours.predict_proba(X)
    assert_allclose(proba[:, 0], expit(-z), rtol=1e-12, atol=0)
    assert_allclose(proba[:, 1], expit(z), rtol=1e-12, atol=0)
    assert np.all(proba > 0)
    assert np.any(theirs.predict_proba(X)[:, 0] == 0)


# --------------------------------------------------------------- decision_function
def test_the_roc_scorer_ranks_by_logits_which_do_not_tie_at_one():
    X = np.linspace(0, 1, 200)[:, np.newaxis] * 300 + 50
    y = (X[:, 0] > 200).astype(int)
    ours, theirs = (
        fit(package, "MLPClassifier", X, y, **STILL | {"hidden_layer_sizes": ()})
        for package in (pybackprop, neural_network)
    )
    for model in (ours, theirs):
        model.coefs_[0][:] = 1  # the rank of x, and every sigma(z) rounds to 1
    assert_array_equal(ours.predict_proba(X)[:, 1], 1)
    assert get_scorer("roc_auc")(ours, X, y) == 1
    assert get_scorer("average_precision")(ours, X, y) == 1
    assert get_scorer("roc_auc")(theirs, X, y) == 0.5
    assert not hasattr(theirs, "decision_function")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_is_fitted_to_logits(n_classes):
    """Ours fits Platt's sigmoid to logits, scikit-learn's to probabilities."""
    X = np.random.RandomState(0).standard_normal((90, 4))
    y = np.digitize(X[:, 0], [0, 1][: n_classes - 1])
    for package in (pybackprop, neural_network):
        model = fit(package, "MLPClassifier", X, y, random_state=0, max_iter=30)
        calibrated = CalibratedClassifierCV(FrozenEstimator(model)).fit(X, y)
        (fitted,) = calibrated.calibrated_classifiers_
        seen = output_z(model, X)
        if package is neural_network:
            seen = model.predict_proba(X)[:, -seen.shape[1] :]
        by_hand = [
            expit(-(sigmoid.a_ * column + sigmoid.b_))
            for sigmoid, column in zip(fitted.calibrators, seen.T, strict=True)
        ]
        proba = calibrated.predict_proba(X)
        if n_classes == 2:
            assert_allclose(proba[:, 1], by_hand[0], rtol=1e-9)
        else:
            assert_allclose(
                proba,
                np.transpose(by_hand) / np.sum(by_hand, axis=0)[:, np.newaxis],
                rtol=1e-9,
            )


@pytest.mark.parametrize("method", ["stack_method_", "best_threshold_"])
def test_stacking_and_thresholds_still_take_probabilities(method):
    X = np.random.RandomState(0).standard_normal((90, 4))
    y = (X[:, 0] > 0).astype(int)
    seen = []
    for package in (pybackprop, neural_network):
        base = package.MLPClassifier(random_state=0, max_iter=30)
        meta = TunedThresholdClassifierCV(base, cv=2, random_state=0)
        if method == "stack_method_":
            meta = StackingClassifier([("mlp", base)], cv=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            seen.append(getattr(meta.fit(X, y), method))
    assert seen[0] == seen[1] or np.isclose(*seen, rtol=1e-9)


# ------------------------------------------------------------------------- weights
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_negative_weights_are_refused(name, method):
    X, y = np.arange(20.0).reshape(10, 2) / 10, np.arange(10) % 2
    weights = np.ones(10)
    weights[3] = -0.25
    kwargs = {"sample_weight": weights}
    if (name, method) == ("MLPClassifier", "partial_fit"):
        kwargs["classes"] = [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = getattr(neural_network, name)(max_iter=2)
        getattr(theirs, method)(X, y, **kwargs)  # accepted silently
    model = getattr(pybackprop, name)(max_iter=2)
    with pytest.raises(ValueError, match=r"(?s)(?i)sample_weight.*negative|-0\.25"):
        getattr(model, method)(X, y, **kwargs)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_batch_without_weight_takes_no_step(name, solver):
    """A batch of rows of weight zero acts as if the rows were absent."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 3))
    y = np.arange(40) % 2
    weights = np.r_[np.ones(16), np.zeros(16), np.ones(8)]
    keep = weights > 0
    params = {"hidden_layer_sizes": (5,), "batch_size": 8, "shuffle": False}
    params |= {"random_state": 0, "max_iter": 10, "solver": solver}
    with np.errstate(invalid="ignore"), pytest.raises((ValueError, ZeroDivisionError)):
        fit(neural_network, name, X, y, weights, **params)
    ours = fit(pybackprop, name, X, y, weights, **params)
    without = fit(pybackprop, name, X[keep], y[keep], weights[keep], **params)
    for a, b in zip(ours.coefs_, without.coefs_, strict=True):
        assert_array_equal(a, b)
    for a, b in zip(ours.intercepts_, without.intercepts_, strict=True):
        assert_array_equal(a, b)
    assert np.isfinite(ours.loss_curve_).all()


# ------------------------------------------------------------------ early stopping
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_with_early_stopping_restores_the_best_weights(solver):
    """scikit-learn's best weights are the same arrays that the next fit trains."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((100, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0]
    params = {"hidden_layer_sizes": (), "random_state": 0, "solver": solver}
    params |= {"early_stopping": True, "warm_start": True, "learning_rate_init": 0.05}
    params |= {"batch_size": 20, "max_iter": 30, "tol": 0, "n_iter_no_change": 100}
    for package, restores in ((pybackprop, True), (neural_network, False)):
        model = fit(package, "MLPRegressor", X, y, **params)
        best = model.best_validation_score_
        weights = model.coefs_[0].copy()
        # The score can only fall now: the same split, and the opposite target.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=5).fit(X, -y)
        assert max(model.validation_scores_[30:]) < model.best_validation_score_ == best
        assert np.array_equal(model.coefs_[0], weights) is restores


# --------------------------------------------------------------------- partial_fit
@pytest.mark.parametrize("name", ESTIMATORS)
def test_lbfgs_has_no_partial_fit(name):
    ours = getattr(pybackprop, name)
    assert not hasattr(ours(solver="lbfgs"), "partial_fit")
    assert hasattr(ours(solver="sgd"), "partial_fit")
    assert hasattr(ours(solver="adam"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = ours(solver="lbfgs").partial_fit
    theirs = getattr(neural_network, name)(solver="lbfgs")
    assert hasattr(theirs, "partial_fit") is (name == "MLPRegressor")


# ----------------------------------------------------------------------- one class
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("label", [0, 1, 7, "only", True])
def test_one_class_gives_one_column(label, solver):
    X = np.random.RandomState(0).standard_normal((20, 3))
    y = np.array([label] * 20)
    params = {"solver": solver, "max_iter": 3, "random_state": 0}
    ours = fit(pybackprop, "MLPClassifier", X, y, **params)
    assert_array_equal(ours.classes_, [label])
    proba = ours.predict_proba(X)
    assert_array_equal(proba, np.ones((20, 1)))
    assert_array_equal(ours.predict_log_proba(X), np.zeros((20, 1)))
    assert_array_equal(ours.predict(X), y)
    assert ours.predict(X).dtype == y.dtype
    assert ours.score(X, y) == 1
    theirs = fit(neural_network, "MLPClassifier", X, y, **params)
    assert theirs.predict_proba(X).shape == (20, 2)


# -------------------------------------------------------------------------- Ctrl-C
INTERRUPTED = """
import os, signal, sys, threading, warnings
import numpy as np
from support.reference import assert_state, state_of
package, name, solver = sys.argv[1:]
estimator = getattr(__import__(package, fromlist=[name]), name)
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X, y = rng.standard_normal((20000, 50)), rng.randint(0, 2, 20000)
model = estimator((50,), solver=solver, max_iter=2, random_state=0)
if name == "MLPRegressor":
    model = estimator("squared_error", (50,), solver=solver, max_iter=2, random_state=0)
model.fit(X, y)
endless = dict(max_iter=10**7, max_fun=10**9, tol=0, n_iter_no_change=np.inf)
model.set_params(**endless)
before = state_of(model)
press = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
press.start()
try:
    model.fit(X, y)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
else:
    print("returned")
try:
    assert_state(vars(model), before)
    print("unchanged")
except AssertionError as changed:
    print("changed", changed)
"""


def press_ctrl_c(package, name, solver):
    """Interrupt a fit of a fitted estimator; return what it did and left."""
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED, package, name, solver],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_ctrl_c_raises_and_leaves_a_fitted_estimator_as_it_was(name, solver):
    assert press_ctrl_c("pybackprop", name, solver) == [
        "KeyboardInterrupt",
        "unchanged",
    ]


@pytest.mark.slow
def test_ctrl_c_is_swallowed_by_scikit_learn():
    outcome, left = press_ctrl_c("sklearn.neural_network", "MLPClassifier", "sgd")
    assert outcome == "returned"
    assert left.startswith("changed")


# ------------------------------------------------------------ rows of weight zero
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_row_of_weight_zero_is_left_out_even_where_it_overflows(name, solver):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 3)), np.arange(30) % 2
    X[7] = 1e308
    weights = np.ones(30)
    weights[7] = 0
    keep = weights > 0
    params = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 5}
    params |= {"batch_size": 30, "shuffle": False, "solver": solver}
    ours = fit(pybackprop, name, X, y, weights, **params)
    without = fit(pybackprop, name, X[keep], y[keep], **(params | {"batch_size": 29}))
    assert_allclose(ours.loss_curve_, without.loss_curve_, rtol=1e-14)
    if name == "MLPClassifier":
        return  # scikit-learn's loss saturates and is clipped, so it does not overflow
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = fit(neural_network, name, X, y, weights, **params)
        except ValueError as error:
            assert "non-finite" in str(error)
        else:
            assert not np.isfinite(theirs.loss_)


# ------------------------------------------------------------------- failed fits
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fit_that_raises_leaves_the_estimator_as_it_was(name):
    X, y = np.random.RandomState(0).standard_normal((20, 2)), np.arange(20) % 2
    params = {"solver": "sgd", "random_state": 0, "max_iter": 20, "activation": "relu"}
    diverging = {"learning_rate_init": 1e300}
    for package, is_left in ((pybackprop, True), (neural_network, False)):
        model = fit(package, name, X, y, **params)
        before = [coef.copy() for coef in model.coefs_]
        model.set_params(**diverging)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError, match="non-finite"):
                model.fit(X, y)
        same = all(map(np.array_equal, model.coefs_, before))
        assert same is is_left


def test_divergence_ends_an_early_stopped_fit_in_that_epoch():
    X = np.random.RandomState(0).standard_normal((50, 2))
    params = {"solver": "sgd", "random_state": 0, "activation": "identity"}
    params |= {"learning_rate_init": 10.0, "early_stopping": True, "max_iter": 40}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = fit(pybackprop, "MLPRegressor", X, X[:, 0], **params)
        theirs = fit(neural_network, "MLPRegressor", X, X[:, 0], **params)
    assert np.isnan(ours.validation_scores_[-1])
    assert not np.isnan(ours.validation_scores_[:-1]).any()
    assert np.isnan(theirs.validation_scores_).sum() > 1
    first = np.flatnonzero(np.isnan(theirs.validation_scores_))[0]
    assert len(ours.validation_scores_) == first + 1


# ------------------------------------------------------------------------ float32
def test_a_float32_network_computes_in_float32_whatever_it_is_given():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 3)), rng.standard_normal(30)
    for package, expected in ((pybackprop, "float32"), (neural_network, "float64")):
        model = fit(
            package, "MLPRegressor", X.astype("float32"), y, random_state=0, max_iter=5
        )
        assert model.coefs_[0].dtype == np.float32
        assert model.predict(X).dtype == expected
        lbfgs = fit(
            package,
            "MLPRegressor",
            X.astype("float32"),
            y,
            random_state=0,
            max_iter=5,
            solver="lbfgs",
        )
        assert lbfgs.coefs_[0].dtype == expected
        assert hasattr(lbfgs, "loss_curve_") is (package is pybackprop)


# ------------------------------------------------------------- refused, not ignored
def test_a_warm_start_with_other_layer_sizes_is_refused():
    X, y = np.random.RandomState(0).standard_normal((30, 3)), np.arange(30.0)
    params = {"warm_start": True, "random_state": 0, "max_iter": 3}
    theirs = fit(neural_network, "MLPRegressor", X, y, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    assert theirs.coefs_[0].shape == (3, 100)  # ignored silently
    ours = fit(pybackprop, "MLPRegressor", X, y, **params)
    ours.set_params(hidden_layer_sizes=(7,))
    with pytest.raises(ValueError, match=r"from \[3, 100, 1\] to \[3, 7, 1\].*\(7,\)"):
        ours.fit(X, y)
    assert ours.coefs_[0].shape == (3, 100)


def test_a_negative_target_of_the_poisson_loss_is_refused():
    X = np.random.RandomState(0).standard_normal((30, 3))
    y = np.r_[np.ones(29), -1.0]
    params = {"loss": "poisson", "random_state": 0, "max_iter": 3}
    theirs = fit(neural_network, "MLPRegressor", X, y, **params)
    assert np.isnan(theirs.loss_)
    with pytest.raises(ValueError, match=r"y must be .*>= 0 .*'poisson'.*-1"):
        fit(pybackprop, "MLPRegressor", X, y, **params)


# ----------------------------------------------------------------- scale warnings
def test_a_scale_far_off_is_named():
    X, y = load_wine(return_X_y=True)
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        neural_network.MLPClassifier(max_iter=2).fit(X, y)
    with warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        pybackprop.MLPClassifier(max_iter=2).fit(X, y)
    assert [w.category for w in theirs] == [ConvergenceWarning]
    assert [w.category for w in ours] == [ScalingWarning, ConvergenceWarning]
    assert "StandardScaler" in str(ours[0].message)

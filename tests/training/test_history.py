"""history_ describes every epoch, and stopping_reason_ says why the fit ended."""

import copy
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.reference import assert_state

X, Y = load_iris(return_X_y=True)
X = scale(X)
FAST = {"hidden_layer_sizes": (5,), "max_iter": 9, "random_state": 0}
HELD_OUT = {"X_val": X[::4], "y_val": Y[::4]}
COLUMNS = ["epoch", "loss", "penalty", "validation_loss", "validation_score"]
COLUMNS += ["learning_rate", "gradient_norm", "seconds"]
SOLVERS = ("sgd", "adam", "lbfgs")


def fit(**params):
    return MLPClassifier(**FAST | params).fit(X, Y)


@pytest.mark.feature(
    "Losses, scores, learning rate and seconds of every epoch",
    use="pandas.DataFrame(model.history_)",
    requested="#18507",
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_history_has_one_row_per_epoch(solver):
    began = time.perf_counter()
    model = MLPClassifier(solver=solver, **FAST).fit(X, Y, **HELD_OUT)
    took = time.perf_counter() - began
    history = model.history_
    assert list(history) == COLUMNS
    assert {len(column) for column in history.values()} == {model.n_iter_}
    assert history["epoch"] == list(range(1, model.n_iter_ + 1))
    assert history["loss"] == model.loss_curve_
    assert history["validation_loss"] == model.validation_loss_curve_
    assert history["validation_score"] == model.validation_scores_
    assert min(history["seconds"]) > 0 and sum(history["seconds"]) < took
    pd = pytest.importorskip("pandas")
    assert pd.DataFrame(history).shape == (model.n_iter_, len(COLUMNS))


def test_without_a_fit_there_is_no_history():
    assert not hasattr(MLPClassifier(), "history_")


def test_a_scorer_sees_the_history_so_far():
    lengths = []

    def scoring(estimator, X, y):
        lengths.append(len(estimator.history_["epoch"]))
        return 0

    fit(early_stopping=True, scoring=scoring)
    assert lengths == list(range(9))


@pytest.mark.parametrize("solver", SOLVERS)
def test_unknown_values_are_nan(solver):
    history = fit(solver=solver).history_
    assert np.isnan(history["validation_loss"]).all()
    assert np.isnan(history["validation_score"]).all()
    assert np.isnan(history["learning_rate"]).all() == (solver == "lbfgs")


@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_the_learning_rate_is_the_one_of_the_epoch(schedule):
    params = {"solver": "sgd", "learning_rate": schedule, "learning_rate_init": 0.1}
    params |= {"tol": 1, "n_iter_no_change": 1}
    rates = fit(**params).history_["learning_rate"]
    if schedule == "constant":
        expected = np.full(len(rates), 0.1)
    elif schedule == "invscaling":
        expected = 0.1 / np.sqrt(150 * np.arange(len(rates)) + 1)
    else:
        # Every second epoch without progress lowers it; the first epoch is progress.
        expected = 0.1 / 5.0 ** np.maximum((np.arange(len(rates)) - 1) // 2, 0)
    assert_allclose(rates, expected)


@pytest.mark.parametrize("weight", [None, 0.25])
def test_lbfgs_records_penalty_and_gradient(weight):
    weights = None if weight is None else np.full(150, weight)
    model = MLPClassifier(solver="lbfgs", alpha=2.0, **FAST).fit(X, Y, weights)
    network = Network.from_parameters(
        model.coefs_,
        model.intercepts_,
        activation="relu",
        output_activation="softmax",
        loss="log_loss",
        alpha=2.0,
    )
    gradients = network.gradients(X, np.eye(3)[Y], weights)
    norm = np.sqrt(sum((g**2).sum() for part in gradients for g in part))
    squares = sum((coef**2).sum() for coef in model.coefs_)
    assert model.history_["gradient_norm"][-1] == pytest.approx(norm, rel=1e-9)
    penalty = 2 * squares / 2 / (150 * (weight or 1))
    assert model.history_["penalty"][-1] == pytest.approx(penalty, rel=1e-9)
    assert model.history_["loss"][-1] == pytest.approx(model.loss_, rel=1e-12)


def test_the_history_continues_like_the_loss_curve():
    model = MLPClassifier(warm_start=True, **FAST)
    for length in (9, 18):
        model.fit(X, Y)
        assert len(model.loss_curve_) == length
        assert model.history_["epoch"] == list(range(1, length + 1))
    other = copy.copy(model)
    model.partial_fit(X, Y)
    assert model.history_["epoch"][-1] == 19
    assert other.history_["epoch"][-1] == len(other.loss_curve_) == 18
    assert model.history_["loss"] == model.loss_curve_
    model.set_params(warm_start=False).fit(X, Y)
    assert {len(column) for column in model.history_.values()} == {9}


# --------------------------------------------------------------------- time limit
@pytest.mark.feature("A time limit", use="MLPClassifier(max_time=60)")
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_fit_ends_with_the_epoch_that_exceeds_the_time_limit(solver):
    """Every fit has a first epoch that ends after 1e-9 seconds."""
    with pytest.warns(ConvergenceWarning, match="max_time=1e-09"):
        model = fit(solver=solver, max_time=1e-9)
    assert model.n_iter_ == len(model.loss_curve_) == 1
    assert "max_time=1e-09 seconds" in model.stopping_reason_
    assert not model.stopped_
    expected = fit(solver=solver, max_iter=1)
    assert_state(model.coefs_, expected.coefs_)
    assert_allclose(model.loss_, expected.loss_, rtol=1e-15)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_long_time_limit_changes_nothing(solver):
    model, expected = fit(solver=solver, max_time=1e6), fit(solver=solver)
    assert_state(model.coefs_, expected.coefs_)
    assert model.stopping_reason_ == expected.stopping_reason_


def test_the_time_limit_is_measured_in_seconds():
    """With a slow scorer epochs have a minimum length: two fit into the limit."""

    def slow(estimator, X, y):
        time.sleep(0.05)
        return estimator.n_iter_

    model = fit(early_stopping=True, scoring=slow, max_time=0.09, max_iter=1000)
    assert model.n_iter_ <= 2
    assert_array_equal(model.validation_scores_, np.arange(model.n_iter_) + 1)


def test_partial_fit_has_no_limit():
    model = MLPClassifier(max_time=1e-9, **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.partial_fit(X, Y, classes=[0, 1, 2])


# ------------------------------------------------------------------------- reasons
REASONS = {
    "epochs": ({}, "max_iter=9 epochs", False),
    "loss": ({"tol": 1e9, "n_iter_no_change": 2}, "Training loss did not", True),
    "score": (
        {"tol": 1e9, "n_iter_no_change": 2, "early_stopping": True},
        "Validation score did not",
        True,
    ),
    "time": ({"max_time": 1e-9}, "max_time", False),
    "diverged": (
        {"solver": "sgd", "learning_rate_init": 1e200, "early_stopping": True},
        "diverged in epoch",
        True,
    ),
    "lbfgs_iterations": ({"solver": "lbfgs"}, "ITERATIONS", False),
    "lbfgs_converged": (
        {"solver": "lbfgs", "max_iter": 5000, "alpha": 1, "max_fun": 10**6},
        "CONVERGENCE",
        True,
    ),
    "lbfgs_evaluations": ({"solver": "lbfgs", "max_fun": 3}, "EVALUATIONS", False),
    "lbfgs_time": ({"solver": "lbfgs", "max_time": 1e-9}, "max_time", False),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("reason", REASONS)
def test_the_stopping_reason_is_a_text(reason):
    params, words, by_itself = REASONS[reason]
    model = fit(**params)
    assert words in model.stopping_reason_
    assert model.stopped_ is by_itself


def test_partial_fit_has_a_reason_too():
    model = MLPClassifier(**FAST).partial_fit(X, Y, classes=[0, 1, 2])
    assert model.stopping_reason_ == "partial_fit has done its one epoch"
    assert not model.stopped_


@pytest.mark.parametrize("alpha", [0.5, [1.0, 3.0]])
def test_the_first_row_is_of_the_initial_weights(alpha):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((30, 3))
    y = X[:, 0]
    settings = {"alpha": alpha, "random_state": 1}
    model = MLPRegressor(
        hidden_layer_sizes=(4,),
        batch_size=30,
        learning_rate="cosine",
        max_iter=4,
        **settings,
    ).fit(X, y)
    network = Network([3, 4, 1], **settings)
    squares = [np.sum(W**2) for W in network.coefs]
    gradients = [g.ravel() for part in network.gradients(X, y) for g in part]
    history = model.history_
    assert history["loss"][0] == pytest.approx(network.objective(X, y), rel=1e-12)
    penalty = np.sum(np.multiply(alpha, squares)) / 2 / 30
    assert history["penalty"][0] == pytest.approx(penalty, rel=1e-12)
    norm = np.linalg.norm(np.concatenate(gradients))
    assert history["gradient_norm"][0] == pytest.approx(norm, rel=1e-12)
    rates = 0.001 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(history["learning_rate"], rates, rtol=1e-12)
    lbfgs = MLPRegressor(
        hidden_layer_sizes=(4,), solver="lbfgs", max_iter=3, **settings
    ).fit(X, y)
    squares = [np.sum(W**2) for W in lbfgs.coefs_]
    penalty = np.sum(np.multiply(alpha, squares)) / 2 / 30
    assert lbfgs.history_["penalty"][-1] == pytest.approx(penalty, rel=1e-12)

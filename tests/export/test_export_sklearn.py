"""Tests that models of to_sklearn and from_sklearn predict and continue training."""

import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

import pybackprop
from pybackprop.export import from_sklearn, to_sklearn

FAST = {"hidden_layer_sizes": (6, 5), "max_iter": 8, "random_state": 0}
IRIS, SPECIES = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
IRIS, DIABETES = scale(IRIS), scale(DIABETES)
MANY = np.column_stack([scale(PROGRESS), DIABETES[:, 0] ** 2])
LABELS = np.column_stack([SPECIES > 0, SPECIES == 1]).astype(int)

# For each kind of problem: name of the class, parameters, X and y.
PROBLEMS = {
    "binary": ("MLPClassifier", {}, IRIS, SPECIES > 0),
    "binary of strings": ("MLPClassifier", {}, IRIS, np.where(SPECIES, "b", "a")),
    "multiclass": ("MLPClassifier", {"activation": "tanh"}, IRIS, SPECIES),
    "strings": ("MLPClassifier", {}, IRIS, np.array(["x", "yy", "z"])[SPECIES]),
    "objects": ("MLPClassifier", {}, IRIS, np.array(["x", "y", "z"], object)[SPECIES]),
    "multilabel": ("MLPClassifier", {"activation": "logistic"}, IRIS, LABELS),
    "sparse multilabel": ("MLPClassifier", {}, IRIS, scipy.sparse.csr_matrix(LABELS)),
    "regression": ("MLPRegressor", {}, DIABETES, scale(PROGRESS)),
    "several outputs": ("MLPRegressor", {"activation": "identity"}, DIABETES, MANY),
    "poisson": ("MLPRegressor", {"loss": "poisson"}, DIABETES, PROGRESS / 100),
    "lbfgs": ("MLPClassifier", {"solver": "lbfgs"}, IRIS, SPECIES),
    "early stopping": ("MLPClassifier", {"early_stopping": True}, IRIS, SPECIES),
    "linear": ("MLPRegressor", {"hidden_layer_sizes": ()}, DIABETES, scale(PROGRESS)),
}
DIRECTIONS = {
    "to scikit-learn": SimpleNamespace(source=pybackprop, convert=to_sklearn),
    "from scikit-learn": SimpleNamespace(source=neural_network, convert=from_sklearn),
}


def fitted(source, problem, dtype="float64", **parameters):
    name, more, X, y = PROBLEMS[problem]
    X = X.astype(dtype)
    model = getattr(source, name)(**{**FAST, **more, **parameters})
    return model.fit(X, y), X, y


def dense(y):
    return y.toarray() if scipy.sparse.issparse(y) else y


def assert_same_answers(model, other, X, y=None, rtol=1e-12):
    answer, expected = other.predict(X), model.predict(X)
    assert type(answer) is type(expected) and answer.dtype == expected.dtype
    if is_classifier(model):
        assert_array_equal(dense(answer), dense(expected))
        proba, log_proba = model.predict_proba(X), model.predict_log_proba(X)
        assert_allclose(other.predict_proba(X), proba, rtol=0, atol=rtol)
        assert_allclose(other.predict_log_proba(X), log_proba, rtol=100 * rtol)
    else:
        assert_allclose(answer, expected, rtol=rtol, atol=rtol)
    if y is not None:
        assert other.score(X, y) == pytest.approx(model.score(X, y), rel=10 * rtol)


@pytest.mark.feature(
    "Conversion of trained models to scikit-learn's objects and back",
    use="pybackprop.export.to_sklearn(model)",
)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_are_equal(problem, direction):
    direction = DIRECTIONS[direction]
    model, X, y = fitted(direction.source, problem)
    other = direction.convert(model)
    assert type(other).__name__ == type(model).__name__
    assert type(other).__module__.split(".")[0] != type(model).__module__.split(".")[0]
    assert_same_answers(model, other, X, y)
    assert_same_answers(model, other, scipy.sparse.csr_matrix(X), y)
    assert_same_answers(model, pickle.loads(pickle.dumps(other)), X, y)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("problem", ["multiclass", "several outputs"])
def test_float32_stays_float32(problem, direction):
    direction = DIRECTIONS[direction]
    model, X, y = fitted(direction.source, problem, dtype="float32")
    other = direction.convert(model)
    assert {array.dtype for array in other.coefs_ + other.intercepts_} == {X.dtype}
    assert_same_answers(model, other, X, y, rtol=2e-6)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_attributes_are_those_of_a_fit(problem, direction):
    direction = DIRECTIONS[direction]
    model, X, y = fitted(direction.source, problem)
    other = direction.convert(model)
    ours, theirs = model.get_params(), other.get_params()
    shared = ours.keys() & theirs.keys()
    assert len(shared) >= 22
    assert {name: theirs[name] for name in shared} == {k: ours[k] for k in shared}
    # The attributes that a fit of the other package sets.
    for name, value in vars(clone(other).fit(X, y)).items():
        if name.endswith("_") and (name, problem) != ("loss_curve_", "lbfgs"):
            assert (getattr(other, name) is None) == (value is None), name
    for name in ("n_iter_", "t_", "loss_", "n_layers_", "n_outputs_", "n_features_in_"):
        assert getattr(other, name) == getattr(model, name)


def test_there_and_back_is_the_same_model():
    model, X, _ = fitted(pybackprop, "multiclass")
    again = from_sklearn(to_sklearn(model))
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.loss_curve_ == model.loss_curve_


def test_arrays_are_copies():
    for direction in DIRECTIONS.values():
        model, X, _ = fitted(direction.source, "regression")
        other = direction.convert(model)
        before = model.predict(X)
        other.coefs_[0][:] = 0
        other.intercepts_[-1] += 1
        other._best_coefs = other._optimizer = None
        assert_array_equal(model.predict(X), before)


def test_edited_attributes_are_converted():
    for direction in DIRECTIONS.values():
        model, X, _ = fitted(direction.source, "regression")
        model.coefs_[0][:, 1] *= 2
        model.intercepts_[1] = model.intercepts_[1] + 1
        assert_same_answers(model, direction.convert(model), X)


def test_feature_names_are_kept():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    for direction in DIRECTIONS.values():
        model = direction.source.MLPClassifier(**FAST).fit(frame, SPECIES)
        other = direction.convert(model)
        assert_same_answers(model, other, frame)
        with pytest.raises(ValueError, match="feature names"):
            other.predict(frame[["b", "a", "c", "d"]])


# ---- Continued training --------------------------------------------------------------


SOLVERS = {
    "adam": {"solver": "adam", "beta_1": 0.8, "epsilon": 1e-6},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.7},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", ["multiclass", "regression"])
def test_partial_fit_continues_with_the_same_steps(problem, solver, direction):
    direction = DIRECTIONS[direction]
    name, more, X, y = PROBLEMS[problem]
    classes = {"classes": np.unique(y)} if name == "MLPClassifier" else {}
    parameters = {**FAST, **more, **SOLVERS[solver], "batch_size": 50}
    whole = getattr(direction.source, name)(**parameters)
    half = getattr(direction.source, name)(**parameters)
    for _ in range(6):
        whole.partial_fit(X, y, **classes)
    for _ in range(3):
        half.partial_fit(X, y, **classes)
    other = direction.convert(half)
    for _ in range(3):
        other.partial_fit(X, y)
    assert_allclose(other.loss_curve_, whole.loss_curve_, rtol=1e-9)
    for array, expected in zip(other.coefs_, whole.coefs_, strict=True):
        assert_allclose(array, expected, rtol=1e-7, atol=1e-10)
    assert other.t_ == whole.t_


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("problem", ["multiclass", "multilabel", "early stopping"])
def test_a_warm_start_continues_from_the_same_weights(problem, direction):
    direction = DIRECTIONS[direction]
    model, X, y = fitted(direction.source, problem, warm_start=True)
    other = direction.convert(model)
    model.fit(X, y)
    other.fit(X, y)
    assert_allclose(other.loss_curve_, model.loss_curve_, rtol=1e-9)
    assert_same_answers(model, other, X, y, rtol=1e-8)


# ---- What cannot be converted is refused by name -------------------------------------


def test_what_is_not_fitted_is_refused():
    for direction in DIRECTIONS.values():
        with pytest.raises(NotFittedError):
            direction.convert(direction.source.MLPClassifier())


@pytest.mark.parametrize("convert", [to_sklearn, from_sklearn])
def test_another_object_is_refused(convert):
    with pytest.raises(TypeError, match="estimator must be a fitted .*Got 3"):
        convert(3)


def test_the_other_package_is_refused():
    model, _, _ = fitted(pybackprop, "binary")
    with pytest.raises(TypeError, match="estimator"):
        to_sklearn(to_sklearn(model))
    with pytest.raises(TypeError, match="estimator"):
        from_sklearn(model)


@pytest.mark.parametrize(
    "name, value",
    [("activation", "gelu"), ("activation", ("relu", "tanh")), ("solver", "adamw")],
)
def test_a_value_that_scikit_learn_lacks_is_refused(name, value):
    model, _, _ = fitted(pybackprop, "multiclass")
    setattr(model, name, value)
    with pytest.raises(ValueError, match=f"{name}.*{re.escape(repr(value))}"):
        to_sklearn(model)


def test_a_parameter_that_scikit_learn_lacks_is_refused():
    class WithDropout(pybackprop.MLPRegressor):
        def __init__(
            self, hidden_layer_sizes=(3,), *, max_iter=5, dropout=0.0, n_jobs=None
        ):
            super().__init__(hidden_layer_sizes=hidden_layer_sizes, max_iter=max_iter)
            self.dropout = dropout
            self.n_jobs = n_jobs

    _, _, X, y = PROBLEMS["regression"]
    model = WithDropout(dropout=0.5, n_jobs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"no parameter 'dropout'. Got dropout=0.5"):
        to_sklearn(model)
    other = to_sklearn(model.set_params(dropout=0.0))
    assert_same_answers(model, other, X, y)


@pytest.mark.parametrize(
    "problem, value",
    [("regression", "tanh"), ("multiclass", "logistic"), ("poisson", "identity")],
)
def test_another_output_activation_is_refused(problem, value):
    model, _, _ = fitted(pybackprop, problem)
    model.out_activation_ = value
    with pytest.raises(ValueError, match=f"out_activation_ must be .*Got '{value}'"):
        to_sklearn(model)


def test_a_single_class_is_refused():
    for direction in DIRECTIONS.values():
        model = direction.source.MLPClassifier(**FAST).fit(IRIS, np.full(150, "a"))
        with pytest.raises(ValueError, match="one class.*classes_=array"):
            direction.convert(model)

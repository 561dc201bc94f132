"""Tests that bad input raises a clear error and changes nothing.

Each ValueError or TypeError names the parameter, the value received and the values
allowed; the estimator stays the same to the last bit.
"""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import KFold, train_test_split

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor
from support.internals import Samples, Targets
from support.reference import assert_state, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ESTIMATORS = ("MLPClassifier", "MLPRegressor")
SOLVERS = ("sgd", "adam", "lbfgs")
X = np.random.RandomState(0).standard_normal((20, 3))
LABELS = np.arange(20) % 2
VALUES = X[:, 0] + 2


def target(name):
    return LABELS if name == "MLPClassifier" else VALUES


def fitted(name="MLPRegressor", **params):
    params = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | params
    return getattr(pybackprop, name)(**params).fit(X, target(name))


def refused(model, method, *args, says=(), **kwargs):
    """Check that the call raises this message and leaves the estimator unchanged."""
    before = state_of(model)
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(model, method)(*args, **kwargs)
    assert_state(vars(model), before)
    message = str(caught.value)
    for words in says:
        assert re.search(words, message), f"{words!r} not in {message!r}"
    return message


# --------------------------------------------------------------------- parameters
# The part of the message that says what is allowed; values that are not.
NOT_A_NUMBER = ("0.1", None, [0.1], np.nan)
NOT_AN_INTEGER = ("3", None, 2.5, [3], np.nan)
NOT_A_BOOLEAN = ("yes", None, 2, 0.5, [])
NOT_A_NAME = ("", "Relu", None, 1, ["relu"])
PARAMETERS = {
    "hidden_layer_sizes": (
        ["array-like|integer|sequence"],
        [0, -1, (0,), (-1,), (5, 0), "abc", 2.5, (2.5,), ("a",), None, (None,)]
        + [[[3, 4]], [[3], [4, 5]], (np.nan,), (np.inf,), {}, ...],
    ),
    "activation": (
        ["identity", "logistic", "tanh", "relu", "gelu", "list or tuple"],
        ["", "Relu", None, 1, ["Relu"], ("relu", 1), [["relu"]], {"relu"}],
    ),
    "solver": (["lbfgs", "sgd", "adam"], NOT_A_NAME),
    "learning_rate": (["constant", "adaptive", "cosine", "callable"], NOT_A_NAME),
    "alpha": ([r"\b0"], [-1, -1e-9, *NOT_A_NUMBER]),
    "batch_size": (["auto", r"\b1\b"], [0, -1, 1.5, "full", None, np.nan, [3]]),
    "learning_rate_init": ([r"\b0"], [0, -0.1, *NOT_A_NUMBER]),
    "power_t": ([r"\b0"], [-0.5, *NOT_A_NUMBER]),
    "max_iter": ([r"\b1\b"], [0, -1, *NOT_AN_INTEGER]),
    "max_fun": ([r"\b1\b"], [0, -1, *NOT_AN_INTEGER]),
    "n_jobs": (["None", r"\b256\b", "negative"], [0, 257, "3", 2.5, [3], np.nan]),
    "shuffle": (["bool"], NOT_A_BOOLEAN),
    "warm_start": (["bool"], NOT_A_BOOLEAN),
    "nesterovs_momentum": (["bool"], NOT_A_BOOLEAN),
    "early_stopping": (["bool"], NOT_A_BOOLEAN),
    "verbose": (["bool|int"], [-1, "loud", None, 0.5]),
    "random_state": (["RandomState", "None", "int"], [-1, "seed", 0.5, [1]]),
    "tol": ([r"\b0"], [-1e-4, *NOT_A_NUMBER]),
    "momentum": ([r"\b0", r"\b1"], [-0.1, 1.1, *NOT_A_NUMBER]),
    "validation_fraction": (
        [r"\b0", r"\b1", "splitter", "pairs"],
        [-0.1, 1, 1.5, "split", [], [([0, 1],)], KFold, *NOT_A_NUMBER],
    ),
    "beta_1": ([r"\b0", r"\b1"], [-0.1, 1, 1.5, *NOT_A_NUMBER]),
    "beta_2": ([r"\b0", r"\b1"], [-0.1, 1, 1.5, *NOT_A_NUMBER]),
    "epsilon": ([r"\b0"], [0, -1e-8, *NOT_A_NUMBER]),
    "n_iter_no_change": ([r"\b1\b", "inf"], [0, -1, 2.5, "3", None, np.nan, -np.inf]),
    "output_activation": (["auto", "identity", "logistic", "exp"], NOT_A_NAME),
    "coefs_init": (["None", "list or tuple"], ["zeros", 0, 0.5, True, {}]),
    "intercepts_init": (["None", "list or tuple"], ["zeros", 0, 0.5, True, {}]),
    "scoring": (["None", "loss", "scorer"], ["accurate", "", 1, ["r2"]]),
    "weight_decay": ([r"\b0"], [-0.1, *NOT_A_NUMBER]),
    "decay_rate": ([r"\b0", r"\b1"], [0, -0.1, 1.1, *NOT_A_NUMBER]),
    "decay_steps": ([r"\b0"], [0, -1, *NOT_A_NUMBER]),
    "warmup_epochs": ([r"\b0"], [-1, *NOT_A_NUMBER]),
    "global_clipnorm": ([r"\b0", "None"], [0, -1, "0.1", [0.1], np.nan]),
    "l1_ratio": ([r"\b0", r"\b1"], [-0.1, 1.1, *NOT_A_NUMBER]),
    "max_norm": ([r"\b0", "None"], [0, -1, "0.1", [0.1], np.nan]),
    "dropout": (
        [r"\b0", r"\b1", "sequence"],
        [-0.1, 1, "0.1", None, np.nan, [0.5, 1], (-0.1,), [None], [[0.5]]],
    ),
    "input_dropout": ([r"\b0", r"\b1"], [-0.1, 1, 1.5, *NOT_A_NUMBER]),
    "max_time": (["None", r"\b0"], [0, -1.0, np.nan, np.inf, "1", [1]]),
}
PARAMETERS_OF = {
    "MLPRegressor": {
        "loss": (["squared_error", "poisson", "callable"], ["log_loss", *NOT_A_NAME]),
        "huber_delta": ([r"\b0"], [0, -1, np.inf, *NOT_A_NUMBER]),
        "quantile": (["None", r"\b0", r"\b1"], [-0.1, 1.1, "0.5", [0.5], np.nan]),
        "power": ([r"\b1", r"\b2"], [0, 0.9, 2.1, 3, *NOT_A_NUMBER]),
    },
    "MLPClassifier": {
        "loss": (["log_loss", "squared_error", "callable"], ["poisson", *NOT_A_NAME]),
        "label_smoothing": ([r"\b0", r"\b1"], [-0.1, 1, 1.5, *NOT_A_NUMBER]),
        "class_weight": (["balanced", "dict", "None"], ["Balanced", 1, 0.5, True]),
    },
}
BAD_PARAMETERS = [
    pytest.param(name, parameter, value, id=f"{name}-{parameter}-{value!r:.30}")
    for name in ESTIMATORS
    for parameter, (_, values) in (PARAMETERS | PARAMETERS_OF[name]).items()
    for value in values
]


@pytest.mark.parametrize(("name", "parameter", "value"), BAD_PARAMETERS)
def test_a_parameter_out_of_range_is_named(name, parameter, value):
    says = [parameter, re.escape(str(value)) if str(value) else "''"]
    says += (PARAMETERS | PARAMETERS_OF[name])[parameter][0]
    y = target(name)
    model = fitted(name).set_params(**{parameter: value})
    refused(model, "fit", X, y, says=says)
    if parameter != "solver":
        refused(model, "partial_fit", X, y, says=[parameter])
    new = getattr(pybackprop, name)(**{parameter: value})
    refused(new, "fit", X, y, says=says)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_infinite_parameters_are_named(name):
    for parameter in ("alpha", "learning_rate_init", "epsilon", "power_t", "tol"):
        model = fitted(name).set_params(**{parameter: np.inf})
        try:
            model.fit(X, target(name))
        except ValueError as refusal:
            assert parameter in str(refusal) or "non-finite" in str(refusal)
        else:
            assert all(np.isfinite(c).all() for c in model.coefs_)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_is_tested_here(name):
    rows = PARAMETERS | PARAMETERS_OF[name]
    assert rows.keys() == getattr(pybackprop, name)().get_params().keys()


# The sizes are multiplied and added before memory is allocated. The process has a
# memory limit, so that the system refuses a size that the core accepts by mistake.
ABSURD = """
import resource, sys
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from pybackprop import MLPClassifier, MLPRegressor
for sizes in ((2**62,), (2**31, 2**31), (2**32, 2**32), (2**63 - 1,), (2**64,),
              (10**30,), (3, 2**60, 3), (2**40,), (2**36, 2)):
    for solver in ("sgd", "adam", "lbfgs"):
        for model in (MLPClassifier(), MLPRegressor()):
            model.set_params(hidden_layer_sizes=sizes, solver=solver, max_iter=1)
            try:
                model.fit(np.eye(4), [0, 1, 0, 1])
            except ValueError as refusal:
                assert "hidden_layer_sizes" in str(refusal), refusal
            except MemoryError:
                pass
            else:
                sys.exit(f"{sizes} was taken")
            assert not hasattr(model, "coefs_")
print("all refused")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits memory by resource")
def test_absurd_sizes_are_refused_and_never_crash():
    run = subprocess.run(
        [sys.executable, "-c", ABSURD],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.returncode, run.stdout) == (0, "all refused\n"), run.stderr


# ------------------------------------------------------------------------- inputs
def with_one(array, value):
    array = np.array(array, dtype=float)
    array.flat[4] = value
    return array


class NotAnArray:
    pass


BAD_X = {
    "nan": (with_one(X, np.nan), ["X", "NaN"]),
    "inf": (with_one(X, np.inf), ["X", "infinity"]),
    "minus_inf": (with_one(X, -np.inf), ["X", "infinity"]),
    "float32_nan": (with_one(X, np.nan).astype(np.float32), ["X", "NaN"]),
    "too_large_an_int": ([[10**400, 1, 2]] * 20, []),
    "sparse_nan": (scipy.sparse.csr_array(with_one(X, np.nan)), ["X", "NaN"]),
    "csc_inf": (scipy.sparse.csc_array(with_one(X, np.inf)), ["X", "infinity"]),
    "complex": (X + 1j, ["[Cc]omplex"]),
    "words": ([["a", "b", "c"]] * 20, ["a"]),
    "objects": (np.array([[NotAnArray()] * 3] * 20, dtype=object), ["NotAnArray"]),
    "one_dimension": (X[:, 0], ["2D|2d|dim"]),
    "three_dimensions": (X[:, :, np.newaxis], ["3|dim"]),
    "a_number": (3.0, ["2D|2d|scalar"]),
    "none": (None, ["2D|2d|None"]),
    "ragged": ([[1, 2, 3]] * 19 + [[1, 2]], []),
    "no_rows": (np.empty((0, 3)), ["0 sample"]),
    "no_columns": (np.empty((20, 0)), ["0 feature"]),
    "other_length": (X[:19], ["19", "20"]),
}


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_inputs_are_refused(name, solver, case):
    bad, says = BAD_X[case]
    y = target(name)
    refused(fitted(name, solver=solver), "fit", bad, y, says=says)
    refused(getattr(pybackprop, name)(solver=solver), "fit", bad, y, says=says)
    if solver != "lbfgs":
        refused(fitted(name, solver=solver), "partial_fit", bad, y)


@pytest.mark.parametrize("case", sorted(BAD_X.keys() - {"other_length"}))
@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_inputs_are_refused_by_every_prediction(name, case):
    bad, says = BAD_X[case]
    model = fitted(name)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(model, method):
            refused(model, method, bad, says=says)
    refused(model, "score", bad, target(name))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_another_number_of_features_is_refused(name):
    model, y = fitted(name), target(name)
    for other in (X[:, :2], np.hstack([X, X])):
        says = [str(other.shape[1]), "3"]
        refused(model, "predict", other, says=says)
        refused(model, "partial_fit", other, y, says=says)
        warm = fitted(name, warm_start=True)
        refused(warm, "fit", other, y, says=says)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_predicting_before_fitting_is_refused(name):
    model = getattr(pybackprop, name)()
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(model, method):
            with pytest.raises(NotFittedError):
                getattr(model, method)(X)
    assert vars(model) == vars(getattr(pybackprop, name)())


# ------------------------------------------------------------------------ targets
BAD_VALUES = {
    "nan": (with_one(VALUES, np.nan), ["y", "NaN"]),
    "inf": (with_one(VALUES, np.inf), ["y", "infinity"]),
    "none": (None, ["y"]),
    "words": (["a"] * 20, ["a"]),
    "complex": (VALUES + 1j, ["[Cc]omplex"]),
    "three_dimensions": (X[:, :, np.newaxis], ["3|dim"]),
    "a_number": (3.0, []),
    "other_length": (VALUES[:19], ["19", "20"]),
    "no_columns": (np.empty((20, 0)), []),
    "nan_in_a_column": (with_one(X, np.nan), ["y", "NaN"]),
}
BAD_LABELS = {
    "continuous": (VALUES, ["[Cc]ontinuous"]),
    "nan": (with_one(LABELS, np.nan), ["y", "NaN"]),
    "none": (None, ["y"]),
    "missing": (np.array(["a", None] * 10, dtype=object), []),
    "mixed": (np.array(["a", 1] * 10, dtype=object), []),
    "multioutput": (np.arange(40).reshape(20, 2), ["y", "column|multioutput"]),
    "three_dimensions": (np.zeros((20, 2, 2)), []),
    "other_length": (LABELS[:19], ["19", "20"]),
    "a_number": (1, []),
}
BAD_TARGETS = [
    pytest.param(name, bad, says, id=f"{name}-{case}")
    for name, cases in zip(ESTIMATORS, (BAD_LABELS, BAD_VALUES), strict=True)
    for case, (bad, says) in cases.items()
]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("name", "bad", "says"), BAD_TARGETS)
def test_bad_targets_are_refused(name, bad, says, solver):
    refused(fitted(name, solver=solver), "fit", X, bad, says=says)
    refused(getattr(pybackprop, name)(solver=solver), "fit", X, bad, says=says)
    if solver != "lbfgs":
        refused(fitted(name, solver=solver), "partial_fit", X, bad)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_negative_target_is_refused_by_the_poisson_loss(solver):
    bad = np.where(np.arange(20) == 7, -0.5, VALUES.clip(0))
    says = ["y", r"-0\.5", "poisson", r"0|negative"]
    model = MLPRegressor("poisson", (4,), solver=solver, max_iter=3, random_state=0)
    refused(model, "fit", X, bad, says=says)
    model.fit(X, VALUES.clip(0))
    refused(model, "fit", X, bad, says=says)
    if solver != "lbfgs":
        refused(model, "partial_fit", X, bad, says=says)
    refused(model, "fit", X, np.column_stack([VALUES.clip(0), bad]), says=says)


def test_classes_must_be_those_of_the_first_call():
    new = MLPClassifier(random_state=0)
    refused(new, "partial_fit", X, LABELS, says=["classes"])
    refused(new, "partial_fit", X, LABELS, classes=[1, 2], says=["0", "1", "2"])
    model = fitted("MLPClassifier")
    refused(model, "partial_fit", X, LABELS + 1, says=["classes", "2"])
    refused(model, "partial_fit", X, LABELS, classes=[0, 2], says=["classes", "2"])
    refused(model, "partial_fit", X, np.array(["a", "b"])[LABELS])
    warm = fitted("MLPClassifier", warm_start=True)
    refused(warm, "fit", X, np.arange(20) % 3, says=["warm_start", "classes", "2"])
    refused(warm, "fit", X, np.zeros(20, dtype=int), says=["warm_start", "classes"])


@pytest.mark.parametrize(("n_outputs", "code"), [(3, 3), (3, -1), (1, 2)])
def test_the_core_does_not_write_for_a_missing_class(n_outputs, code):
    network = pybackprop.Network([3, n_outputs], random_state=0)
    codes = np.zeros(20, dtype=np.int32)
    codes[7] = code
    with pytest.raises(TypeError, match="codes"):
        network.core.objective(
            network.parameters,
            Samples(X, network.dtype),
            Targets(codes, network.dtype),
            None,
        )


def test_outputs_must_be_those_of_the_first_call():
    two = np.column_stack([VALUES, VALUES])
    refused(fitted(), "partial_fit", X, two, says=["y", "2", "1"])
    refused(fitted(warm_start=True), "fit", X, two, says=["y", "2", "1"])
    model = MLPRegressor((4,), max_iter=2, random_state=0)
    model.set_params(loss="squared_error", hidden_layer_sizes=(4,)).fit(X, two)
    refused(model, "partial_fit", X, VALUES, says=["y", "1", "2"])
    labels = np.column_stack([LABELS, 1 - LABELS, LABELS])
    multilabel = MLPClassifier((4,), max_iter=2, random_state=0).fit(X, labels)
    refused(multilabel, "partial_fit", X, labels[:, :2])
    refused(multilabel, "partial_fit", X, LABELS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_another_network_is_not_trained_on_the_old_weights(name):
    """Refuse sizes that changed between two calls, where the weights do not fit."""
    for parameters in ({"hidden_layer_sizes": (5,)}, {"hidden_layer_sizes": (4, 4)}):
        model = fitted(name).set_params(**parameters)
        says = ["hidden_layer_sizes"]
        refused(model, "partial_fit", X, target(name), says=says)
        model.set_params(warm_start=True)
        refused(model, "fit", X, target(name), says=says)


# ------------------------------------------------------------------------ weights
BAD_WEIGHTS = {
    "nan": (with_one(np.ones(20), np.nan), ["NaN"]),
    "inf": (with_one(np.ones(20), np.inf), ["infinity"]),
    "negative": (with_one(np.ones(20), -0.25), [r"negative|-0\.25"]),
    "negative_scalar": (-1, [r"negative|-1"]),
    "all_zero": (np.zeros(20), ["zero|0"]),
    "infinite_sum": (np.full(20, 1e308), ["finite sum", r"1e\+308"]),
    "zero_scalar": (0, ["zero|0"]),
    "short": (np.ones(19), ["19", "20"]),
    "empty": ([], []),
    "two_dimensions": (np.ones((20, 1)), ["1D|dim|shape"]),
    "words": (["a"] * 20, []),
    "complex": (np.ones(20) + 1j, ["[Cc]omplex"]),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_weights_are_refused(name, solver, case):
    bad, says = BAD_WEIGHTS[case]
    y = target(name)
    if case not in ("words", "complex", "empty"):
        says = ["sample_weight|Sample weights", *says]
    refused(fitted(name, solver=solver), "fit", X, y, sample_weight=bad, says=says)
    new = getattr(pybackprop, name)(solver=solver)
    refused(new, "fit", X, y, sample_weight=bad, says=says)
    if solver != "lbfgs":
        model = fitted(name, solver=solver)
        refused(model, "partial_fit", X, y, sample_weight=bad, says=says)


@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_part_of_a_split_needs_weight(name, part):
    indices, stratify = np.arange(20), LABELS if name == "MLPClassifier" else None
    parts = train_test_split(
        indices, random_state=np.random.RandomState(0), test_size=0.2, stratify=stratify
    )
    weights = np.ones(20)
    weights[parts[part == "validation"]] = 0
    model = fitted(name)
    # A warm start draws no weights, so the split is the first draw of the generator.
    model.set_params(early_stopping=True, validation_fraction=0.2, warm_start=True)
    says = [f"sample_weight of {part} rows must not be zero"]
    refused(model, "fit", X, target(name), sample_weight=weights, says=says)


# ------------------------------------------------------------------ early stopping
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_validation_set_too_small_is_refused(name):
    y = target(name)
    for fraction in (0.0, 0.01):
        model = fitted(name).set_params(early_stopping=True)
        model.set_params(validation_fraction=fraction)
        refused(model, "fit", X, y)
    refused(fitted(name).set_params(early_stopping=True), "partial_fit", X, y)


def test_a_class_of_one_row_cannot_be_split():
    y = np.r_[1, np.zeros(19, dtype=int)]
    model = fitted("MLPClassifier").set_params(early_stopping=True)
    refused(model, "fit", X, y, says=["class"])


# --------------------------------------------------------------------- divergence
DIVERGES = {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 10**6}


def epoch_of_divergence(params):
    """Return the number of epochs after which scikit-learn's weights are not finite."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for max_iter in range(1, 60):
            model = neural_network.MLPRegressor(**params | {"max_iter": max_iter})
            try:
                model.fit(X, VALUES)
            except ValueError as refusal:
                assert "non-finite" in str(refusal)
                return max_iter
    raise AssertionError("scikit-learn did not diverge")


@pytest.mark.parametrize("batch_size", [20, 5])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_divergence_ends_the_fit_in_that_epoch(activation, batch_size, capsys):
    params = {"hidden_layer_sizes": (4,), "random_state": 0, "batch_size": batch_size}
    params |= DIVERGES | {"activation": activation}
    last = epoch_of_divergence(params)
    model = fitted().set_params(**params, verbose=True)
    refused(model, "fit", X, VALUES, says=["non-finite"])
    printed = capsys.readouterr().out.splitlines()
    assert len([line for line in printed if line.startswith("Iteration")]) <= last


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_divergence_leaves_a_fitted_estimator_as_it_was(name, method, warm_start):
    params = {"solver": "sgd", "activation": "identity", "batch_size": 5}
    model = fitted(name, warm_start=warm_start, **params)
    refused(model, method, X * 1e200, target(name), says=["non-finite"])


def test_divergence_of_lbfgs_is_refused_or_ends_finite():
    model = fitted(solver="lbfgs")
    before = state_of(model)
    try:
        model.fit(X * 1e200, VALUES)
    except ValueError as refusal:
        assert "non-finite" in str(refusal)
        assert_state(vars(model), before)
    else:
        assert all(np.isfinite(c).all() for c in model.coefs_ + model.intercepts_)


@pytest.mark.parametrize("batch_size", [16, 4])
def test_divergence_with_early_stopping_restores_the_best_weights(batch_size):
    model = MLPRegressor(hidden_layer_sizes=(4,), random_state=0, early_stopping=True)
    model.set_params(**DIVERGES, activation="identity", batch_size=batch_size)
    model.set_params(validation_fraction=0.2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, VALUES)
    assert isinstance(model.validation_scores_, list)
    assert np.isnan(model.validation_scores_[-1])
    assert isinstance(model.validation_scores_[-1], float)
    assert not np.isnan(model.validation_scores_[:-1]).any()
    assert len(model.validation_scores_) == model.n_iter_
    assert all(np.isfinite(c).all() for c in model.coefs_ + model.intercepts_)
    assert np.isfinite(model.predict(X)).all()
    (warning,) = (w for w in caught if issubclass(w.category, ConvergenceWarning))
    assert re.search(rf"\b{model.n_iter_}\b", str(warning.message))
    assert "learning_rate_init" in str(warning.message)


def test_divergence_after_good_epochs_restores_the_best_of_them():
    """Test that the weights are those of the best score, not the first ones."""
    rng = np.random.RandomState(1)
    inputs = rng.standard_normal((200, 3))
    y = inputs @ [1.0, -2.0, 0.5]
    params = {"hidden_layer_sizes": (), "solver": "sgd", "random_state": 0}
    params |= {"momentum": 0, "batch_size": 160, "shuffle": False, "tol": 0}
    params |= {"early_stopping": True, "validation_fraction": 0.2, "alpha": 0}
    # The step is too long by half: each epoch is worse than the one before, and the
    # first is no worse than the start.
    model = MLPRegressor(**params, learning_rate_init=3.0)
    model.set_params(max_iter=10**5, n_iter_no_change=np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(inputs, y)
    scores = np.array(model.validation_scores_)
    assert np.isnan(scores[-1]) and len(scores) > 5
    best = int(np.nanargmax(scores))
    assert model.best_validation_score_ == scores[best]
    until = MLPRegressor(**params, learning_rate_init=3.0, max_iter=best + 1)
    until.fit(inputs, y)
    for a, b in zip(model.coefs_, until.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_source_folder_that_was_not_compiled_says_so(tmp_path):
    package = tmp_path / "pybackprop"
    package.mkdir()
    for source in Path(pybackprop.__file__).parent.glob("*.py"):
        shutil.copy(source, package)
    result = subprocess.run(
        [sys.executable, "-c", "import pybackprop"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "pip install -e ." in result.stderr and str(package) in result.stderr

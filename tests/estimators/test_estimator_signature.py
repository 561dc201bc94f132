"""The estimators have scikit-learn's parameters, methods, tags and attributes."""

import inspect

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

import pybackprop
from pybackprop import MLPRegressor
from support.both_packages import ESTIMATORS, FAST, PACKAGES, SOLVERS, bits, make_data
from support.reference import assert_state, timeless

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ------------------------------------------------------------------ one signature
COMMON = {
    "activation": "relu",
    "solver": "adam",
    "alpha": 0.0001,
    "batch_size": "auto",
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "power_t": 0.5,
    "max_iter": 200,
    "shuffle": True,
    "random_state": None,
    "tol": 1e-4,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "n_iter_no_change": 10,
    "max_fun": 15000,
}
# Our parameters follow all of scikit-learn's.
OURS = {"n_jobs": None, "output_activation": "auto"}
OURS_OF_NUMBERS = {"huber_delta": 1.0, "quantile": None, "power": 1.5}
OURS_OF_CLASSES = {"loss": "log_loss", "label_smoothing": 0.0, "class_weight": None}
OURS_THEN = {
    "coefs_init": None,
    "intercepts_init": None,
    "scoring": None,
    "weight_decay": 0.01,
    "decay_rate": 0.1,
    "decay_steps": 10,
    "warmup_epochs": 0,
    "global_clipnorm": None,
    "l1_ratio": 0.0,
    "max_norm": None,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "max_time": None,
}
SIGNATURES = {
    "MLPClassifier": (
        {"hidden_layer_sizes": (100,)} | COMMON | OURS | OURS_OF_CLASSES | OURS_THEN
    ),
    "MLPRegressor": (
        {"loss": "squared_error", "hidden_layer_sizes": (100,)}
        | COMMON
        | OURS
        | OURS_OF_NUMBERS
        | OURS_THEN
    ),
}
HELD_OUT = ["X_val", "y_val", "sample_weight_val"]
METHODS = {
    "MLPClassifier": {
        "fit": ["self", "X", "y", "sample_weight", *HELD_OUT, "groups", "resume"],
        "partial_fit": ["self", "X", "y", "sample_weight", "classes", *HELD_OUT],
        "predict": ["self", "X"],
        "predict_proba": ["self", "X"],
        "predict_log_proba": ["self", "X"],
        "score": ["self", "X", "y", "sample_weight"],
    },
    "MLPRegressor": {
        "fit": ["self", "X", "y", "sample_weight", *HELD_OUT, "groups", "resume"],
        "partial_fit": ["self", "X", "y", "sample_weight", *HELD_OUT],
        "predict": ["self", "X"],
        "score": ["self", "X", "y", "sample_weight"],
    },
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_signature_is_that_of_scikit_learn_and_then_ours(name):
    signature = inspect.signature(getattr(pybackprop, name))
    defaults = {p.name: p.default for p in signature.parameters.values()}
    assert list(defaults.items()) == list(SIGNATURES[name].items())
    positional = [
        p.name for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]
    assert positional == list(SIGNATURES[name])[: list(defaults).index("solver")]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_methods_take_the_same_arguments(name):
    for method, arguments in METHODS[name].items():
        function = inspect.unwrap(getattr(getattr(pybackprop, name), method))
        assert list(inspect.signature(function).parameters) == arguments, method


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_that_is_public_in_scikit_learns_is_public_here(name):
    ours, theirs = (dir(getattr(package, name)()) for package in PACKAGES)
    assert {a for a in theirs if not a.startswith("_")} <= set(ours)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_fitted_attributes_are_there(name, solver, early_stopping):
    X, y = make_data(name)
    fitted = []
    for package in PACKAGES:
        model = getattr(package, name)(solver=solver, early_stopping=early_stopping)
        model.set_params(**FAST).fit(X, y)
        fitted.append(
            {
                a: type(v)
                for a, v in vars(model).items()
                if a.endswith("_") and not a.startswith("_")
            }
        )
    ours, theirs = fitted
    assert theirs.keys() <= ours.keys()
    for attribute in theirs.keys() & {"coefs_", "intercepts_", "loss_curve_"}:
        assert ours[attribute] is list


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_tags_are_the_same(name, solver):
    ours, theirs = (getattr(package, name)(solver=solver) for package in PACKAGES)
    tags = get_tags(ours)
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    tags.transformer_tags = None  # scikit-learn's has no transform
    assert tags == get_tags(theirs)
    linear = getattr(pybackprop, name)(hidden_layer_sizes=())
    assert get_tags(linear).transformer_tags is None
    assert is_classifier(ours) is is_classifier(theirs)
    assert is_regressor(ours) is is_regressor(theirs)


def test_the_tags_tell_that_the_poisson_loss_refuses_negative_targets():
    assert get_tags(MLPRegressor("poisson")).target_tags.positive_only
    assert not get_tags(MLPRegressor()).target_tags.positive_only


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_repr_is_that_of_an_estimator(name):
    model = getattr(pybackprop, name)(alpha=0.5, hidden_layer_sizes=(3, 4))
    assert repr(model) == f"{name}(alpha=0.5, hidden_layer_sizes=(3, 4))"
    assert name in model._repr_html_()


# --------------------------------------------------------------------- parameters
@pytest.mark.parametrize("name", ESTIMATORS)
def test_parameters_go_in_and_come_out_as_they_are(name):
    values = {key: object() for key in SIGNATURES[name]}
    model = getattr(pybackprop, name)(**values)
    assert model.get_params() == values
    for key in values:
        value = object()
        assert model.set_params(**{key: value}) is model
        assert getattr(model, key) is value
    with pytest.raises(ValueError, match="hidden_layers"):
        model.set_params(hidden_layers=(3,))


@pytest.mark.parametrize(
    "hidden", [5, (5,), [5], np.array([5]), np.int64(5), (), [4, 3]]
)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_hidden_layer_sizes_may_be_written_in_any_way(name, hidden):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(hidden, max_iter=2, random_state=0)
    if name == "MLPRegressor":
        model = MLPRegressor("squared_error", hidden, max_iter=2, random_state=0)
    model.fit(X, y)
    assert model.hidden_layer_sizes is hidden
    sizes = [c.shape[1] for c in model.coefs_[:-1]]
    assert sizes == np.atleast_1d(np.asarray(hidden, dtype=int)).tolist()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_clone_is_unfitted_and_trains_alike(name):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(**FAST).fit(X, y)
    other = clone(model)
    assert other.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        other.predict(X)
    assert bits(other.fit(X, y), X) == bits(model, X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_seed_gives_the_same_bits(name, solver):
    X, y = make_data(name)
    first, second = (
        getattr(pybackprop, name)(solver=solver, **FAST).fit(X, y) for _ in range(2)
    )
    assert_state(timeless(first), timeless(second))
    assert bits(first, X) == bits(second, X)
    second.fit(X, y)
    assert bits(first, X) == bits(second, X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_inputs_are_not_written_to(name, solver):
    X, y = make_data(name)
    weights = np.linspace(0.5, 1.5, len(y))
    copies = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    getattr(pybackprop, name)(solver=solver, **FAST).fit(X, y, weights).predict(X)
    for array, before in zip((X, y, weights), copies, strict=True):
        assert_array_equal(array, before)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_layout_of_the_input_gives_the_same_bits(name):
    X, y = make_data(name)
    expected = bits(getattr(pybackprop, name)(**FAST).fit(X, y), X)
    padded = np.zeros((2 * len(X), 3 * X.shape[1]))
    padded[::2, ::3] = X
    for layout in (np.asfortranarray(X), padded[::2, ::3], X[::-1].copy()[::-1]):
        assert (
            bits(getattr(pybackprop, name)(**FAST).fit(layout, y), layout) == expected
        )
    for container in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        model = getattr(pybackprop, name)(**FAST).fit(container(X), y)
        assert_allclose(model.predict(container(X)), model.predict(X))

"""Damaged pickles and states of other objects raise an error or load a usable model."""

import copy
import pickle
import sys

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import NotFittedError

from pybackprop import MLPClassifier, MLPRegressor
from support.processes import run_python

X = np.random.RandomState(0).normal(size=(30, 4))
CODES = np.arange(30) % 3
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
METHODS = (
    "predict predict_proba predict_log_proba decision_function transform activations "
    "score fit partial_fit get_feature_names_out"
).split()
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(kind=MLPClassifier, **params):
    return kind(**SETTINGS, **params).fit(X, CODES)


def use(model):
    """Call every method; return the exceptions, all of which must be ordinary ones."""
    raised = []
    for method in METHODS:
        arguments = [X, CODES] if method in ("score", "fit", "partial_fit") else [X]
        arguments = [] if method == "get_feature_names_out" else arguments
        try:
            getattr(model, method)(*arguments)
        except SystemError:
            raise
        except Exception as error:
            raised.append(error)
    return raised


def damage(seed, n_files):
    """Load and use pickles with bytes changed, left out or cut off."""
    rng = np.random.RandomState(seed)
    stored = [
        pickle.dumps(model, protocol)
        for model in (fitted(early_stopping=True), fitted(MLPRegressor, solver="sgd"))
        for protocol in (2, 5)
    ]
    n_loaded = 0
    for _ in range(n_files):
        damaged = bytearray(stored[rng.randint(len(stored))])
        for _ in range(rng.choice([1, 1, 2, 6])):
            damaged[rng.randint(len(damaged))] = rng.randint(256)
        how = rng.randint(8)
        if how == 0:
            del damaged[rng.randint(len(damaged)) :]
        elif how == 1:
            del damaged[rng.randint(len(damaged))]
        try:
            model = pickle.loads(bytes(damaged))
        except Exception:  # NumPy may raise SystemError
            continue
        n_loaded += isinstance(model, (MLPClassifier, MLPRegressor))
        use(model)
    return n_loaded


@pytest.mark.promise(
    "No input kills the interpreter",
    "A damaged pickle raises an exception when it is loaded, or gives an object that "
    "predicts or raises an error that explains the damage.",
)
@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_pickle_does_not_crash(seed):
    """Run in a separate process, since a damaged length may crash it."""
    program = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        f"import test_corrupted_pickles as t; print(t.damage({seed}, 300))"
    )
    if sys.platform != "linux":
        pytest.skip("the limit is Linux's")
    result = run_python(program)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 50


def test_a_pickle_cut_short_is_not_loaded():
    stored = pickle.dumps(fitted())
    for end in range(0, len(stored), 13):
        with pytest.raises((pickle.UnpicklingError, EOFError, AttributeError)):
            pickle.loads(stored[:end])


STATES = {
    "nothing": {},
    "one attribute": {"coefs_": 1},
    "misfits": {"coefs_": [np.ones((4, 3))], "intercepts_": [np.ones(1)]},
    "coefficients alone": {"coefs_": [np.ones((4, 3))]},
    "an iterator": {"coefs_": iter(()), "intercepts_": iter(())},
    "a classifier of scikit-learn": vars(
        neural_network.MLPClassifier(**SETTINGS).fit(X, CODES)
    ),
    "a regressor of scikit-learn": vars(
        neural_network.MLPRegressor(**SETTINGS).fit(X, CODES)
    ),
    "a classifier": vars(fitted()),
    "a regressor": vars(fitted(MLPRegressor)),
    "another network": vars(fitted()) | {"_fitted_network": 5, "_labels": None},
}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("state", STATES)
def test_the_state_of_another_object_is_used_or_refused(state, kind):
    model = object.__new__(kind)
    for _ in range(2):
        model.__setstate__(dict(STATES[state]))
        for error in use(copy.copy(model)) + use(copy.deepcopy(model)):
            assert isinstance(error, (ValueError, AttributeError, TypeError)), error
            assert str(error)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("state", [None, 5, "x", (1, 2)])
def test_an_invalid_state_is_refused(state, kind):
    model = fitted(kind)
    before = model.predict(X)
    with pytest.raises(TypeError, match=f"state of a {kind.__name__} must be a dict"):
        model.__setstate__(state)
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.promise(
    "No input kills the interpreter",
    "An estimator created without its __init__ raises an error that names the missing"
    " attribute, in every method.",
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_an_estimator_without_init_names_what_is_missing(kind):
    model = object.__new__(kind)
    errors = use(model)
    assert len(errors) == len(METHODS)
    for error in errors:
        assert isinstance(error, (ValueError, AttributeError)), error
        assert str(error)
    with pytest.raises(AttributeError):
        repr(model)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_copy_without_parameters_has_the_defaults(kind):
    """Load a state that was saved before a parameter was added."""
    model = object.__new__(kind)
    for copied in (copy.copy(model), pickle.loads(pickle.dumps(model))):
        assert copied.get_params() == kind().get_params()
        with pytest.raises(NotFittedError):
            copied.predict(X)


def test_a_regressor_takes_the_weights_of_scikit_learns():
    theirs = neural_network.MLPRegressor(**SETTINGS).fit(X, CODES)
    model = object.__new__(MLPRegressor)
    model.__setstate__(theirs.__getstate__())
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-9)

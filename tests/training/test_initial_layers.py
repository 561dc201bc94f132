"""Tests that a fit starts from coefs_init and intercepts_init."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import pybackprop
from pybackprop import Network
from support.reference import assert_state, state_of

SIZES = [4, 6, 5, 1]


def data(name="MLPRegressor", dtype=float):
    X = np.random.RandomState(0).uniform(-1, 1, (60, 4)).astype(dtype)
    y = np.sin(3 * X[:, 0])
    return X, y if name == "MLPRegressor" else y > 0


def layers(seed=5):
    net = Network(SIZES, random_state=seed)
    return [W.copy() for W in net.coefs], [b.copy() for b in net.intercepts]


def make(name="MLPRegressor", **params):
    params = {"hidden_layer_sizes": (6, 5), "max_iter": 4, "random_state": 0} | params
    return getattr(pybackprop, name)(**params)


def arrays_of(model):
    return model.coefs_ + model.intercepts_


def assert_equal_layers(ours, theirs):
    for array, reference in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(array, reference)


@pytest.mark.feature(
    "Your own initial weights",
    use="MLPClassifier(coefs_init=[...], intercepts_init=[...])",
    requested="#19701",
)
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_drawn_layers_as_init_give_the_same_fit(name, solver):
    # So shuffles and splits are the same as after drawing the layers.
    X, y = data(name)
    plain = make(name, solver=solver).fit(X, y)
    drawn = Network(SIZES, random_state=0)
    for given in (
        {"coefs_init": drawn.coefs, "intercepts_init": drawn.intercepts},
        {"coefs_init": tuple(drawn.coefs)},
        {"intercepts_init": [b.tolist() for b in drawn.intercepts]},
    ):
        model = make(name, solver=solver, **given).fit(X, y)
        assert_equal_layers(arrays_of(model), arrays_of(plain))
        assert model.loss_curve_ == plain.loss_curve_


def test_the_first_step_starts_there():
    X, y = data()
    coefs, intercepts = layers()
    model = make(
        coefs_init=coefs, intercepts_init=intercepts, batch_size=60, max_iter=1
    )
    start = Network.from_parameters(
        coefs,
        intercepts,
        activation="relu",
        output_activation="identity",
        alpha=model.alpha,
    )
    model.set_params(shuffle=False).fit(X, y)
    assert model.loss_curve_ == [start.objective(X, y)]


def test_with_one_of_the_two_the_other_is_drawn():
    X, y = data()
    coefs, _ = layers()
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "momentum": 0}
    model = make(coefs_init=coefs, **still).fit(X, y)
    assert_equal_layers(model.coefs_, coefs)
    assert_equal_layers(model.intercepts_, Network(SIZES, random_state=0).intercepts)


def test_they_are_copied_and_never_written_to():
    X, y = data()
    coefs, intercepts = layers()
    for array in coefs + intercepts:
        array.setflags(write=False)
    before = [array.copy() for array in coefs + intercepts]
    model = make(coefs_init=coefs, intercepts_init=intercepts).fit(X, y)
    assert not any(
        np.shares_memory(ours, theirs)
        for ours, theirs in zip(arrays_of(model), coefs + intercepts, strict=True)
    )
    assert_equal_layers(coefs + intercepts, before)
    assert not np.array_equal(model.coefs_[0], coefs[0])


def test_they_are_cast_to_the_data_type_of_X():
    X, y = data(dtype="float32")
    coefs, intercepts = layers()
    model = make(coefs_init=coefs, intercepts_init=intercepts).fit(X, y)
    assert all(array.dtype == np.float32 for array in arrays_of(model))
    rounded = make(
        coefs_init=[W.astype("float32") for W in coefs],
        intercepts_init=[b.astype("float32") for b in intercepts],
    ).fit(X, y)
    assert_equal_layers(arrays_of(model), arrays_of(rounded))


def test_continued_training_ignores_initial_layers():
    X, y = data()
    coefs, intercepts = layers()
    given = {"coefs_init": coefs, "intercepts_init": intercepts}
    for model in (make(**given, warm_start=True), make(**given)):
        other = clone(model)
        for _ in range(3):
            model.partial_fit(X, y)
            other.partial_fit(X, y)
            other.set_params(coefs_init=None, intercepts_init=None)
        assert_equal_layers(arrays_of(model), arrays_of(other))
    model = make(**given, warm_start=True).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).loss_curve_[4] < first
    # They are not checked, so they may have another number of layers.
    model.set_params(coefs_init=coefs[:1]).fit(X, y)
    with pytest.raises(ValueError, match="coefs_init"):
        model.set_params(warm_start=False).fit(X, y)


@pytest.mark.parametrize("parameter", ["coefs_init", "intercepts_init"])
def test_invalid_layers_are_named_and_change_nothing(parameter):
    X, y = data("MLPRegressor", "float32")
    given = dict(zip(("coefs_init", "intercepts_init"), layers(), strict=True))
    model = make().fit(X, y)
    good = given[parameter]
    for layer, bad, words in (
        (0, good[0][:-1], "shape.*hidden_layer_sizes"),
        (1, good[1].reshape(1, *good[1].shape), "shape.*hidden_layer_sizes"),
        (2, np.full_like(good[2], np.nan), "finite"),
        (0, np.full_like(good[0], np.inf), "finite"),
        (1, np.full_like(good[1], 1e300), "finite in float32"),
        (1, good[1].astype(complex), "real numbers"),
        (1, good[1].astype(str), "real numbers"),
        (0, None, "real numbers"),
        (0, [[1.0], [2.0, 3.0]], "real numbers"),
    ):
        arrays = [*good]
        arrays[layer] = bad
        model.set_params(**{parameter: arrays})
        before = state_of(model)
        with pytest.raises(ValueError, match=rf"{parameter}\[{layer}\].*{words}"):
            model.fit(X, y)
        assert_state(vars(model), before)
    for arrays in (good[:2], [*good, good[-1]], ()):
        model.set_params(**{parameter: arrays})
        with pytest.raises(ValueError, match=f"{parameter}.*hidden_layer_sizes.*Got"):
            model.fit(X, y)


def test_they_are_parameters_of_clone_and_search():
    X, y = data()
    coefs, intercepts = layers()
    model = make(coefs_init=coefs, intercepts_init=intercepts)
    assert model.get_params()["coefs_init"] is coefs
    fitted = clone(model).fit(X, y)
    assert_equal_layers(fitted.coefs_init, coefs)
    again = pickle.loads(pickle.dumps(fitted))
    assert_equal_layers(arrays_of(clone(again).fit(X, y)), arrays_of(fitted))
    assert isinstance(repr(fitted), str)
    grid = {"coefs_init": [None, coefs, layers(6)[0]]}
    search = GridSearchCV(make(), grid, cv=2).fit(X, y)
    assert search.best_params_["coefs_init"] is None or isinstance(
        search.best_params_["coefs_init"], list
    )

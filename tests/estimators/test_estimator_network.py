"""Tests the network_ of a fitted estimator: its memory, its bits and its objective."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import check_is_fitted

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.checkout import TESTS
from support.estimator_problems import (
    CODES,
    FAST,
    LABELS,
    NUMBER,
    NUMBERS,
    PROBLEMS,
    STRINGS,
    X,
    assert_same_answers,
    fitted,
    fourth_power,
    numbers_of,
)
from support.foreign_values import FOREIGN
from support.interleaving import bits_of, interleaved
from support.saved_files import unpickled

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# --------------------------------------------------------------- the network of a fit
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_network_predicts_what_the_estimator_does(problem, dtype):
    model, rows, _ = fitted(problem, dtype)
    network = model.network_
    assert isinstance(network, Network) and network.dtype == dtype
    outputs = network.predict(rows)
    assert_array_equal(outputs, model.activations(rows)[-1])
    if isinstance(model, MLPRegressor):
        assert_array_equal(
            outputs.reshape(model.predict(rows).shape), model.predict(rows)
        )
    elif problem in ("multiclass", "multilabel", "binary softmax"):
        assert_array_equal(outputs, model.predict_proba(rows))
    elif problem in ("binary", "binary strings"):
        assert_array_equal(outputs[:, 0], model.predict_proba(rows)[:, 1])


@pytest.mark.feature(
    "The network of a fitted estimator, with every value of its backpropagation",
    use="model.network_.backprop(X, model.encode_targets(y))",
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_its_gradients_are_the_bits_of_the_training_step(problem, dtype):
    # The rate is a power of two, which multiplies exactly; one batch, rows in order.
    rate = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.125}
    model, rows, y = fitted(problem, dtype, shuffle=False, **rate)
    targets = model.encode_targets(y)
    assert targets.dtype == dtype
    np.testing.assert_allclose(
        targets, numbers_of(problem, dtype), rtol=4 * np.finfo(dtype).eps
    )
    weights = np.arange(len(rows)) % 3 / 2 + 0.25
    trace = model.network_.backprop(rows, targets, weights)
    before = [array.copy() for array in (*model.coefs_, *model.intercepts_)]
    by_hand = copy.deepcopy(model)
    model.partial_fit(rows, y, weights)
    # The mean over batches, of which there is one.
    assert model.loss_ == pytest.approx(trace.loss, rel=1e-15)
    gradients = (*trace.coef_grads, *trace.intercept_grads)
    after = (*model.coefs_, *model.intercepts_)
    for old, gradient, new in zip(before, gradients, after, strict=True):
        assert np.any(gradient) or problem == "one class"
        assert_array_equal(new, old - np.array(0.125, dtype) * gradient)
    sgd = by_hand.network_.optimizer("sgd", learning_rate_init=0.125, momentum=0)
    assert by_hand.network_.step(rows, targets, sgd, weights) == model.loss_
    assert_same_answers(model, by_hand, rows)


def test_class_weights_are_sample_weights_of_the_network():
    model, rows, y = fitted(
        "multiclass",
        class_weight={"ebb": 3, "slack": 0.5},
        solver="sgd",
        shuffle=False,
    )
    weights = np.array([3, 1, 0.5])[CODES]
    expected = model.network_.objective(rows, model.encode_targets(y), weights)
    assert model.partial_fit(rows, y).loss_ == pytest.approx(expected, rel=1e-15)


def trips():
    return {
        "itself": lambda model: model,
        "pickle": lambda model: pickle.loads(pickle.dumps(model)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "from_network": lambda model: MLPClassifier.from_network(
            model.network_, classes=model.classes_
        ),
    }


@pytest.mark.parametrize("trip", trips())
def test_memory_is_shared_in_both_directions(trip):
    model = trips()[trip](fitted("multiclass")[0])
    network = model.network_
    for own, its in (
        (model.coefs_, network.coefs),
        (model.intercepts_, network.intercepts),
    ):
        assert all(map(np.shares_memory, own, its))
    before = model.predict_proba(X)
    network.coefs[0][...] *= 2
    network.intercepts[-1][0] += 1
    assert not np.array_equal(model.predict_proba(X), before)
    for rows in (X, X[:1]):
        assert_array_equal(model.predict_proba(rows), network.predict(rows))
    model.coefs_[1][0, 0] = 7
    assert network.coefs[1][0, 0] == 7
    for rows in (X, X[:1]):
        assert_array_equal(model.predict_proba(rows), network.predict(rows))


def test_a_copy_has_a_network_of_its_own():
    model = fitted("multiclass")[0]
    for trip in ("pickle", "deepcopy", "from_network"):
        other = trips()[trip](model)
        other.network_.coefs[0][...] = 0
        assert np.any(model.network_.coefs[0])


def test_the_network_is_one_object_so_that_its_steps_continue():
    model, rows, y = fitted("multiclass")
    network = model.network_
    targets = model.encode_targets(y)
    for _ in range(3):
        model.network_.step(rows, targets, "adam")
    assert model.network_ is network
    assert network._optimizers["adam"].n_steps == 3
    assert_array_equal(model.predict_proba(rows), network.predict(rows))


def test_another_fit_has_another_network():
    model, rows, y = fitted("multiclass")
    network, before = model.network_, model.predict_proba(rows)
    model.set_params(alpha=7.0, hidden_layer_sizes=(4,)).fit(rows, y)
    assert model.network_ is not network
    assert model.network_.layer_sizes == (4, 4, 3) and model.network_.alpha == 7
    assert_array_equal(network.predict(rows), before)
    network.coefs[0][...] = 0
    assert np.any(model.coefs_[0])


OTHER = {
    MLPClassifier: {
        "loss": "squared_error",
        "output_activation": "logistic",
        "activation": "selu",
        "hidden_layer_sizes": (9,),
        "alpha": [3.0, 4.0],
        "l1_ratio": 0.75,
        "label_smoothing": 0.5,
        "solver": "no solver",
    },
    MLPRegressor: {
        "loss": "absolute_error",
        "huber_delta": 9.0,
        "quantile": 0.2,
        "power": 1.9,
        "output_activation": "tanh",
        "activation": "selu",
        "hidden_layer_sizes": (9,),
        "alpha": [3.0, 4.0],
        "l1_ratio": 0.75,
    },
}


@pytest.mark.sampled(25)
@pytest.mark.parametrize("trip", ["itself", "pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_network_ignores_parameters_set_after_the_fit(problem, trip):
    model, rows, y = fitted(problem)
    targets = model.encode_targets(y)
    expected = copy.deepcopy(model).network_.backprop(rows, targets)
    others = OTHER[type(model)]
    for changed in [*({name: value} for name, value in others.items()), others]:
        other = trips()[trip](copy.deepcopy(model).set_params(**changed))
        assert_array_equal(other.encode_targets(y), targets)
        trace = other.network_.backprop(rows, targets)
        assert trace.loss == expected.loss
        for ours, theirs in zip(trace.coef_grads, expected.coef_grads, strict=True):
            assert_array_equal(ours, theirs)


def test_the_network_ignores_parameters_changed_in_place():
    model, rows, y = fitted("multilabel")
    expected = model.network_.objective(rows, LABELS)
    model.alpha[0] = 100.0
    assert (
        pickle.loads(pickle.dumps(model)).network_.objective(rows, LABELS) == expected
    )
    model.alpha, model.loss = 5.0, "squared_error"
    assert (
        pickle.loads(pickle.dumps(model)).network_.objective(rows, LABELS) == expected
    )
    model.network_.alpha[0] = 100.0
    assert (
        pickle.loads(pickle.dumps(model)).network_.objective(rows, LABELS) == expected
    )


def test_the_network_ignores_parameters_set_during_the_fit():
    def loss(y, y_pred):
        model.set_params(alpha=9.0)
        return fourth_power(y, y_pred)

    model = MLPRegressor(loss, alpha=0.5, **FAST)
    assert model.fit(X, NUMBER).alpha == 9
    assert model.network_.alpha == 0.5


def test_of_two_fits_at_once_the_objective_is_that_of_the_last_to_end():
    def loss(y, y_pred):
        if model.alpha == 0.5:
            model.set_params(alpha=9.0).fit(X, NUMBER)
        return fourth_power(y, y_pred)

    model = MLPRegressor(loss, alpha=0.5, **FAST)
    model.fit(X, NUMBER)
    assert (model.alpha, model.network_.alpha) == (9, 0.5)


def test_edits_of_fitted_attributes_are_used():
    model, rows, _ = fitted("multiclass")
    assert model.network_.activation == "relu"
    model.activation = "tanh"
    assert_array_equal(model.network_.predict(rows), model.predict_proba(rows))
    model.out_activation_ = "logistic"
    assert model.network_.loss == "binary_log_loss"
    assert_array_equal(model.network_.predict(rows), model.activations(rows)[-1])


def test_arrays_of_the_user_are_copied():
    model, rows, _ = fitted("multiclass")
    before = model.network_
    model.coefs_[0] = np.ones_like(model.coefs_[0])
    network = model.network_
    assert network is not before
    assert_array_equal(network.predict(rows), model.predict_proba(rows))
    network.coefs[0][...] = 5
    assert np.all(model.coefs_[0] == 1)
    model.coefs_[0][...] = 2
    assert_array_equal(model.network_.predict(rows), model.predict_proba(rows))


def test_there_is_no_network_before_a_fit():
    for model in (MLPClassifier(), MLPRegressor(), clone(fitted("multiclass")[0])):
        with pytest.raises(NotFittedError):
            _ = model.network_
        with pytest.raises(NotFittedError):
            model.encode_targets([0, 1])
        assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("coefs_", [np.ones((4, 3))], "coefs_ and intercepts_ must have one array"),
        ("coefs_", None, "coefs_ must be a list"),
        ("n_features_in_", 7, r"coefs_\[0\] must have a row"),
        ("out_activation_", "sin", "output_activation must be one of"),
        ("_objective_of_fit", 5, "_objective_of_fit must be the dict"),
        ("_objective_of_fit", {"loss": "sin"}, "loss must be .*Got 'sin'"),
        ("_objective_of_fit", {"alpha": [1.0]}, "alpha must be a float or have one"),
    ],
)
def test_attributes_that_fit_no_network_are_named(name, value, says):
    model, _, y = fitted("multiclass")
    setattr(model, name, value)
    with pytest.raises(ValueError, match=says):
        _ = model.network_
    with pytest.raises(ValueError, match=says):
        model.encode_targets(y)
    assert not hasattr(model, "network_")
    if name != "coefs_":
        # scikit-learn's HTML display reads every property.
        assert "MLPClassifier" in model._repr_html_()


def test_any_object_in_place_of_an_attribute_is_refused_or_used():
    for problem in ("multiclass", "huber"):
        stored = pickle.dumps(fitted(problem)[0])
        names = vars(pickle.loads(stored)).keys()
        n_refused = 0
        for name in sorted(names - fitted(problem)[0].get_params().keys()):
            for value in [*FOREIGN, "delete"]:
                model = pickle.loads(stored)
                if isinstance(value, str) and value == "delete":
                    delattr(model, name)
                else:
                    setattr(model, name, value)
                try:
                    model.network_.predict(X)
                    model.encode_targets(PROBLEMS[problem][2])
                except (ValueError, AttributeError):
                    n_refused += 1
        assert n_refused > 50


@pytest.mark.parametrize(
    "problem, y, says",
    [
        ("multiclass", ["ebb", "spring"], "y must hold the classes"),
        ("multiclass", [["ebb"], ["flood", "ebb"]], "y"),
        ("multiclass", ["ebb", 1], "labels of one type"),
        ("multilabel", [[0, 1]], "y must"),
        ("several numbers", [1.0, 2.0], r"y must have 2 output\(s\)"),
        ("numbers", [np.nan], "y contains NaN"),
        ("numbers", ["a"], "y must hold numbers"),
        ("tweedie", [-1.0], "y must be finite numbers >= 0"),
    ],
)
def test_targets_that_the_fit_would_refuse_are_refused(problem, y, says):
    with pytest.raises(ValueError, match=says):
        fitted(problem)[0].encode_targets(y)


def test_the_network_is_not_saved():
    model = fitted("multiclass")[0]
    before, names = pickle.dumps(model), set(vars(model))
    _ = model.network_
    assert pickle.dumps(model) == before
    assert set(vars(model)) == names
    check_is_fitted(model)
    # Since 1.9 scikit-learn's HTML display shows the fitted attributes too.
    if parse_version(sklearn.__version__) >= parse_version("1.9"):
        assert "network_" in model._repr_html_()


def test_an_old_file_without_an_objective_has_a_network():
    path = TESTS / "files" / "0.1.0" / "regressor_dropout.pkl"
    model = unpickled(path)
    assert model.network_.dtype == "float32"
    assert (model.network_.loss, model.network_.alpha) == ("squared_error", 1e-4)
    model, rows, _ = fitted("huber")
    expected = model.network_.objective(rows, NUMBERS)
    del model._objective_of_fit
    assert model.network_.objective(rows, NUMBERS) == expected
    model.alpha = 3.0
    assert model.network_.alpha == 3


@pytest.mark.slow
def test_the_network_and_its_targets_are_those_of_the_old_fit_or_the_new():
    old, new = (
        MLPClassifier(**FAST, alpha=alpha).fit(X, y)
        for alpha, y in ((0.5, STRINGS), (2.0, np.array(["ebb", "flood"])[CODES % 2]))
    )
    model = copy.deepcopy(old)

    def fit_anew():
        model.__dict__ = copy.deepcopy(new).__dict__  # as a fit ends

    def network_of(model):
        network = model.network_
        return [network.parameters, np.array(network.alpha)]

    def targets_of(model):
        return [model.encode_targets(["ebb", "flood"])]

    for call in (network_of, targets_of):

        def call_the_old(call=call):
            model.__dict__ = copy.deepcopy(old).__dict__
            return call(model)

        expected = {bits_of(call(old)), bits_of(call(new))}
        seen = {bits_of(r) for r in interleaved(call_the_old, fit_anew)}
        assert len(expected) == 2 and seen == expected

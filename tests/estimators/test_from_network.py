"""Tests estimators made from a network: equal predictions, and continued training."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.utils.validation import check_is_fitted

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.export import from_sklearn, to_sklearn
from support.estimator_problems import (
    CODES,
    FAST,
    NUMBER,
    PROBLEMS,
    STRINGS,
    X,
    assert_same_answers,
    fitted,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
OBJECTIVE = "loss huber_delta power alpha l1_ratio output_activation".split()


def there_and_back(model, **params):
    kept = model.get_params()
    same = "label_smoothing solver momentum shuffle random_state max_iter tol".split()
    params = {name: kept[name] for name in same if name in kept} | params
    if isinstance(model, MLPRegressor):
        return MLPRegressor.from_network(model.network_, **params)
    classes = None if model.predict(X[:1]).ndim == 2 else model.classes_
    return MLPClassifier.from_network(model.network_, classes=classes, **params)


@pytest.mark.feature(
    "An estimator from a Network",
    use="MLPClassifier.from_network(network, classes=['no', 'yes'])",
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_there_and_back_is_the_same_model(problem, dtype):
    model, rows, y = fitted(problem, dtype)
    other = there_and_back(model)
    assert_same_answers(model, other, rows)
    assert_array_equal(other.encode_targets(y), model.encode_targets(y))
    loss = model.network_.objective(rows, model.encode_targets(y))
    assert other.network_.objective(rows, model.encode_targets(y)) == loss
    if problem != "tweedie's end":
        before, now = model.get_params(), other.get_params()
        for name in OBJECTIVE:
            assert now.get(name) == before.get(name), name
    again = there_and_back(other)
    assert again.get_params() == other.get_params()
    assert_same_answers(model, again, rows)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_training_continues_with_the_same_bits(problem, dtype):
    # sgd without momentum has no state, and a warm start makes a new state anyway.
    model, rows, y = fitted(problem, dtype, solver="sgd", momentum=0)
    other = there_and_back(model)
    assert other.partial_fit(rows, y).loss_ == model.partial_fit(rows, y).loss_
    assert_same_answers(model, other, rows)
    model, rows, y = fitted(problem, dtype)
    other = there_and_back(model, warm_start=True).fit(rows, y)
    model.set_params(warm_start=True).fit(rows, y)
    assert other.loss_curve_ == model.loss_curve_[-2:]
    assert_same_answers(model, other, rows)


def test_the_estimator_owns_its_parameters():
    network = Network([4, 3, 1], random_state=0)
    model = MLPRegressor.from_network(network)
    parameters = network.parameters.copy()
    # Before any training, which would replace the arrays.
    model.coefs_[0][...] = 0
    assert_array_equal(network.parameters, parameters)
    network.parameters[:] = 1
    assert not np.any(model.coefs_[0])
    model.partial_fit(X, NUMBER)
    assert np.all(network.parameters == 1)


@pytest.mark.parametrize("how", ["partial_fit", "warm start", "early stopping"])
def test_it_can_be_trained_in_every_way(how):
    network = Network(
        [4, 6, 3], output_activation="softmax", loss="log_loss", random_state=0
    )
    before = network.objective(X, np.eye(3)[CODES])
    model = MLPClassifier.from_network(
        network,
        classes=["ebb", "flood", "slack"],
        warm_start=how != "partial_fit",
        early_stopping=how == "early stopping",
        validation_fraction=0.2,
        learning_rate_init=0.01,
        max_iter=30,
        random_state=0,
    )
    for _ in range(30 if how == "partial_fit" else 1):
        (model.partial_fit if how == "partial_fit" else model.fit)(X, STRINGS)
    assert model.network_.objective(X, np.eye(3)[CODES]) < before
    assert len(model.loss_curve_) == len(model.history_["epoch"]) > 0
    with pytest.raises(ValueError, match="resume=True"):
        MLPClassifier.from_network(network).fit(X, CODES, resume=True)


def test_it_is_a_fitted_estimator_in_every_way():
    network = Network([4, 6, 3], output_activation="softmax", loss="log_loss")
    model = MLPClassifier.from_network(network, max_iter=7)
    left_by_a_fit = vars(MLPClassifier(**FAST).fit(X, CODES)).keys()
    public = {name for name in left_by_a_fit if not name.startswith("_")}
    assert public <= vars(model).keys()
    check_is_fitted(model)
    assert np.isnan(model.loss_) and (model.n_iter_, model.t_) == (0, 0)
    assert model.history_["epoch"] == model.loss_curve_ == []
    assert clone(model).get_params() == model.get_params()
    assert model.get_params()["max_iter"] == 7
    assert "MLPClassifier" in model._repr_html_()
    assert_same_answers(model, pickle.loads(pickle.dumps(model)))
    np.testing.assert_allclose(
        to_sklearn(model).predict_proba(X), model.predict_proba(X), rtol=1e-12
    )
    model.set_params(activation="tanh")
    with pytest.raises(ValueError, match="not that of the fit, 'relu'"):
        model.predict(X)
    assert model.network_.activation == "relu"


def test_a_model_of_scikit_learn_has_a_network():
    model = MLPRegressor(loss="poisson", alpha=0.5, **FAST).fit(X, NUMBER**2)
    other = from_sklearn(to_sklearn(model)).set_params(alpha=3.0, loss="gamma")
    expected = model.network_.objective(X, NUMBER**2)
    assert other.network_.objective(X, NUMBER**2) == expected


def softmax(*sizes, **more):
    return Network(sizes, output_activation="softmax", loss="log_loss", **more)


def logistic(*sizes, **more):
    more = {"output_activation": "logistic", "loss": "binary_log_loss"} | more
    return Network(sizes, **more)


def test_default_classes():
    model = MLPClassifier.from_network(softmax(4, 3))
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.predict(X).shape == (40,)
    model = MLPClassifier.from_network(softmax(4, 2))
    assert_array_equal(model.classes_, [0, 1])
    model = MLPClassifier.from_network(logistic(4, 1))
    assert_array_equal(model.classes_, [0, 1])
    assert model.predict_proba(X).shape == (40, 2)
    model = MLPClassifier.from_network(logistic(4, 2))
    assert model.predict(X).shape == (40, 2)
    assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)


@pytest.mark.parametrize("classes", [["a", "b", "c"], (-1.0, 0.0, 7.0), [2, 3, 5]])
def test_given_classes(classes):
    model = MLPClassifier.from_network(softmax(4, 3), classes=classes)
    order = np.array(classes)
    assert_array_equal(model.predict(X), order[model.predict_proba(X).argmax(axis=1)])
    model = MLPClassifier.from_network(logistic(4, 3), classes=classes)
    outputs = model.network_.predict(X)
    assert_array_equal(model.predict(X), order[outputs.argmax(axis=1)])
    model = MLPClassifier.from_network(logistic(4, 1), classes=classes[:2])
    is_second = model.network_.predict(X)[:, 0] > 0.5
    assert_array_equal(model.predict(X), order[is_second.astype(int)])


@pytest.mark.parametrize(
    "network, classes, says",
    [
        (logistic(4, 1), ["b", "a"], "classes must be sorted .*Got .'b', 'a'"),
        (softmax(4, 3), [0, 1, 1], "classes must be sorted and without repetition"),
        (softmax(4, 3), [0, 1], r"classes \[0 1\] make 2 output\(s\).*network with 3"),
        (softmax(4, 1), None, r"make 2 output\(s\) with the output activation 'softm"),
        (
            logistic(4, 2),
            ["a", "b"],
            r"make 1 output.*'logistic'.*network with 2",
        ),
        (logistic(4, 1), "ab", "classes must be a list of labels. Got 'ab'"),
        (logistic(4, 1), [[0, 1]], "classes must be a list of labels"),
        (logistic(4, 1), [], "classes must be a list of labels"),
        (logistic(4, 1), [1, "a"], "classes must hold labels of one type"),
        (
            logistic(4, 3, loss="log_loss"),
            None,
            "the loss 'binary_log_loss'.*'log_loss'",
        ),
        (
            logistic(4, 3, output_activation="softmax"),
            None,
            "'softmax' needs .*'log_loss'. Got 'binary_log_loss'",
        ),
        (Network([4, 1], loss="gamma", output_activation="exp"), None, "Got 'gamma'"),
        (
            Network([4, 1], loss="binary_log_loss"),
            None,
            "does not suit MLPClassifier: output_activation='identity' gives",
        ),
    ],
)
def test_a_network_unfit_for_a_classifier_is_refused(network, classes, says):
    with pytest.raises(ValueError, match=says):
        MLPClassifier.from_network(network, classes=classes)


def test_a_network_unfit_for_a_regressor_is_refused():
    for network, says in [
        (softmax(4, 3), "needs a network whose loss is .*Got 'log_loss'"),
        (logistic(4, 1), "needs a network whose loss is .*Got 'binary_log_loss'"),
        (Network([4, 1], loss="poisson"), "MLPRegressor: output_activation='identity'"),
    ]:
        with pytest.raises(ValueError, match=says):
            MLPRegressor.from_network(network)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_other_objects_than_networks_are_refused(kind):
    with pytest.raises(TypeError, match=r"must be a pybackprop.Network. Got 3\.$"):
        kind.from_network(3)
    with pytest.raises(TypeError, match="Take its network_"):
        kind.from_network(fitted("multiclass")[0])
    theirs = TheirClassifier(max_iter=1).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match=r"Got MLPClassifier\(max_iter=1\)\.$"):
        kind.from_network(theirs)


HUBER = Network(
    [4, 3, 2, 1],
    activation=["relu", "tanh"],
    loss="huber",
    loss_parameter=0.5,
    alpha=[0.1, 0.2, 0.3],
    l1_ratio=0.25,
)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": [3, 2]},
        {"activation": ("relu", "tanh")},
        {"loss": "huber"},
        {"huber_delta": 0.5, "quantile": 0.9, "power": 1.7},
        {"output_activation": "auto"},
        {"output_activation": "identity"},
        {"alpha": np.array([0.1, 0.2, 0.3])},
        {"l1_ratio": 0.25},
    ],
)
def test_parameters_that_agree_with_the_network_may_be_given(params):
    model = MLPRegressor.from_network(HUBER, **params)
    assert_array_equal(model.predict(X), HUBER.predict(X)[:, 0])
    for name, value in params.items():
        assert getattr(model, name) is value
    assert model.warm_start is False


@pytest.mark.parametrize(
    "params, of_network",
    [
        ({"hidden_layer_sizes": (3, 4)}, r"\(3, 2\)"),
        ({"hidden_layer_sizes": 3}, r"\(3, 2\)"),
        ({"activation": "relu"}, r"\('relu', 'tanh'\)"),
        ({"loss": "squared_error"}, "'huber'"),
        ({"huber_delta": 1.0}, "0.5"),
        ({"output_activation": "tanh"}, "'identity'"),
        ({"alpha": 0.1}, r"\[0.1, 0.2, 0.3\]"),
        ({"l1_ratio": 0.0}, "0.25"),
    ],
)
def test_a_parameter_that_contradicts_the_network_is_named(params, of_network):
    ((name, value),) = params.items()
    said = str(value).replace("(", r"\(").replace(")", r"\)")
    says = f"{name}='?{said}'? contradicts the network, which has {of_network}"
    with pytest.raises(ValueError, match=says):
        MLPRegressor.from_network(HUBER, **params)


def test_parameters_that_break_their_rules_are_named():
    for params, says in [
        ({"alpha": "x"}, "'alpha' parameter"),
        ({"solver": "x"}, "'solver' parameter"),
        ({"activation": 3}, "'activation' parameter"),
        ({"activation": ["relu"]}, "one activation for each of the 2 hidden layers"),
        ({"hidden_layer_sizes": [[1], [1, 2]]}, "'hidden_layer_sizes' parameter"),
        ({"solver": "lbfgs"}, "l1_ratio=0.25 cannot be used with solver='lbfgs'"),
        ({"loss": "quantile"}, "loss='quantile' needs quantile"),
    ]:
        with pytest.raises(ValueError, match=says):
            MLPRegressor.from_network(HUBER, **params)
    with pytest.raises(TypeError, match="colour"):
        MLPRegressor.from_network(HUBER, colour="blue")

"""Tests one activation for all hidden layers, and one activation per layer."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import pybackprop
from pybackprop import Network, by_hand

ESTIMATORS = ["MLPClassifier", "MLPRegressor"]
LISTS = [
    ["relu", "tanh"],
    ["gelu", "identity", "hard_silu"],  # keeps z, does not, keeps it
    ["logistic", "mish", "softplus", "selu"],
    [],
]


def data(n_outputs=2):
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (60, 4))
    return X, np.column_stack([np.sin(3 * X[:, i]) for i in range(n_outputs)])


def fitted(name, activation, hidden_layer_sizes=(6, 5), **params):
    X, y = data(1)
    y = y.ravel() if name == "MLPRegressor" else y.ravel() > 0
    params = {"max_iter": 5, "random_state": 0} | params
    params |= {"hidden_layer_sizes": hidden_layer_sizes, "activation": activation}
    model = getattr(pybackprop, name)()
    return model.set_params(**params).fit(X, y)


def assert_same_fit(model, other):
    for ours, theirs in zip(
        model.coefs_ + model.intercepts_,
        other.coefs_ + other.intercepts_,
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("activation", LISTS, ids=str)
def test_every_number_matches_backprop_by_hand(activation):
    X, y = data()
    sizes = [4, *(7 - i for i in range(len(activation))), 2]
    net = Network(sizes, activation=activation, alpha=0.1, random_state=0)
    trace = net.backprop(X, y)
    F, coef_grads, intercept_grads, z, a, delta = by_hand.backprop.objective(
        X,
        y,
        net.coefs,
        net.intercepts,
        activation=activation,
        output_activation="identity",
        loss="squared_error",
        alpha=0.1,
    )
    assert trace.loss == pytest.approx(F, rel=1e-13)
    for ours, theirs in [
        (trace.z, z),
        (trace.a, a),
        (trace.delta, delta),
        (trace.coef_grads, coef_grads),
        (trace.intercept_grads, intercept_grads),
    ]:
        for layer, reference in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(layer, reference, rtol=1e-12, atol=1e-14)


def test_torch_computes_the_same_gradient():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs = {
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "selu": functional.selu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
        "silu": functional.silu,
        "mish": functional.mish,
        "softplus": functional.softplus,
        # torch rounds its derivative of 1/6 to float32.
        "hard_sigmoid": lambda z: (z / 6 + 0.5).clamp(0, 1),
        "hard_tanh": functional.hardtanh,
        "hard_silu": functional.hardswish,
    }
    X, y = data()
    X *= 3
    names = list(theirs)
    net = Network([4, *[8] * len(names), 2], activation=names, random_state=0)
    W = [torch.tensor(w, requires_grad=True) for w in net.coefs]
    b = [torch.tensor(v, requires_grad=True) for v in net.intercepts]
    a = torch.tensor(X)
    for layer, name in enumerate(names):
        a = theirs[name](a @ W[layer] + b[layer])
    F = ((a @ W[-1] + b[-1] - torch.tensor(y)) ** 2).sum() / 2 / len(X)
    F.backward()
    trace = net.backprop(X, y)
    assert trace.loss == pytest.approx(F.item(), rel=1e-12)
    for ours, theirs in zip(
        trace.coef_grads + trace.intercept_grads, W + b, strict=True
    ):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-9, atol=1e-13)


@pytest.mark.feature(
    "A separate activation for each hidden layer",
    use="MLPClassifier((50, 20), activation=['relu', 'tanh'])",
    requested="#10665",
)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_list_of_one_name_is_that_name(name):
    plain = fitted(name, "tanh")
    assert_same_fit(fitted(name, ["tanh", "tanh"]), plain)
    assert_same_fit(fitted(name, ("tanh", "tanh")), plain)
    mixed = fitted(name, ["relu", "tanh"])
    assert not np.array_equal(mixed.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_predictions_go_through_the_activation_of_each_layer(solver):
    model = fitted("MLPRegressor", ["gelu", "tanh"], solver=solver)
    X, _ = data()
    layers = ["gelu", "tanh"], "identity", model.coefs_
    functions = by_hand.backprop.functions_of_layers(*layers)
    _, a = by_hand.backprop.forward(X, model.coefs_, model.intercepts_, functions)
    np.testing.assert_allclose(model.predict(X), a[-1].ravel(), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X[:1]), model.predict(X)[:1])


@pytest.mark.parametrize("activation", [["relu", "tanh"], ("relu", "tanh"), "relu"])
def test_few_rows_take_the_fast_path(activation):
    model = fitted("MLPRegressor", activation)
    X, _ = data()
    quick = model._fitted_network.outputs_of_few(model, X[:1], False)
    assert quick is not None
    np.testing.assert_array_equal(quick.ravel(), model.predict(X)[:1])


def test_another_list_after_the_fit_takes_effect():
    model = fitted("MLPRegressor", ["relu", "tanh"])
    X, _ = data()
    before = model.predict(X[:1])
    model.activation[1] = "identity"
    layers = ["relu", "identity"], "identity", model.coefs_
    functions = by_hand.backprop.functions_of_layers(*layers)
    _, a = by_hand.backprop.forward(X, model.coefs_, model.intercepts_, functions)
    np.testing.assert_allclose(model.predict(X[:1]), a[-1][:1].ravel(), rtol=1e-12)
    model.activation[1] = "tanh"
    np.testing.assert_array_equal(model.predict(X[:1]), before)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("activation", "sizes"),
    [(["relu"], (6, 5)), (("relu",) * 3, (6, 5)), ([], (6,)), (["relu"], ())],
)
def test_a_wrong_number_of_activations_names_both_parameters(name, activation, sizes):
    with pytest.raises(ValueError, match="activation=.*hidden_layer_sizes=") as caught:
        fitted(name, activation, sizes)
    assert f"{len(sizes)} hidden layers" in str(caught.value)


def test_network_names_the_wrong_number_too():
    with pytest.raises(ValueError, match="activation=.*2 hidden layers of layer_sizes"):
        Network([4, 3, 2, 1], activation=["relu"])
    with pytest.raises(ValueError, match="activation must be one of.*'softmax'"):
        Network([4, 3, 2, 1], activation=["relu", "softmax"])
    assert Network([4, 3, 1], activation=["relu"]).activation == ("relu",)
    assert Network([4, 3, 1], activation="relu").activation == "relu"


def test_clone_pickle_and_a_grid_of_lists():
    model = fitted("MLPRegressor", ["relu", "tanh"])
    X, y = data(1)
    again = pickle.loads(pickle.dumps(model))
    assert again.activation == clone(model).activation == ["relu", "tanh"]
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert_same_fit(clone(model).fit(X, y.ravel()), model)
    grid = {"activation": ["relu", ["relu", "tanh"], ("tanh", "gelu")]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y.ravel())
    assert len(set(search.cv_results_["mean_test_score"])) == 3


def test_training_continues_with_a_list():
    X, y = data(1)
    model = fitted("MLPRegressor", ["relu", "tanh"], warm_start=True)
    model.fit(X, y.ravel()).partial_fit(X, y.ravel())
    with pytest.raises(ValueError, match="hidden_layer_sizes=.*warm_start=False"):
        model.set_params(hidden_layer_sizes=(6,), activation=["relu"]).fit(X, y.ravel())

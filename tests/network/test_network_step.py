"""Tests that a network's step equals a training step, with the gradient of a trace."""

import numpy as np
import pytest

from pybackprop import MLPClassifier, Network
from support.lists import OPTIMIZERS

X = np.random.RandomState(0).uniform(-1, 1, (300, 4))
Y = np.eye(3)[np.random.RandomState(1).randint(3, size=300)]


def network(**params):
    settings = {"output_activation": "softmax", "loss": "log_loss", "random_state": 0}
    return Network([4, 5, 3], **(settings | params))


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_steps_are_those_of_a_fit_bit_for_bit(solver):
    labels = Y.argmax(axis=1)
    model = MLPClassifier(
        (5,), solver=solver, batch_size=300, shuffle=False, random_state=0, alpha=0.1
    )
    net = network(alpha=0.1)
    for epoch in range(5):
        model.partial_fit(X, labels, classes=[0, 1, 2])
        loss = net.step(X, Y, solver)
        assert loss == model.loss_curve_[epoch]
        for ours, trained in zip(
            [*net.coefs, *net.intercepts],
            [*model.coefs_, *model.intercepts_],
            strict=True,
        ):
            np.testing.assert_array_equal(ours, trained)


@pytest.mark.promise(
    "Inspection",
    "The gradients of Network.backprop have the bits of the training step: a step of "
    "plain gradient descent is minus the gradient in the trace, and the steps of a "
    "network are those of a fit.",
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_gradients_of_a_trace_are_those_of_the_training_step(dtype):
    """From weights of zero, a step of gradient descent at rate 1 is -gradient."""
    net = network(dtype=dtype)
    net.parameters[:] = 0
    net.intercepts[0][:] = 1
    for weights in (None, np.random.RandomState(2).rand(300)):
        before = net.parameters.copy()
        trace = net.backprop(X, Y, weights)
        gradient = np.concatenate(
            [g.ravel() for g in [*trace.coef_grads, *trace.intercept_grads]]
        )
        optimizer = net.optimizer("sgd", learning_rate_init=1.0, momentum=0)
        net.step(X, Y, optimizer, weights)
        np.testing.assert_array_equal(net.parameters, before - gradient)
        assert gradient.any()


def test_a_step_returns_the_loss_before_it_and_lowers_it():
    net = network()
    optimizer = net.optimizer("adam", learning_rate_init=0.05)
    losses = []
    for _ in range(30):
        expected = net.objective(X, Y)
        losses.append(net.step(X, Y, optimizer=optimizer))
        assert losses[-1] == expected
    assert losses[-1] < 0.9 * losses[0]
    assert optimizer.n_steps == 30


def test_an_optimizer_given_by_name_keeps_its_state():
    by_name, by_object = network(), network()
    optimizer = by_object.optimizer("adam")
    for _ in range(4):
        by_name.step(X, Y, "adam")
        by_object.step(X, Y, optimizer)
        np.testing.assert_array_equal(by_name.parameters, by_object.parameters)


def test_a_step_changes_the_views_and_uses_their_edits():
    net = network()
    W = net.coefs[0]
    before = W.copy()
    net.step(X, Y)
    assert net.coefs[0] is W and not np.array_equal(W, before)
    W[...] = 0
    np.testing.assert_array_equal(net.forward(X).z[0][0], net.intercepts[0])


def test_an_optimizer_reports_its_step_and_rate():
    net = network()
    optimizer = net.optimizer("adam", learning_rate_init=0.25)
    net.step(X, Y, optimizer)
    assert repr(optimizer) == "Optimizer('adam', learning_rate=0.25, n_steps=1)"


def test_a_step_that_overflows_changes_nothing():
    net = network()
    optimizer = net.optimizer("sgd", learning_rate_init=1e308, momentum=0.5)
    net.step(X, Y, net.optimizer())
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="not be finite.*learning_rate=1e.308"):
        net.step(1e3 * X, Y, optimizer)
    np.testing.assert_array_equal(net.parameters, before)
    assert optimizer.n_steps == 0
    assert not optimizer.states.any()


@pytest.mark.parametrize(
    "use, words",
    [
        (lambda net: net.step(X, Y, "lbfgs"), "optimizer must be one of"),
        (lambda net: net.step(X, Y, 0.1), "optimizer must be one of"),
        (
            lambda net: net.step(X, Y, Network([2, 1]).optimizer()),
            "one of this network, for its 43 parameters of float64. Got one for 3",
        ),
        (
            lambda net: net.step(X, Y, network(dtype="float32").optimizer()),
            "Got one for 43 of float32",
        ),
        (lambda net: net.step(X, Y, "sgd", np.zeros(300)), "sample_weight"),
        (lambda net: net.step(X, Y[:2]), "y must have the shape"),
        (
            lambda net: net.optimizer("sgd", learning_rate_init=-1),
            "learning_rate_init must be a float in the range",
        ),
        (
            lambda net: net.optimizer("sgd", learning_rate_init=[1.0, 1.0, 1.0]),
            "one for each of the 2 weight layers",
        ),
        (lambda net: net.optimizer("adam", beta_1=1.0), "beta_1 must be"),
    ],
)
def test_invalid_arguments_are_refused(use, words):
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=words):
        use(net)
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("rate", [np.nan, np.inf, -0.1, "0.1", None, [0.1, 0.2]])
def test_invalid_learning_rates_are_refused(rate):
    net = network()
    optimizer = net.optimizer("adam")
    optimizer.learning_rate = rate
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"optimizer\.learning_rate must be .*Got"):
        net.step(X, Y, optimizer)
    np.testing.assert_array_equal(net.parameters, before)
    assert optimizer.n_steps == 0

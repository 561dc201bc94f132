"""Tests that the gradient is the derivative of the reported loss.

Every loss with every output and hidden activation that the core lists, at several
depths and in both data types: a row that is added to a list is tested here without a
further edit.
"""

import numpy as np
import pytest

from pybackprop import Network, by_hand
from support.gradient_problems import (
    BY_HAND,
    COMBINATIONS,
    HIDDEN,
    LOSSES,
    OUTPUTS,
    make_problem,
    usual_parameter,
)


def test_every_function_of_the_lists_is_written_by_hand():
    assert set(HIDDEN) == set(by_hand.backprop.ACTIVATIONS)
    assert set(OUTPUTS) == set(by_hand.backprop.OUTPUTS)
    assert set(LOSSES) == set(by_hand.backprop.LOSSES)


def finite_differences(net, X, y, weights, step=1e-5):
    """Return central differences of the objective, parameter by parameter."""
    numeric = np.empty_like(net.parameters)
    for i, value in enumerate(net.parameters.copy()):
        net.parameters[i] = value + step
        above = net.objective(X, y, weights)
        net.parameters[i] = value - step
        below = net.objective(X, y, weights)
        net.parameters[i] = value
        numeric[i] = (above - below) / (2 * step)
    return numeric


def flat(gradients):
    return np.concatenate([g.ravel() for part in gradients for g in part])


@pytest.mark.parametrize(("loss", "output", "hidden", "depth"), COMBINATIONS)
def test_gradient_matches_finite_differences(loss, output, hidden, depth):
    net, X, y, weights = make_problem(loss, output, hidden, depth)
    numeric = finite_differences(net, X, y, weights)
    analytic = flat(net.gradients(X, y, weights))
    scale = np.abs(numeric).max()
    assert scale > 1e-3
    np.testing.assert_allclose(analytic, numeric, rtol=0, atol=1e-7 * scale)


@pytest.mark.sampled(60)
@pytest.mark.parametrize(("loss", "output", "hidden", "depth"), COMBINATIONS)
def test_float32_gradient_is_the_float64_gradient(loss, output, hidden, depth):
    net, X, y, weights = make_problem(loss, output, hidden, depth, dtype="float32")
    twin = Network.from_parameters(
        [W.astype("float64") for W in net.coefs],
        [b.astype("float64") for b in net.intercepts],
        activation=hidden,
        output_activation=output,
        loss=loss,
        alpha=net.alpha,
        loss_parameter=net.loss_parameter,
    )
    narrow = flat(net.gradients(X, y, weights))
    # The rows of float32 targets sum to one only to float32's precision.
    wide_y = y.astype("float64")
    if LOSSES[loss]["rows_sum_to_one"]:
        wide_y /= wide_y.sum(axis=1, keepdims=True)
    wide = flat(twin.gradients(X.astype("float64"), wide_y, weights))
    assert narrow.dtype == np.float32
    # Some tens of roundings of 2**-24 each, relative to the largest entry.
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=1e-5 * np.abs(wide).max())
    assert net.objective(X, y, weights) == pytest.approx(
        twin.objective(X.astype("float64"), wide_y, weights), rel=1e-5
    )


@pytest.mark.sampled(120)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "output", "hidden", "depth"), BY_HAND)
def test_every_number_matches_backprop_by_hand(loss, output, hidden, depth, weighted):
    # The reference always uses the Jacobian: for a canonical pair this compares the
    # core's y_pred - y with it.
    net, X, y, weights = make_problem(loss, output, hidden, depth)
    weights = weights if weighted else None
    trace = net.backprop(X, y, weights)
    F, coef_grads, intercept_grads, z, a, delta = by_hand.backprop.objective(
        X,
        y,
        net.coefs,
        net.intercepts,
        activation=hidden,
        output_activation=output,
        loss=loss,
        alpha=net.alpha,
        loss_parameter=net.loss_parameter,
        sample_weight=weights,
    )
    assert trace.loss == pytest.approx(F, rel=1e-13)
    for ours, theirs in [
        (trace.z, z),
        (trace.a, a),
        (trace.delta, delta),
        (trace.coef_grads, coef_grads),
        (trace.intercept_grads, intercept_grads),
    ]:
        assert len(ours) == len(theirs)
        for layer, reference in zip(ours, theirs, strict=True):
            atol = 1e-13 * max(1, np.abs(reference).max())
            np.testing.assert_allclose(layer, reference, rtol=1e-12, atol=atol)


@pytest.mark.sampled(60)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_delta_looks_like_an_error_only_at_the_canonical_output(loss, output):
    net, X, y, _ = make_problem(loss, output, "tanh", depth=1)
    # On both sides of the kinks: for z > 0, relu is the identity.
    net.intercepts[-1][:] = [-0.5, 0.3, 1.2]
    trace = net.backprop(X, y)
    looks_like_it = np.allclose(trace.delta[-1], trace.a[-1] - y, rtol=0, atol=1e-12)
    assert looks_like_it == (LOSSES[loss]["canonical_output"] == output)


@pytest.mark.parametrize("loss", LOSSES)
def test_torch_computes_the_same_gradient(loss):
    torch = pytest.importorskip("torch")
    output = LOSSES[loss]["default_output"]
    net, X, y, _ = make_problem(loss, output, "tanh", depth=2, alpha=0.0)
    layers = [torch.tensor(p, requires_grad=True) for p in net.coefs + net.intercepts]
    coefs, intercepts = layers[: len(net.coefs)], layers[len(net.coefs) :]
    a, target = torch.tensor(X), torch.tensor(y)
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        a = torch.tanh(a @ W + b)
    z = a @ coefs[-1] + intercepts[-1]
    functional = torch.nn.functional
    value = {
        "squared_error": lambda: ((z - target) ** 2).sum() / 2,
        "binary_log_loss": lambda: functional.binary_cross_entropy_with_logits(
            z, target, reduction="sum"
        ),
        "log_loss": lambda: functional.cross_entropy(z, target, reduction="sum"),
        "poisson": lambda: (
            functional.poisson_nll_loss(z, target, log_input=True, reduction="sum")
            + (torch.xlogy(target, target) - target).sum()
        ),
        "absolute_error": lambda: functional.l1_loss(z, target, reduction="sum"),
        "huber": lambda: functional.huber_loss(z, target, reduction="sum"),
    }
    if loss not in value:
        pytest.skip("torch has no such loss in this test")
    F = value[loss]() / len(X)
    F.backward()
    assert net.objective(X, y) == pytest.approx(F.item(), rel=1e-13)
    gradients = flat(net.gradients(X, y))
    theirs = np.concatenate([p.grad.numpy().ravel() for p in layers])
    np.testing.assert_allclose(gradients, theirs, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("loss", "output", "z", "y", "expected_loss", "expected_delta"),
    [
        ("binary_log_loss", "logistic", [800.0], [0.0], 800.0, [1.0]),
        ("binary_log_loss", "logistic", [-800.0], [1.0], 800.0, [-1.0]),
        ("binary_log_loss", "logistic", [-800.0], [0.0], 0.0, [0.0]),
        ("log_loss", "softmax", [0.0, 900.0], [1.0, 0.0], 900.0, [-1.0, 1.0]),
        ("log_loss", "softmax", [0.0, 900.0], [0.0, 1.0], 0.0, [0.0, 0.0]),
        ("poisson", "exp", [-800.0], [0.0], 0.0, [0.0]),
        # y log y - y z - y at y = 1
        ("poisson", "exp", [-800.0], [1.0], 799.0, [-1.0]),
        # y e^-z - 1 - log y + z at y = 1, with e^-z = 0
        ("gamma", "exp", [800.0], [1.0], 799.0, [1.0]),
        ("gamma", "exp", [0.0], [1.0], 0.0, [0.0]),
        # y^(2-p) / ((1-p) (2-p)) is -4, and the other terms are 0
        ("tweedie", "exp", [-3000.0], [0.0], 0.0, [0.0]),
        ("tweedie", "exp", [0.0], [1.0], 0.0, [0.0]),
        ("huber", "identity", [-1e30], [0.0], 1e30, [-1.0]),
        ("quantile", "identity", [1e30], [0.0], 5e29, [0.5]),
        # The derivative at the kink is 0.
        ("quantile", "identity", [3.0], [3.0], 0.0, [0.0]),
        ("absolute_error", "identity", [3.0], [3.0], 0.0, [0.0]),
    ],
)
def test_a_saturated_output_has_its_exact_loss_and_gradient(
    loss, output, z, y, expected_loss, expected_delta, dtype
):
    # With an input of 0 the pre-activation is the intercept.
    net = Network(
        [1, len(z)],
        loss=loss,
        loss_parameter=usual_parameter(loss),
        output_activation=output,
        dtype=dtype,
    )
    net.intercepts[0][:] = z
    trace = net.backprop(np.zeros((1, 1)), np.array([y]))
    assert trace.loss == float(np.dtype(dtype).type(expected_loss))
    np.testing.assert_array_equal(trace.delta[0][0], expected_delta)


def test_integer_weights_are_repeated_rows():
    net, X, y, _ = make_problem("squared_error", "logistic", "relu", depth=2)
    repeats = np.array([1, 3, 2, 1, 1, 4, 2])
    weighted = net.gradients(X, y, repeats)
    repeated = net.gradients(np.repeat(X, repeats, 0), np.repeat(y, repeats, 0))
    np.testing.assert_allclose(flat(weighted), flat(repeated), rtol=1e-12, atol=1e-15)


def test_a_row_of_weight_zero_takes_no_part_even_where_it_overflows():
    net, X, y, weights = make_problem("squared_error", "identity", "relu", depth=2)
    reference = net.backprop(X[1:], y[1:], weights[1:])
    X[0], weights[0] = 1e308, 0
    with_it = net.backprop(X, y, weights)
    assert with_it.loss == reference.loss
    np.testing.assert_array_equal(
        flat([with_it.coef_grads, with_it.intercept_grads]),
        flat([reference.coef_grads, reference.intercept_grads]),
    )


def test_a_training_step_uses_the_bits_of_the_trace():
    # One step of plain gradient descent with learning rate 1 takes the gradient away.
    from pybackprop import MLPRegressor

    rng = np.random.RandomState(0)
    X, y = rng.rand(300, 4), rng.rand(300, 2)
    model = MLPRegressor(
        hidden_layer_sizes=(5,),
        solver="sgd",
        momentum=0,
        nesterovs_momentum=False,
        learning_rate_init=1.0,
        batch_size=300,
        shuffle=False,
        max_iter=1,
        random_state=0,
    ).fit(X, y)
    start = Network([4, 5, 2], alpha=model.alpha, random_state=0)
    trace = start.backprop(X, y)
    assert model.loss_curve_ == [trace.loss]
    for after, before, gradient in zip(
        model.coefs_ + model.intercepts_,
        start.coefs + start.intercepts,
        trace.coef_grads + trace.intercept_grads,
        strict=True,
    ):
        np.testing.assert_array_equal(after, before - gradient)

"""Tests that a trace has every intermediate result of the training kernels."""

import pickle
import tracemalloc
from importlib.util import find_spec

import numpy as np
import pytest

from pybackprop import Network, by_hand
from pybackprop.by_hand.activations import ACTIVATIONS, softmax
from pybackprop.by_hand.losses import LOSSES
from support import lists

DEFAULT_OUTPUTS = {
    name: record["default_output"] for name, record in lists.LOSSES.items()
}
OUTPUTS = lists.OUTPUTS
OF_FORWARD = ["z", "a", "f_prime"]
OF_BACKPROP = ["dloss_da", "delta", "coef_grads", "intercept_grads", "loss"]


def problem(loss="squared_error", output="identity", dtype="float64", **params):
    """Return a network of three layers, samples, and targets in the loss's domain."""
    rng = np.random.RandomState(0)
    parameter = {"huber": 0.5, "quantile": 0.7, "tweedie": 1.5}.get(loss)
    net = Network(
        [4, 6, 5, 3],
        activation=["tanh", "softplus"],
        output_activation=output,
        loss=loss,
        loss_parameter=parameter,
        dtype=dtype,
        random_state=1,
        **params,
    )
    X = rng.uniform(-1, 1, (300, 4)).astype(dtype)
    y = rng.uniform(0.1, 0.9, (300, 3)).astype(dtype)
    return net, X, y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_delta_is_dloss_da_times_f_prime_to_the_bit(dtype):
    net, X, y = problem("squared_error", "logistic", dtype)
    trace = net.backprop(X, y)
    for delta, dloss_da, f_prime in zip(
        trace.delta, trace.dloss_da, trace.f_prime, strict=True
    ):
        assert delta.dtype == dloss_da.dtype == f_prime.dtype == dtype
        np.testing.assert_array_equal(delta, dloss_da * f_prime)


@pytest.mark.sampled(60)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_delta_at_the_output_is_the_jacobian_times_dloss_dy(loss, output):
    net, X, y = problem(loss, output)
    net.coefs[-1][...] *= 0.1
    # Near 0.5 every loss is finite for every output.
    net.intercepts[-1][:] = 0.5
    trace = net.backprop(X, y)
    parameter = () if net.loss_parameter is None else (net.loss_parameter,)
    y_pred = trace.a[-1]
    slope = LOSSES[loss][1](y, y_pred, *parameter)
    np.testing.assert_allclose(trace.dloss_da[-1], slope, rtol=1e-11, atol=1e-12)
    jacobian = trace.f_prime[-1]
    if output == "softmax":
        assert jacobian.shape == (300, 3, 3)
        of_slope = np.einsum("nij,nj->ni", jacobian, trace.dloss_da[-1])
    else:
        of_slope = jacobian * trace.dloss_da[-1]
    np.testing.assert_allclose(trace.delta[-1], of_slope, rtol=1e-11, atol=1e-13)


def test_dloss_da_of_a_hidden_layer_is_delta_times_the_weights():
    net, X, y = problem("log_loss", "softmax")
    trace = net.backprop(X, y)
    for layer in (1, 2):
        np.testing.assert_allclose(
            trace.dloss_da[layer - 1],
            trace.delta[layer] @ net.coefs[layer].T,
            rtol=1e-13,
            atol=1e-15,
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_f_prime_is_the_published_derivative(activation):
    net = Network([3, 4, 1], activation=activation, random_state=0)
    trace = net.forward(np.random.RandomState(0).uniform(-3, 3, (50, 3)))
    _, f_prime = ACTIVATIONS[activation]
    np.testing.assert_allclose(
        trace.f_prime[0], f_prime(trace.z[0]), rtol=1e-12, atol=1e-14
    )


def test_the_jacobian_of_softmax_matches_differences():
    net, X, y = problem("log_loss", "softmax")
    trace = net.forward(X)
    step = 1e-6
    for j in range(3):
        shift = step * np.eye(3)[j]
        rise = softmax(trace.z[-1] + shift) - softmax(trace.z[-1] - shift)
        np.testing.assert_allclose(
            trace.f_prime[-1][:, :, j], rise / (2 * step), rtol=1e-7, atol=1e-9
        )


def test_every_array_matches_backprop_by_hand():
    net, X, y = problem("squared_error", "softmax", alpha=0.1)
    weights = np.random.RandomState(1).rand(len(X))
    trace = net.backprop(X, y, weights)
    F, coef_grads, intercept_grads, z, a, delta = by_hand.backprop.objective(
        X,
        y,
        net.coefs,
        net.intercepts,
        activation=["tanh", "softplus"],
        output_activation="softmax",
        loss="squared_error",
        alpha=0.1,
        sample_weight=weights,
    )
    assert trace.loss == pytest.approx(F, rel=1e-13)
    for ours, plain in [
        (trace.z, z),
        (trace.a, a),
        (trace.delta, delta),
        (trace.coef_grads, coef_grads),
        (trace.intercept_grads, intercept_grads),
    ]:
        for layer, expected in zip(ours, plain, strict=True):
            np.testing.assert_allclose(layer, expected, rtol=1e-11, atol=1e-14)


def test_a_saturated_output_has_a_finite_delta_where_dloss_dy_is_infinite():
    net = Network([1, 1], output_activation="logistic", loss="binary_log_loss")
    net.coefs[0][:] = 1000
    trace = net.backprop([[1.0]], [[0.0]])
    assert trace.dloss_da[-1] == np.inf
    assert trace.f_prime[-1] == 0
    assert trace.delta[-1] == 1


@pytest.mark.promise(
    "Inspection",
    "The trace of a forward pass has no gradients: reading one raises an error and "
    "never returns zeros.",
)
@pytest.mark.feature(
    "Every value of a backpropagation, layer by layer", "network.backprop(X, y).delta"
)
def test_a_forward_pass_has_no_gradients_and_reports_it():
    net, X, y = problem()
    trace = net.forward(X)
    for name in OF_FORWARD:
        assert len(getattr(trace, name)) == (4 if name == "a" else 3)
    for name in OF_BACKPROP:
        assert not hasattr(trace, name)
        with pytest.raises(AttributeError, match=f"{name} is not known.*backprop"):
            getattr(trace, name)
        assert hasattr(net.backprop(X, y), name)
    with pytest.raises(AttributeError, match="no attribute 'deltas'"):
        _ = trace.deltas


def test_rows_of_weight_zero_have_zeros_everywhere():
    net, X, y = problem("log_loss", "softmax")
    weights = np.ones(len(X))
    weights[::3] = 0
    trace = net.backprop(X, y, weights)
    for name in ["z", "f_prime", "dloss_da", "delta"]:
        for layer in getattr(trace, name):
            assert not layer[::3].any()
            assert layer[1::3].any()


@pytest.mark.parametrize("has_targets", [True, False])
def test_the_frame_has_a_row_for_each_unit_and_sample(has_targets):
    pytest.importorskip("pandas")
    net, X, y = problem("log_loss", "softmax")
    trace = net.backprop(X[:7], y[:7]) if has_targets else net.forward(X[:7])
    frame = trace.to_frame()
    gradients = ["dloss_da", "delta"] if has_targets else []
    assert list(frame.columns) == ["sample", "layer", "unit", *OF_FORWARD, *gradients]
    assert len(frame) == 7 * (6 + 5 + 3)
    for name in ["z", *gradients]:
        for layer in (1, 2, 3):
            table = frame[frame.layer == layer].pivot(
                index="sample", columns="unit", values=name
            )
            np.testing.assert_array_equal(table, getattr(trace, name)[layer - 1])
    of_softmax = frame.layer == 3
    assert frame.f_prime[of_softmax].isna().all()
    assert frame.f_prime[~of_softmax].notna().all()


def test_it_prints_as_a_table_and_can_be_pickled():
    net, X, y = problem("log_loss", "softmax")
    trace = pickle.loads(pickle.dumps(net.backprop(X, y)))
    text = repr(trace)
    assert f"{trace.loss:.6g}" in text
    assert [line.split()[:3] for line in text.splitlines()[3:]] == [
        ["1", "6", "tanh"],
        ["2", "5", "softplus"],
        ["3", "3", "softmax"],
    ]
    rms = np.sqrt(np.mean(trace.delta[0] ** 2))
    assert f"{rms:.4g}" in text.splitlines()[3]
    assert "delta" not in repr(net.forward(X))
    assert "<table>" in trace._repr_html_()


def test_a_jacobian_is_computed_only_when_f_prime_is_read():
    # 200 samples of 2000 classes: a Jacobian of 6 GB.
    net = Network([1, 2, 2000], loss="log_loss", output_activation="softmax")
    y = np.zeros((200, 2000))
    y[:, 0] = 1
    trace = net.backprop(np.ones((200, 1)), y)
    assert trace.elementwise_f_prime(0).shape == (200, 2)
    assert trace.elementwise_f_prime(1) is None
    tracemalloc.start()
    try:
        line = repr(trace).splitlines()[-1].split()
        frame_or_none = trace.to_frame() if find_spec("pandas") else None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert line[:3] + line[5:6] == ["2", "2000", "softmax", "-"]
    assert frame_or_none is None or frame_or_none.f_prime[400:].isna().all()
    assert peak < 3e8


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float64", 1e300), ("float64", 1e-300), ("float32", 1e30), ("float32", 1e-30)],
)
def test_the_table_shows_sizes_whose_squares_overflow_or_underflow(dtype, size):
    net = Network([1, 1], dtype=dtype)
    net.coefs[0][:], net.intercepts[0][:] = size, 0
    row = repr(net.forward([[1.0]])).splitlines()[-1].split()
    assert row == ["1", "1", "identity", f"{size:.4g}", f"{size:.4g}", "1"]

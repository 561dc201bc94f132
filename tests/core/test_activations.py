"""Tests the values, derivatives, ranges and initial weights of every activation."""

import numpy as np
import pytest
from scipy.special import erfc, expit, log1p

from pybackprop import MLPRegressor, Network, by_hand
from support.lists import ACTIVATIONS, activate

RECORDS = ACTIVATIONS
HIDDEN = [name for name, record in RECORDS.items() if record["hidden"]]
KINKS = {
    # z, and the derivative at z
    "relu": {0: 0},
    "leaky_relu": {0: 0.01},
    "elu": {0: 1},
    "selu": {0: 1.0507009873554805 * 1.6732632423543772},
    "hard_sigmoid": {-3: 0, 3: 0},
    "hard_tanh": {-1: 0, 1: 0},
    "hard_silu": {-3: 0, 3: 1},
}


def gelu_tanh_gate(z):
    return expit(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


# Activations written again in float64, accurate in the left tails.
VALUES = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554805
        * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "gelu": lambda z: z * erfc(-z / np.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z * gelu_tanh_gate(z),
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z: np.maximum(z, 0) + log1p(np.exp(-np.abs(z))),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "hard_silu": lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
}


def gelu_tanh_derivative(z):
    # by_hand uses 1 - tanh^2, which suffers from cancellation.
    gate, its_rest = gelu_tanh_gate(z), gelu_tanh_gate(-z)
    inner = 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return gate * (1 + z * inner * its_rest)


DERIVATIVES = {name: pair[1] for name, pair in by_hand.backprop.ACTIVATIONS.items()}
DERIVATIVES["gelu_tanh"] = gelu_tanh_derivative


def value(name, z):
    return activate(name, np.asarray(z).reshape(-1, 1)).ravel()


def derivative_of(name, z):
    """Return f'(z) from a backward pass: hidden delta over delta at the output."""
    z = np.asarray(z)
    net = Network([1, 1, 1], activation=name, dtype=z.dtype)
    net.parameters[:] = [1, 1, 0, 0]
    y_pred = net.predict(z.reshape(-1, 1))
    y = y_pred - 1 - np.abs(y_pred)
    trace = net.backprop(z.reshape(-1, 1), y)
    np.testing.assert_array_equal(trace.z[0].ravel(), z)
    return (trace.delta[0] / trace.delta[1]).ravel()


def points(dtype):
    rng = np.random.RandomState(0)
    drawn = [rng.uniform(-scale, scale, 500) for scale in (0.01, 1, 4, 8)]
    edges = [0.0, 1e-30, -1e-30, 1.0, -1.0, 3.0, -3.0, 30.0, 1000.0]
    return np.concatenate([*drawn, edges]).astype(dtype)


@pytest.mark.feature(
    "Leaky ReLU, ELU, SELU, GELU, SiLU, Mish, softplus and their hard forms",
    use="MLPClassifier(activation='gelu')",
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", VALUES)
def test_values_to_a_few_roundings(name, dtype):
    z = points(dtype)
    reference = VALUES[name](z.astype(float))
    # A relative bound, in the left tails too; there the reference itself has the
    # rounding error of the square or cube of z.
    rtol = 6 * np.finfo(dtype).eps + 2e-14
    np.testing.assert_allclose(value(name, z), reference, rtol=rtol, atol=0)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "softplus"])
def test_the_far_left_tail_keeps_its_digits(name):
    z = np.linspace(-18, -8, 300)
    # The exponent of the reference, up to 500, is rounded.
    np.testing.assert_allclose(value(name, z), VALUES[name](z), rtol=2e-13, atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_to_a_few_roundings(name, dtype):
    z = points(dtype)
    reference = DERIVATIVES[name](z.astype(float))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        derivative_of(name, z), reference, rtol=4 * eps, atol=8 * eps
    )


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "softplus"])
def test_the_left_tail_of_derivatives_keeps_its_digits(name):
    z = np.linspace(-8, -4, 300)
    h = 2.0**-20
    quotient = (value(name, z + h) - value(name, z - h)) / (2 * h)
    np.testing.assert_allclose(derivative_of(name, z), quotient, rtol=1e-7)


@pytest.mark.parametrize("name", HIDDEN)
def test_derivatives_match_differences_of_values(name):
    z = np.linspace(-6, 6, 1000)  # without 0, where a second derivative may jump
    for kink in KINKS.get(name, {}):
        z = z[np.abs(z - kink) > 0.01]
    h = 2.0**-17
    quotient = (value(name, z + h) - value(name, z - h)) / (2 * h)
    np.testing.assert_allclose(derivative_of(name, z), quotient, rtol=0, atol=2e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks_and_right_beside_them(name, dtype):
    for kink, published in KINKS[name].items():
        z = np.array([kink], dtype)
        assert derivative_of(name, z)[0] == pytest.approx(published, rel=1e-7)
        for side in (-np.inf, np.inf):
            beside = np.nextafter(z, np.array(side, dtype))
            expected = by_hand.backprop.ACTIVATIONS[name][1](beside.astype(float))
            assert derivative_of(name, beside) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", VALUES)
def test_large_z_does_not_overflow_and_nan_stays_nan(name, dtype):
    far = np.array([-1e30, -1e5, 1e5, 1e30], dtype)
    if name != "identity":
        a = value(name, far)
        with np.errstate(all="ignore"):
            limits = VALUES[name](far.astype(float))
        limits = np.where(np.isnan(limits), 0, limits)
        np.testing.assert_allclose(a, limits, rtol=1e-6, atol=0)
    derivative = derivative_of(name, np.array([-1e30, -1e5], dtype))
    np.testing.assert_allclose(
        derivative, {"identity": 1, "leaky_relu": 0.01}.get(name, 0)
    )
    np.testing.assert_array_equal(value(name, np.array([np.nan], dtype)), np.nan)


@pytest.mark.parametrize("name", RECORDS)
def test_the_range_is_the_set_of_values(name):
    record = RECORDS[name]
    z = np.linspace(-15, 15, 30001)
    far = np.array([-1e6, 1e6])
    if record["rowwise"]:
        a = activate(name, np.column_stack([z, -z])).ravel()
        a_far = activate(name, far.reshape(1, 2)).ravel()
        alone = activate(name, np.array([[0.0]]))[0, 0]
        assert record["high_attained"] == (alone == record["range_high"])
    else:
        a, a_far = value(name, z), value(name, far)
    for end, attained, found, at_last, sign in (
        (record["range_low"], record["low_attained"], a.min(), a_far.min(), 1),
        (record["range_high"], record["high_attained"], a.max(), a_far.max(), -1),
    ):
        if np.isinf(end):
            assert sign * at_last <= -1e4
        elif attained and not record["rowwise"]:
            assert found == pytest.approx(end, abs=1e-7)
            assert sign * (found - end) >= -1e-16
        else:
            assert 0 < sign * (found - end)
            assert 0 <= sign * (at_last - end) < 1e-3


# ---------------------------------------------------------------------- initial weights
BOTH, ALONE = "fan in and out", "fan in"
PUBLISHED = {
    # Glorot & Bengio 2010; as in scikit-learn, and in Keras for any activation
    "identity": (6, BOTH),
    "logistic": (2, BOTH),
    "tanh": (6, BOTH),
    "relu": (6, BOTH),
    "softplus": (6, BOTH),
    "hard_sigmoid": (6, BOTH),
    "hard_tanh": (6, BOTH),
    # He et al. 2015: a variance of 2 / ((1 + slope^2) fan in)
    "leaky_relu": (6 / 1.0001, ALONE),
    "elu": (6, ALONE),
    "gelu": (6, ALONE),
    "gelu_tanh": (6, ALONE),
    "silu": (6, ALONE),
    "mish": (6, ALONE),
    "hard_silu": (6, ALONE),
    # LeCun et al. 1998: a variance of 1 / fan in
    "selu": (3, ALONE),
}


def assert_drawn_as_published(network, names):
    layers = zip(network.coefs, network.intercepts, names, strict=True)
    for coefs, intercepts, name in layers:
        factor, fans = PUBLISHED[name]
        bound = np.sqrt(factor / (sum(coefs.shape) if fans == BOTH else len(coefs)))
        for array in (coefs, intercepts):
            assert np.abs(array).max() <= bound
            assert np.abs(array).max() > 0.97 * bound
        assert np.var(coefs) == pytest.approx(bound**2 / 3, rel=0.02)


@pytest.mark.parametrize("name", PUBLISHED)
def test_initial_weights_are_those_published(name):
    network = Network([400, 200, 150], activation=name, random_state=0)
    assert_drawn_as_published(network, [name, name])


def test_each_layer_is_drawn_for_its_own_activation_and_the_output_for_the_last():
    names = ["selu", "logistic"]
    network = Network([400, 300, 200, 150], activation=names, random_state=0)
    assert_drawn_as_published(network, [*names, "logistic"])
    # As in scikit-learn, the activation counts even if no layer uses it.
    network = Network([400, 200], activation="selu", random_state=0)
    assert_drawn_as_published(network, ["selu"])


def test_signals_keep_their_size_through_many_layers():
    # The published purpose of the initial weights, with fan_in equal to fan_out.
    X = np.random.RandomState(0).standard_normal((200, 100))
    for name in ("selu", "leaky_relu"):
        net = Network([100] * 12, activation=name, random_state=0)
        for b in net.intercepts:
            b[:] = 0
        size = [np.mean(a**2) for a in net.forward(X).a[:-1]]
        assert 0.2 < size[-1] / size[0] < 5


def test_each_activation_gives_a_different_fit():
    X = np.random.RandomState(0).uniform(-1, 1, (200, 3))
    y = np.sin(3 * X[:, 0])
    losses = {
        name: MLPRegressor(
            hidden_layer_sizes=(10,), activation=name, max_iter=5, random_state=0
        )
        .fit(X, y)
        .loss_
        for name in HIDDEN
    }
    assert len(set(losses.values())) == len(HIDDEN)

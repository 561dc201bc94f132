"""Defines each activation in NumPy and SciPy, as the reference for exported models."""

import numpy as np
from scipy.special import erfc, expit, softmax


def elu(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * elu(z))


def gelu(z):
    return z * erfc(-z / np.sqrt(2)) / 2


def gelu_tanh(z):
    # (1 + tanh(u)) / 2 = 1 / (1 + e^(-2 u)), which avoids cancellation.
    return z * expit(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


def softplus(z):
    return np.logaddexp(0, z)


def hard_sigmoid(z):
    return np.clip(z / 6 + 1 / 2, 0, 1)


FORMULAS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "exp": np.exp,
    "softmax": lambda z: softmax(z, axis=1),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "softplus": softplus,
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "hard_silu": lambda z: z * hard_sigmoid(z),
}

TINY = np.array([1e-3, 1e-5, 1e-8, 1e-20])
POINTS = np.concatenate(
    [np.linspace(-12, 12, 997), -TINY, TINY, [0, -80, -40, -20, 20, 40, 80]]
)
# z with small results: near 0, and down to where 1 + e^z rounds to 1.
SMALL = np.concatenate([-TINY, TINY, np.linspace(-30, -4, 99)])


def assert_is_formula(name, z, a, roundings=4):
    """Check f(z) for z in POINTS, to some roundings of the data type."""
    expected = FORMULAS[name](z.astype("float64"))
    assert a.dtype == z.dtype
    # Rounding z once moves f(z) by up to |z| f'(z) eps; exp'(z) is exp(z) itself.
    condition = np.maximum(1, np.abs(z)) * (expected if name == "exp" else 1)
    assert np.all(np.abs(a - expected) <= roundings * np.finfo(a.dtype).eps * condition)


def assert_keeps_digits(name, z, a):
    """Check the relative error of small results, for z in SMALL."""
    expected = FORMULAS[name](z.astype("float64"))
    limits = np.finfo(a.dtype)
    # e^-x of a rounded x is off by x roundings, and positive for x up to some hundreds.
    np.testing.assert_allclose(a, expected, rtol=1e3 * limits.eps, atol=limits.tiny)

"""The activations by hand: each f(z) and its derivative f′(z), in plain NumPy.

The formulas are written as published, to be read and as the reference of the tests.
They are accurate for pre-activations of ordinary size; the core also in the tails.
"""

import numpy as np
from scipy.special import expit, ndtr

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def normal_density(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def softplus(z):
    return np.logaddexp(0, z)


def elu(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def elu_prime(z):
    return np.exp(np.minimum(z, 0))


def gelu_tanh(z):
    return z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2


def gelu_tanh_prime(z):
    scale = np.sqrt(2 / np.pi)
    t = np.tanh(scale * (z + 0.044715 * z**3))
    return (1 + t + z * (1 - t**2) * scale * (1 + 3 * 0.044715 * z**2)) / 2


def mish_prime(z):
    t = np.tanh(softplus(z))
    return t + z * (1 - t**2) * expit(z)


def hard_sigmoid(z):
    return np.clip((z + 3) / 6, 0, 1)


def hard_silu_prime(z):
    return np.where(z <= -3, 0, np.where(z < 3, (2 * z + 3) / 6, 1))


# f(z) and f′(z), both as functions of z; at a kink f′ is that of activations.def.
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (expit, lambda z: expit(z) * expit(-z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1, 0.01),
    ),
    "elu": (elu, elu_prime),
    "selu": (
        lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * elu(z)),
        lambda z: SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * elu_prime(z)),
    ),
    "gelu": (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * normal_density(z)),
    "gelu_tanh": (gelu_tanh, gelu_tanh_prime),
    "silu": (
        lambda z: z * expit(z),
        lambda z: expit(z) * (1 + z * expit(-z)),
    ),
    "mish": (lambda z: z * np.tanh(softplus(z)), mish_prime),
    "softplus": (softplus, expit),
    "hard_sigmoid": (hard_sigmoid, lambda z: np.where(np.abs(z) < 3, 1 / 6, 0)),
    "hard_tanh": (
        lambda z: np.clip(z, -1, 1),
        lambda z: np.where(np.abs(z) < 1, 1.0, 0),
    ),
    "hard_silu": (lambda z: z * hard_sigmoid(z), hard_silu_prime),
}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))  # the shift cancels; it bounds e
    return e / e.sum(axis=1, keepdims=True)


def softmax_vjp(z, q):
    """Jᵀq with Jᵢⱼ = ∂pᵢ/∂zⱼ = pᵢ([i = j] − pⱼ): every output depends on every z."""
    p = softmax(z)
    return p * (q - (p * q).sum(axis=1, keepdims=True))


def elementwise(g, g_prime):
    return g, lambda z, q: g_prime(z) * q  # J is diagonal, with g′(z) on it


# Each output activation is g(z) and the product (z, q) -> J(z)ᵀq of every row.
OUTPUTS = {name: elementwise(*pair) for name, pair in ACTIVATIONS.items()}
OUTPUTS |= {"exp": elementwise(np.exp, np.exp), "softmax": (softmax, softmax_vjp)}

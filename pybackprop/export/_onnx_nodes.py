"""Builds the ONNX nodes of each activation.

Only operators that onnxruntime implements on CPUs for float32 and float64 are used.
Those that it lacks for float64 (LeakyRelu, Elu, Selu, Softplus, Erf, Gelu, Mish) are
composed of others. All are in operator set 13.
"""

import math
from functools import cache

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import erfcx

from pybackprop.export._dense_layers import (
    GELU_TANH_CUBIC,
    LEAKY_RELU_SLOPE,
    SELU_ALPHA,
    SELU_SCALE,
)


class Nodes:
    """Collects the nodes of a graph, and the constants that they read.

    Parameters
    ----------
    dtype : numpy dtype
        Data type of constants that are given as plain numbers.
    unique_name : callable
        ``unique_name(hint)`` returns a name that is not used in the graph.
    """

    def __init__(self, dtype, unique_name):
        self.dtype = np.dtype(dtype)
        self.unique_name = unique_name
        self.nodes = []
        self.constants = {}

    def __call__(self, op_type, *inputs, output=None, **attributes):
        """Append a node with one output, and return the name of the output.

        Inputs are names; numbers and arrays become constants.
        """
        names = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        output = output or self.unique_name(op_type.lower())
        self.nodes.append((op_type, names, output, attributes))
        return output

    def _constant(self, value):
        if isinstance(value, (float, int)):
            value = np.array(value, dtype=self.dtype)
        name = self.unique_name("constant")
        self.constants[name] = value
        return name


# ---- Activations: each function appends the nodes of f(z), given the name of z -------


def _logistic(nodes, z):
    """1 / (1 + e^-z), which is more accurate near 0 than onnxruntime's Sigmoid."""
    return nodes("Div", 1.0, nodes("Add", nodes("Exp", nodes("Neg", z)), 1.0))


def _expm1_where_negative(nodes, z):
    """e^z - 1 = 2 t / (1 - t) with t = tanh(z / 2) where z < 0, and 0 elsewhere.

    There is no cancellation, since 1 - t is between 1 and 2.
    """
    t = nodes("Tanh", nodes("Mul", nodes("Min", z, 0.0), 0.5))
    return nodes("Div", nodes("Mul", t, 2.0), nodes("Sub", 1.0, t))


def _leaky_relu(nodes, z):
    return nodes("Max", z, nodes("Mul", z, LEAKY_RELU_SLOPE))


def _elu(nodes, z):
    return nodes("Add", nodes("Relu", z), _expm1_where_negative(nodes, z))


def _selu(nodes, z):
    negative = nodes("Mul", _expm1_where_negative(nodes, z), SELU_ALPHA)
    return nodes("Mul", nodes("Add", nodes("Relu", z), negative), SELU_SCALE)


@cache
def _erfcx_series(degree):
    """Return a polynomial for erfcx(x) (1 + 2 x) in t = (x - 3.75) / (x + 3.75).

    Coefficients are in order of decreasing degree. The variable t and the factor
    1 + 2 x, which makes the function nearly constant, are those of Schonfelder (1978),
    "Chebyshev expansions for the error and related functions".
    """

    def scaled(t):
        x = 3.75 * (1 + t) / (1 - t)
        return erfcx(x) * (1 + 2 * x)

    # The Chebyshev points exclude t = 1, where x is infinite.
    return Chebyshev.interpolate(scaled, degree).convert(kind=Polynomial).coef[::-1]


def _gelu(nodes, z):
    """z Phi(z) = max(z, 0) - |z| Q(|z|), with the tail Q(z) = erfc(z / sqrt(2)) / 2.

    erfc(x) = exp(-x^2) erfcx(x) keeps the tail accurate.
    """
    magnitude = nodes("Abs", z)
    x = nodes("Mul", magnitude, math.sqrt(0.5))
    t = nodes("Div", nodes("Sub", x, 3.75), nodes("Add", x, 3.75))
    first, *others = _erfcx_series(28 if nodes.dtype == np.float64 else 14)
    series = nodes("Mul", t, float(first))
    for coefficient in others[:-1]:
        series = nodes("Mul", nodes("Add", series, float(coefficient)), t)
    series = nodes("Add", series, float(others[-1]))
    scaled = nodes("Div", series, nodes("Add", nodes("Mul", x, 2.0), 1.0))
    gauss = nodes("Exp", nodes("Neg", nodes("Mul", x, x)))
    tail = nodes("Mul", nodes("Mul", gauss, scaled), 0.5)
    return nodes("Sub", nodes("Relu", z), nodes("Mul", magnitude, tail))


def _gelu_tanh(nodes, z):
    """z (1 + tanh(u)) / 2 = z logistic(2 u), u = sqrt(2/pi) (z + c z^3)."""
    square = nodes("Mul", nodes("Mul", z, z), GELU_TANH_CUBIC)
    cubic = nodes("Mul", z, nodes("Add", square, 1.0))
    twice = nodes("Mul", cubic, 2 * math.sqrt(2 / math.pi))
    return nodes("Mul", z, _logistic(nodes, twice))


def _silu(nodes, z):
    return nodes("Mul", z, _logistic(nodes, z))


def _softplus(nodes, z):
    """max(z, 0) + log(1 + u) with u = e^-|z|, corrected for the rounding of 1 + u."""
    u = nodes("Exp", nodes("Neg", nodes("Abs", z)))
    w = nodes("Add", u, 1.0)
    lost = nodes("Div", nodes("Sub", u, nodes("Sub", w, 1.0)), w)
    log1p = nodes("Add", nodes("Log", w), lost)
    return nodes("Add", nodes("Relu", z), log1p)


def _mish(nodes, z):
    return nodes("Mul", z, nodes("Tanh", _softplus(nodes, z)))


def _clip(nodes, z, low, high):
    return nodes("Min", nodes("Max", z, low), high)


def _hard_sigmoid(nodes, z):
    return _clip(nodes, nodes("Div", nodes("Add", z, 3.0), 6.0), 0.0, 1.0)


ACTIVATIONS = {
    "identity": lambda nodes, z: z,
    "logistic": _logistic,
    "tanh": lambda nodes, z: nodes("Tanh", z),
    "relu": lambda nodes, z: nodes("Relu", z),
    "exp": lambda nodes, z: nodes("Exp", z),
    "softmax": lambda nodes, z: nodes("Softmax", z, axis=1),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": lambda nodes, z: _clip(nodes, z, -1.0, 1.0),
    "hard_silu": lambda nodes, z: nodes("Mul", z, _hard_sigmoid(nodes, z)),
}

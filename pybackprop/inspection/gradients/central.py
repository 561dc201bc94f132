"""Central differences of the compiled objective, entry by entry, in float64."""

import numpy as np

from pybackprop import _core
from pybackprop._threads import default_n_threads

# Where what the formula neglects, h^2, is as small as what rounding loses, eps / h.
_STEP = np.cbrt(np.finfo(np.float64).eps)


class Objective:
    """The objective of a network on some rows, as a function of its parameters.

    Targets are not checked again: rows of float32 sum to one in float32 only.
    """

    def __init__(self, network, X, y, weights=None):
        self.network = network
        self._samples = _core.Samples(np.ascontiguousarray(X), network.dtype)
        self._targets = _core.Targets(np.ascontiguousarray(y), network.dtype)
        self._weights = weights

    def loss(self):
        return self._by_the_core()

    def gradients(self):
        gradient = np.empty_like(self.network.parameters)
        self._by_the_core(gradient)
        return self.network.core.views(gradient)

    def _by_the_core(self, gradient=None):
        of, given = self.network, (self._samples, self._targets, self._weights)
        return of.core.objective(
            of.parameters, *given, gradient, None, default_n_threads()
        )


def widened(network):
    """A copy of a network in float64."""
    return network.replace(dtype=np.float64)


def rest_from(network, layer):
    """What a float64 network does with the z of a layer, as a network of that input.

    Its first coefficients are the identity, and it has no penalty.
    """
    size = network.layer_sizes[layer]
    return network.replace(
        coefs=[np.eye(size), *network.coefs[layer:]],
        intercepts=[np.zeros(size), *network.intercepts[layer:]],
        copy=True,
        activation=network.hidden_activations[layer - 1 :],
        alpha=0.0,
    )


def differences_at_parameters(network, X, y, weights, at_most):
    """dF/dW and dF/db of a float64 network, which is left as it was.

    Returns
    -------
    dict of ndarray
        'dW1', 'db1', ...; NaN where no difference was taken.
    """
    objective = Objective(network, X, y, weights)
    numeric = {}
    for layer, tensors in enumerate(
        zip(network.coefs, network.intercepts, strict=True), 1
    ):
        for name, tensor in zip(("dW", "db"), tensors, strict=True):
            numeric[f"{name}{layer}"] = _differences(
                tensor, at_most, lambda _: objective.loss
            )
    return numeric


def differences_at_z(network, z, y, at_most):
    """Gradients of each sample's own loss at the z of every layer, likewise.

    Parameters
    ----------
    z : list of ndarray
        Of each layer.
    y : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    dict of ndarray
        'delta1', ...; NaN where no difference was taken.
    """
    numeric = {}
    for layer, z_l in enumerate(z, 1):
        rest, z_l = rest_from(network, layer), z_l.copy()

        def loss_of_row(index, rest=rest, z_l=z_l):
            row = slice(index[0], index[0] + 1)
            return lambda: Objective(rest, z_l[row], y[row]).loss()

        numeric[f"delta{layer}"] = _differences(z_l, at_most, loss_of_row)
    return numeric


def _differences(array, at_most, function_at):
    """(F(x + h) - F(x - h)) / 2h at evenly spaced entries x of an array."""
    numeric = np.full(array.shape, np.nan)
    chosen = np.linspace(0, array.size - 1, min(array.size, at_most)).round()
    for index in zip(*np.unravel_index(chosen.astype(int), array.shape), strict=True):
        function, value = function_at(index), array[index]
        h = _STEP * max(1, abs(value))
        array[index] = above = value + h
        F_above = function()
        array[index] = below = value - h
        F_below = function()
        array[index] = value
        numeric[index] = (F_above - F_below) / (above - below)
    return numeric

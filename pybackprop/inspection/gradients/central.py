"""Takes central differences of the compiled objective, entry by entry, in float64.

``formulations`` shows them beside the gradients of two courses: the textbook formula,
with a fixed step and two evaluations per entry.  ``check_gradients`` has to decide
whether a gradient is wrong, so it uses the error estimates of ``richardson.py``, which
cost more evaluations.
"""

import numpy as np

from pybackprop import _core
from pybackprop._threads import default_n_threads

# At this step the truncation error h^2 is as small as the rounding error eps / h.
_STEP = np.cbrt(np.finfo(np.float64).eps)


class Objective:
    """The objective of a network on some rows, as a function of its parameters.

    Targets are not checked again, since one-hot rows that sum to one in float32 may not
    do so in float64.
    """

    def __init__(self, network, X, y, weights=None):
        self.network = network
        self._samples = _core.Samples(np.ascontiguousarray(X), network.dtype)
        self._targets = _core.Targets(np.ascontiguousarray(y), network.dtype)
        self._weights = weights

    def loss(self):
        return self._objective()

    def gradients(self):
        gradient = np.empty_like(self.network.parameters)
        self._objective(gradient)
        return self.network.core.views(gradient)

    def _objective(self, gradient=None):
        network, data = self.network, (self._samples, self._targets, self._weights)
        return network.core.objective(
            network.parameters, *data, gradient, None, default_n_threads()
        )


def network_above(network, layer):
    """Return the network that computes the output from the z of a layer.

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


def differences_at_parameters(network, X, y, weights, max_entries):
    """Approximate dF/dW and dF/db of a float64 network, and restore its parameters.

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
                tensor, max_entries, lambda _: objective.loss
            )
    return numeric


def differences_at_z(network, z, y, max_entries):
    """Approximate the gradients of each sample's own loss at the z of every layer.

    Parameters
    ----------
    z : list of ndarray
        Pre-activations of each layer.
    y : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    dict of ndarray
        'delta1', ...; NaN where no difference was taken.
    """
    numeric = {}
    for layer, z_l in enumerate(z, 1):
        above, z_l = network_above(network, layer), z_l.copy()

        def loss_of_row(index, above=above, z_l=z_l):
            row = slice(index[0], index[0] + 1)
            return lambda: Objective(above, z_l[row], y[row]).loss()

        numeric[f"delta{layer}"] = _differences(z_l, max_entries, loss_of_row)
    return numeric


def _differences(array, max_entries, function_at):
    """Compute (F(x + h) - F(x - h)) / 2h at evenly spaced entries x of an array."""
    numeric = np.full(array.shape, np.nan)
    chosen = np.linspace(0, array.size - 1, min(array.size, max_entries)).round()
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

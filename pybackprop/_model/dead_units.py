"""Finds hidden units that are dead or saturated: they pass no gradient."""

import numpy as np

from pybackprop import _core

# A slope below this lets next to nothing through, as that of tanh beyond +-4.
_FLAT = 1e-3


def flat_units(network, X, units):
    """Return which units of each hidden layer pass no gradient on any row.

    Parameters
    ----------
    network : Network
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        As ``Network`` reads it.
    units : list of index
        The units to examine, one index per hidden layer.

    Returns
    -------
    list of ndarray of bool
        One per hidden layer, over the given units.
    """
    shapes = [(X.shape[0], width) for width in network.layer_sizes[1:-1]]
    z = [np.empty(shape, network.dtype) for shape in shapes]
    samples = _core.Samples(X, network.dtype)
    network.core.forward(network.parameters, samples, {"z": [*z, None]})
    layers = zip(network.hidden_activations, z, units, strict=True)
    return [
        is_flat(_f_prime(activation, values[:, some])).all(axis=0)
        for activation, values, some in layers
    ]


def is_flat(f_prime):
    """Return where a derivative is so small that almost no gradient passes."""
    return np.abs(f_prime) < _FLAT


def _f_prime(activation, z):
    with np.errstate(all="ignore"):  # of a training that has diverged
        a = _core.activate(activation, z)
        ones = np.ones_like(z)
        return _core.activation_vjp(activation, z, a, ones, overwrite=True)

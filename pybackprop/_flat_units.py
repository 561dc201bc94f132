"""Hidden units without a slope: they pass no gradient, and so they learn nothing."""

import numpy as np

from pybackprop import _core

# A slope below this lets next to nothing through, as that of tanh beyond +-4.
_FLAT = 1e-3


def flat_units(network, X, units):
    """Which units of each hidden layer have no slope on any row.

    Parameters
    ----------
    network : Network
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        As ``Network`` reads it.
    units : list of index
        The units to look at, a hidden layer.

    Returns
    -------
    list of ndarray of bool
        One a hidden layer, over the given units.
    """
    shapes = [(X.shape[0], width) for width in network.layer_sizes[1:-1]]
    z = [np.empty(shape, network.dtype) for shape in shapes]
    samples = _core.Samples(X, network.dtype)
    network.core.forward(network.parameters, samples, {"z": [*z, None]})
    layers = zip(network.hidden_activations, z, units, strict=True)
    return [
        is_flat(activation, values[:, some]).all(axis=0)
        for activation, values, some in layers
    ]


def is_flat(activation, z):
    """Where |f'(z)| is tiny: by a central difference, so for any activation.

    z is overwritten: beside a wide network, copies of it would count.
    """
    with np.errstate(all="ignore"):
        step = np.abs(z)
        np.maximum(step, 1, out=step)
        step *= 1e-3
        rise = _core.activate(activation, z + step, overwrite=True)
        z -= step
        rise -= _core.activate(activation, z, overwrite=True)
        np.abs(rise, out=rise)
        step *= 2 * _FLAT
        return rise < step

"""Initial weights."""

import numpy as np


def draw_initial_parameters(network, init_factor, random_state):
    """Fill a network's parameters as scikit-learn does, draw for draw.

    Coefficients and intercepts of a layer are uniform within
    +-sqrt(init_factor / (fan_in + fan_out)) (Glorot & Bengio 2010), drawn in
    double, layer after layer, coefficients first, then rounded to the data type.

    Parameters
    ----------
    network : pybackprop.Network
    init_factor : float
        Of the hidden activation, from the core's list.
    random_state : numpy.random.RandomState
    """
    for coefs, intercepts in zip(network.coefs, network.intercepts, strict=True):
        bound = np.sqrt(init_factor / sum(coefs.shape))
        for array in (coefs, intercepts):
            # Two rounded operations: `uniform` itself may be fused on some builds.
            draws = random_state.random_sample(array.shape)
            array[...] = -bound + (bound - -bound) * draws

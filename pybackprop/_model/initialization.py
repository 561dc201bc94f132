"""Draws initial weights as published, and checks those that a user passes."""

from numbers import Integral

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state

from pybackprop import _core
from pybackprop._data.numeric import require_unmasked


class _NoEntropy(ISeedSequence):
    """Returns zeros as entropy, for a generator that is seeded right afterwards."""

    def generate_state(self, n_words, dtype=np.uint32):
        return np.zeros(n_words, dtype)


def generator_of(random_state):
    """Return ``check_random_state(random_state)``, in a third of the time.

    ``RandomState(seed)`` first spreads entropy over the state of its generator, which
    takes as long as some short fits, and then seeds it again; the result is the same.
    """
    if not isinstance(random_state, Integral):
        return check_random_state(random_state)
    generator = np.random.RandomState(np.random.MT19937(_NoEntropy()))
    generator.seed(random_state)
    return generator


_DRAWN_AT_ONCE = 2**18


def draw_initial_parameters(network, random_state):
    """Fill a network's parameters as scikit-learn does, draw for draw.

    Coefficients and intercepts of a layer are uniform within +-sqrt(factor / fans)
    with the factor of an activation's record; fans is fan_in + fan_out (Glorot &
    Bengio 2010) or fan_in alone (He et al. 2015).  A hidden layer goes by its own
    activation, the output by that of the last hidden layer, as scikit-learn has it.
    All is drawn in double, layer after layer, coefficients first, then rounded to the
    data type.

    Parameters
    ----------
    network : pybackprop.Network
    random_state : numpy.random.RandomState
    """
    names = activations_of_draws(network)
    layers = zip(names, network.coefs, network.intercepts, strict=True)
    for name, coefs, intercepts in layers:
        bound = bound_of_draws(name, *coefs.shape)
        for array in (coefs, intercepts):
            flat = array.reshape(-1)  # a view
            # In parts, so that Ctrl-C is handled between them and copies stay small.
            for start in range(0, flat.size, _DRAWN_AT_ONCE):
                part = flat[start : start + _DRAWN_AT_ONCE]
                # Two rounded operations: `uniform` itself may be fused on some builds.
                draws = random_state.random_sample(part.size)
                part[...] = -bound + (bound - -bound) * draws


def activations_of_draws(network):
    """Return the activation that each layer's initial weights are drawn for."""
    hidden = network.hidden_activations
    if hidden:
        return [*hidden, hidden[-1]]
    if isinstance(network.activation, str):
        return [network.activation]  # of no layer, but scikit-learn's choice
    return [network.output_activation]


def bound_of_draws(name, fan_in, fan_out):
    """Return the bound of the uniform initial weights of a layer."""
    record = _core.activations()[name]
    fans = fan_in if record["init_by_fan_in"] else fan_in + fan_out
    return np.sqrt(record["init_factor"] / fans)


def check_given_layers(name, arrays, shapes, dtype):
    """Return initial arrays that a user passes, as arrays of the data type.

    Parameters
    ----------
    name : str
        Of the parameter, for messages.
    arrays : list or tuple of array-like, or None
    shapes : list of tuple of int
        One per layer, as hidden_layer_sizes, features and outputs require.
    dtype : numpy dtype

    Returns
    -------
    list of ndarray, or None
        Possibly the arrays themselves: to be read, not written to.

    Raises
    ------
    ValueError
        For arrays of other shapes, or values that are not finite numbers.
    """
    if arrays is None:
        return None
    if len(arrays) != len(shapes):
        raise ValueError(
            f"{name} must have one array per layer, {len(shapes)} by "
            f"hidden_layer_sizes. Got {len(arrays)}."
        )
    checked = []
    for layer, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        require_unmasked(array, f"{name}[{layer}]")
        try:
            array = np.asarray(array)
        except ValueError:  # ragged lists
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            raise ValueError(
                f"{name}[{layer}] must be an array of real numbers. Got {array.dtype}."
            )
        if array.shape != shape:
            raise ValueError(
                f"{name}[{layer}] must have the shape {shape}, by hidden_layer_sizes, "
                f"the features and the outputs. Got {array.shape}."
            )
        with np.errstate(over="ignore"):
            array = array.astype(dtype, copy=False)
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name}[{layer}] must be finite in {np.dtype(dtype)}. Got NaN or "
                "infinity."
            )
        checked.append(array)
    return checked

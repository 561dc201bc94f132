"""Computes statistics of each layer: gradient norms, and dead or saturated units."""

from dataclasses import dataclass

import numpy as np

from pybackprop._model.dead_units import is_flat

_NAN = float("nan")
# A unit counts as silent if its activation is this near to 0 on every row.
_SILENT = 1e-3
# A remark is made from this share of the units on, as in _training/diagnosis.py, and
# where a gradient norm is below this share of another: five factors of 1/4, the largest
# derivative of the logistic activation.
_NOTABLE_SHARE = 0.1
_VANISHING = 1e-3
# A check fails at this share of dead or saturated units. In deep relu networks a third
# of the units is dead on few rows from the start.
MANY = 0.5


# Column heads of a table of layers and their statistics.
HEADS = ("layer", "|dF/dW|", "|dF/db|", "dead", "saturated", "mean |f'|")


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of one layer on some rows.

    Attributes
    ----------
    coef_grad_norm, intercept_grad_norm : float
        Euclidean norms of dF/dW and dF/db.
    dead_units, saturated_units : float
        Shares of the units, in [0, 1], with abs(f'(z)) < 0.001 on all rows, so that no
        gradient passes: dead if their activation is 0 on all rows too, saturated if it
        is not. NaN for the output layer.
    mean_f_prime : float
        Mean of abs(f'(z)) over rows and units: the average factor of a gradient in the
        backward pass through the layer. NaN for the output layer.
    """

    coef_grad_norm: float
    intercept_grad_norm: float
    dead_units: float = _NAN
    saturated_units: float = _NAN
    mean_f_prime: float = _NAN


def statistics_of_layers(network, X, y, sample_weight=None):
    """Compute the `LayerStatistics` of each layer, first to last.

    Parameters
    ----------
    network : Network
    X, y, sample_weight
        As for ``Network.backprop``; all weights are positive.

    Returns
    -------
    list of LayerStatistics
    """
    with np.errstate(all="ignore"):  # the training may diverge
        trace = network.backprop(X, y, sample_weight)
        norms = [
            (_norm(coef_grad), _norm(intercept_grad))
            for coef_grad, intercept_grad in zip(
                trace.coef_grads, trace.intercept_grads, strict=True
            )
        ]
        n_hidden = len(network.hidden_activations)
        units = [
            _of_units(trace.a[layer + 1], trace.elementwise_f_prime(layer))
            for layer in range(n_hidden)
        ]
    return [
        LayerStatistics(*of_gradient, *of_units)
        for of_gradient, of_units in zip(norms, [*units, ()], strict=True)
    ]


def remarks_on(statistics):
    """Yield sentences on dead or saturated units, and on gradients that vanish."""
    yield from remarks_on_units(statistics)
    first, last = statistics[0].coef_grad_norm, statistics[-1].coef_grad_norm
    of_last = f"{last:.1g} in layer {len(statistics)}"
    compared = f"its norm is {first:.1g} in layer 1 and {of_last}"
    if first < _VANISHING * last:
        yield f"The gradient vanishes in the backward pass: {compared}."
    elif last < _VANISHING * first:
        yield f"The gradient explodes in the backward pass: {compared}."


def remarks_on_units(statistics, notable=_NOTABLE_SHARE):
    """Yield sentences on layers with a notable share of dead or saturated units."""
    for layer, of_layer in enumerate(statistics, 1):
        for share, word in (
            (of_layer.dead_units, "dead"),
            (of_layer.saturated_units, "saturated"),
        ):
            if share >= notable:
                yield f"{share:.0%} of the units of layer {layer} are {word}."


def _of_units(a, f_prime):
    flat = is_flat(f_prime).all(axis=0)
    silent = (np.abs(a) < _SILENT).all(axis=0)
    dead, saturated = flat & silent, flat & ~silent
    mean = np.abs(f_prime).mean(dtype=np.float64)
    return float(dead.mean()), float(saturated.mean()), float(mean)


def _norm(array):
    return float(np.linalg.norm(array.astype(np.float64).ravel()))


def update_ratio(before, after):
    """Divide the norm of the change of an array by the norm of the new array."""
    with np.errstate(all="ignore"):
        before, after = before.astype(np.float64), after.astype(np.float64)
        return float(np.divide(np.linalg.norm(after - before), np.linalg.norm(after)))

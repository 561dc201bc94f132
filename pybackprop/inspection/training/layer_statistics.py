"""What one looks at in each layer of a network that learns, or does not."""

from dataclasses import dataclass

import numpy as np

from pybackprop._model.dead_units import is_flat

_NAN = float("nan")
# An activation this near to 0, of every row, says nothing to the next layer.
_SILENT = 1e-3
# Shares of units, and of the largest gradient, that are worth a sentence: those of
# _training/diagnosis.py, and what a product of some slopes of 1/4 comes to.
_NOTABLE_SHARE = 0.1
_VANISHING = 1e-3
# A deep network of relu has a third of its units dead on a few rows from the start.
MANY = 0.5


# Of a table of layers and their statistics.
HEADS = ("layer", "|dF/dW|", "|dF/db|", "dead", "saturated", "mean |f'|")


@dataclass(frozen=True)
class LayerStatistics:
    """Numbers of one layer, on some rows.

    Attributes
    ----------
    coef_grad_norm, intercept_grad_norm : float
        Euclidean norms of dF/dW and dF/db.
    dead_units, saturated_units : float
        Shares of the units, in [0, 1], that have no slope on any row, abs(f'(z)) <
        0.001, so that no gradient passes: dead if their activation is 0 on all of them
        too, saturated if it is not. NaN of the output layer.
    mean_f_prime : float
        Mean of abs(f'(z)) over rows and units: by what a gradient is multiplied, on
        average, on its way through the layer. NaN of the output layer.
    """

    coef_grad_norm: float
    intercept_grad_norm: float
    dead_units: float = _NAN
    saturated_units: float = _NAN
    mean_f_prime: float = _NAN


def statistics_of_layers(network, X, y, sample_weight=None):
    """A `LayerStatistics` for each layer, first to last.

    Parameters
    ----------
    network : Network
    X, y, sample_weight
        As for ``Network.backprop``, of positive weight.

    Returns
    -------
    list of LayerStatistics
    """
    with np.errstate(all="ignore"):  # a training that diverges is looked at as well
        trace = network.backprop(X, y, sample_weight)
        norms = [
            (_norm(coef_grad), _norm(intercept_grad))
            for coef_grad, intercept_grad in zip(
                trace.coef_grads, trace.intercept_grads, strict=True
            )
        ]
        n_hidden = len(network.hidden_activations)
        units = [
            _of_units(trace.a[layer + 1], trace.slopes(layer))
            for layer in range(n_hidden)
        ]
    return [
        LayerStatistics(*of_gradient, *of_units)
        for of_gradient, of_units in zip(norms, [*units, ()], strict=True)
    ]


def remarks_on(statistics):
    """Sentences on what strikes the eye in the statistics of all layers, if any."""
    yield from remarks_on_units(statistics)
    first, last = statistics[0].coef_grad_norm, statistics[-1].coef_grad_norm
    of_last = f"{last:.1g} in layer {len(statistics)}"
    compared = f"its norm is {first:.1g} in layer 1 and {of_last}"
    if first < _VANISHING * last:
        yield f"The gradient vanishes on its way back: {compared}."
    elif last < _VANISHING * first:
        yield f"The gradient explodes on its way back: {compared}."


def remarks_on_units(statistics, notable=_NOTABLE_SHARE):
    """Sentences on layers of which a notable share of the units has no slope."""
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
    """Norm of the change of an array over the norm of what it has become."""
    with np.errstate(all="ignore"):
        before, after = before.astype(np.float64), after.astype(np.float64)
        return float(np.divide(np.linalg.norm(after - before), np.linalg.norm(after)))

"""Compares the gradient of the penalty alone with differences of the penalty.

The penalty depends on nothing but the coefficients and the sum of the weights.  So its
gradient is that of the objective at data without a gradient of their own: squared error
and a single row, whose weight is the sum of all and whose target is its prediction.
"""

import numpy as np

from pybackprop import _core
from pybackprop.inspection.gradients.comparison import ALLOWED, compare
from pybackprop.inspection.gradients.data_loss import spread
from pybackprop.inspection.gradients.richardson import (
    EPS,
    NumericDerivatives,
    extrapolated,
)

BOTH = "both, data + penalty"
_ABS_AT_0 = "|w| has a kink at w = 0"


def check_penalty_gradient(network, data):
    """Yield a `TensorCheck` for each penalized tensor, and one for the sum of both."""
    without_data_gradient = network.replace(
        output_activation="identity", loss="squared_error"
    )
    row = np.zeros((1, network.layer_sizes[0]), dtype=network.dtype)
    weight = np.array([data.total_weight])
    y_pred = without_data_gradient.predict(row)
    penalty_grads, _ = without_data_gradient.gradients(row, y_pred, weight)
    penalty = _Penalty(without_data_gradient.replace(dtype=np.float64), weight)
    alphas = np.broadcast_to(network.alpha, len(network.coefs))
    allowed = ALLOWED[network.dtype.name]
    for layer, (alpha, gradient) in enumerate(zip(alphas, penalty_grads, strict=True)):
        if alpha > 0:
            places = spread(gradient.size)
            yield compare(
                f"penalty of coefs_[{layer}]",
                gradient.shape,
                places,
                gradient.ravel()[places].astype(np.float64),
                NumericDerivatives.joined(
                    [penalty.derivative(layer, place) for place in places]
                ),
                allowed,
            )
    yield _check_sum(network, data, penalty_grads, allowed)


class _Penalty:
    """The penalty of a float64 network: the objective with it less that without."""

    def __init__(self, network, weight):
        self._network = network
        self._cores = network.core, network._core_without_penalty()
        row = np.zeros((1, network.layer_sizes[0]))
        self._data = (
            _core.Samples(row, np.float64),
            _core.Targets(network.predict(row), np.float64),
            weight,
        )

    def derivative(self, layer, place):
        """Differentiate along one coefficient w, with the step abs(w) / 2.

        The step stays clear of the kink of |w| at 0, and it is large, since the central
        difference of a square has no truncation error.
        """
        W = self._network.coefs[layer].reshape(-1)  # a view
        w = W[place]
        if w == 0 and self._network.l1_ratio > 0:
            return NumericDerivatives.none(_ABS_AT_0)
        h = abs(w) / 2 if w != 0 else 1.0
        values, largest = [], 0.0
        for t in (-1, -0.5, 0, 0.5, 1):
            W[place] = w + t * h
            whole, data = (
                core.objective(self._network.parameters, *self._data)
                for core in self._cores
            )
            values.append(whole - data)
            largest = max(largest, abs(whole))
        W[place] = w
        found = extrapolated(np.array(values), h)
        found.uncertainty = found.uncertainty + 8 * EPS * largest / h
        return found


def _check_sum(network, data, penalty_grads, allowed):
    """Check that the gradient of the objective is that of the data plus the penalty."""

    def flat(coef_grads, intercept_grads):
        parts = [*coef_grads, *intercept_grads]
        return np.concatenate([part.ravel() for part in parts]).astype(np.float64)

    of_data = flat(*network.replace(alpha=0.0).gradients(*data.as_read, data.weights))
    whole = flat(*network.gradients(*data.as_read, data.weights))
    zeros = [np.zeros_like(b) for b in network.intercepts]
    of_penalty = flat(penalty_grads, zeros)
    rounding = 8 * np.finfo(network.dtype).eps
    return compare(
        BOTH,
        whole.shape,
        np.arange(whole.size),
        whole,
        NumericDerivatives(
            of_data + of_penalty,
            rounding * (np.abs(of_data) + np.abs(of_penalty)),
            np.full(whole.size, "it is not finite"),
        ),
        allowed,
    )

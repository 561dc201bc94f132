"""The gradient of the penalty, alone, against differences of the penalty.

It depends on nothing but the coefficients and the sum of the weights.  So it is looked
at where the data have no gradient: in a network with the squared error, on one row that
weighs as much as all do, whose target is what the network predicts.
"""

import numpy as np

from pybackprop import _core
from pybackprop.inspection.gradients.central import widened
from pybackprop.inspection.gradients.comparison import ALLOWED, compare
from pybackprop.inspection.gradients.data_loss import spread
from pybackprop.inspection.gradients.richardson import EPS, Slopes, slopes_of

BOTH = "both, data + penalty"
_ABS_AT_0 = "|w| has a kink at w = 0"


def check_penalty_gradient(network, data):
    """A `TensorCheck` for each penalized tensor, and one for the sum of both parts."""
    still = network.replace(output_activation="identity", loss="squared_error")
    row = np.zeros((1, network.layer_sizes[0]), dtype=network.dtype)
    weight = np.array([data.total_weight])
    penalty_grads, _ = still.gradients(row, still.predict(row), weight)
    penalty = _Penalty(widened(still), weight)
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
                Slopes.joined([penalty.slope(layer, place) for place in places]),
                allowed,
            )
    yield _check_sum(network, data, penalty_grads, allowed)


class _Penalty:
    """The penalty of a network in double, as what it adds to the objective."""

    def __init__(self, network, weight):
        self._network = network
        self._cores = network.core, network._core_without_penalty()
        row = np.zeros((1, network.layer_sizes[0]))
        self._data = (
            _core.Samples(row, np.float64),
            _core.Targets(network.predict(row), np.float64),
            weight,
        )

    def slope(self, layer, place):
        """Along one coefficient; within half of it, |w| has no kink.

        A square has the same difference over any step, so the step is large.
        """
        W = self._network.coefs[layer].reshape(-1)  # a view
        w = W[place]
        if w == 0 and self._network.l1_ratio > 0:
            return Slopes.none(_ABS_AT_0)
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
        slope = slopes_of(np.array(values), h)
        slope.uncertainty = slope.uncertainty + 8 * EPS * largest / h
        return slope


def _check_sum(network, data, penalty_grads, allowed):
    """Whether the gradient of the whole is that of the data and that of the penalty."""

    def flat(coef_grads, intercept_grads):
        parts = [*coef_grads, *intercept_grads]
        return np.concatenate([part.ravel() for part in parts]).astype(np.float64)

    of_data = flat(*network.replace(alpha=0.0).gradients(*data.as_read, data.weights))
    whole = flat(*network.gradients(*data.as_read, data.weights))
    nothing = [np.zeros_like(b) for b in network.intercepts]
    of_penalty = flat(penalty_grads, nothing)
    rounding = 8 * np.finfo(network.dtype).eps
    return compare(
        BOTH,
        whole.shape,
        np.arange(whole.size),
        whole,
        Slopes(
            of_data + of_penalty,
            rounding * (np.abs(of_data) + np.abs(of_penalty)),
            np.full(whole.size, "it is not finite"),
        ),
        allowed,
    )

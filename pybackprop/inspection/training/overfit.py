"""Overfits a few samples on purpose, and explains why a network fails to."""

from itertools import combinations

import numpy as np
import scipy.optimize
import scipy.sparse

from pybackprop import _core
from pybackprop._model.optimizer import Optimizer
from pybackprop._solvers import SOLVERS
from pybackprop._threads import default_n_threads
from pybackprop.inspection.training.layer_statistics import (
    MANY,
    remarks_on_units,
    statistics_of_layers,
)

# The loss is still decreasing if it fell by this share in the last fifth of the steps.
_STILL_FALLING = 0.02
# Below this length relative to the weights, steps are too short.
_TOO_SHORT = 1e-5


def losses_of_overfitting(start, X, y, goal, max_iter):
    """Train the network on all rows at once, without penalty and dropout.

    Changes its parameters. Stops when the loss reaches the goal or is not finite.

    Parameters
    ----------
    start : InitialState
    X, y
        The rows, in the network's data type.
    goal : float
        The loss at which the samples count as overfitted.
    max_iter : int
        Maximum number of steps.

    Returns
    -------
    list of float
        The loss before each step, and after the last.
    """
    network = start.network
    core = network._core_without_penalty()
    data = (
        _core.Samples(X, network.dtype),
        _core.Targets(y, network.dtype),
        None,
    )
    if SOLVERS[start.model.solver].full_batch:
        return _by_lbfgs(network, core, data, max_iter)
    start.model.set_params(max_iter=max_iter)  # a schedule may depend on it
    optimizer = Optimizer.from_params(start.model, network)
    training = _core.Training(
        core, network.parameters, optimizer, *data, len(y), default_n_threads()
    )
    losses = []
    for epoch in range(max_iter):
        optimizer.on_epoch_begin()
        loss, finite, *_ = training.epoch(None)
        optimizer.on_epoch_end((epoch + 1) * len(y))
        losses.append(loss)
        if not finite or loss <= goal:
            break
    losses.append(core.objective(network.parameters, *data))
    return losses


def _by_lbfgs(network, core, data, max_iter):
    gradient = np.empty_like(network.parameters)
    losses = [core.objective(network.parameters, *data)]

    def objective(theta):
        network.parameters[:] = theta
        value = core.objective(network.parameters, *data, gradient)
        return value, gradient.astype(np.float64)

    scipy.optimize.minimize(
        objective,
        network.parameters.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=lambda theta: losses.append(objective(theta)[0]),
        options={"maxiter": max_iter, "maxfun": 10 * max_iter},
    )
    return losses


def why_not_overfitted(start, X, y, losses, update_ratio):
    """Explain in words why a network did not overfit a few samples.

    Parameters
    ----------
    start : InitialState
        Its network is the trained one.
    X, y
        The rows.
    losses : list of float
    update_ratio : float or None
        The largest ratio of the first step over all layers.
    """
    if not np.isfinite(losses).all():
        return "The loss became infinite or NaN: use a smaller learning_rate_init."
    same = _same_inputs(X, y)
    if same is not None:
        return (
            f"Samples {same[0]} and {same[1]} of the few have the same inputs and "
            "different targets: no network fits both."
        )
    outside = _outside_of_range(start.network, y)
    if outside:
        return outside
    if update_ratio is not None and update_ratio < _TOO_SHORT:
        return "The steps are too short: raise learning_rate_init."
    layers = statistics_of_layers(start.network.replace(alpha=0.0), X, y)
    remarks = list(remarks_on_units(layers, notable=MANY))
    if remarks:
        return "After this training: " + " ".join(remarks)
    fifth = max(len(losses) // 5, 1)
    if min(losses[-fifth:]) < (1 - _STILL_FALLING) * min(losses[:-fifth]):
        return (
            "The loss is still decreasing: use a larger max_iter here, a larger "
            "learning_rate_init, or scaled inputs and targets."
        )
    return (
        "The loss does not decrease any further: the network may be too small, the "
        "learning rate too large, or the targets may not belong to the inputs."
    )


def _same_inputs(X, y):
    """Find two rows with the same inputs and different targets, or None."""
    X = X.toarray() if scipy.sparse.issparse(X) else X
    for i, j in combinations(range(len(y)), 2):
        if np.array_equal(X[i], X[j]) and not np.array_equal(y[i], y[j]):
            return i, j
    return None


def _outside_of_range(network, y):
    """Return a sentence if targets lie outside of the output's range, else ''."""
    record = _core.activations()[network.output_activation]
    low, high = record["range_low"], record["range_high"]
    if np.min(y) < low or np.max(y) > high:
        return (
            f"Targets go from {np.min(y):.3g} to {np.max(y):.3g}, but "
            f"output_activation={network.output_activation!r} stays between {low:.3g} "
            f"and {high:.3g}."
        )
    return ""

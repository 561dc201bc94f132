"""A few samples learned by heart, on purpose: a network that cannot is not right."""

from itertools import combinations

import numpy as np
import scipy.optimize
import scipy.sparse

from pybackprop import _core
from pybackprop._model.optimizer import Optimizer
from pybackprop._threads import default_n_threads
from pybackprop.inspection.training.layer_statistics import (
    MANY,
    remarks_on_units,
    statistics_of_layers,
)

# A loss that has fallen by this share in the last fifth is still falling.
_STILL_FALLING = 0.02
_TOO_SHORT = 1e-5


def losses_by_heart(start, X, y, goal, max_iter):
    """Train the network on all of the rows at once, without penalty and dropout.

    Its parameters are changed. Ends where the loss reaches the goal, or is not finite.

    Parameters
    ----------
    start : Start
    X, y
        The rows, as the network reads them.
    goal : float
        The loss of samples that are known by heart.
    max_iter : int
        Most steps.

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
    if start.model.solver == "lbfgs":
        return _by_lbfgs(network, core, data, max_iter)
    start.model.set_params(max_iter=max_iter)  # where a schedule may end
    optimizer = Optimizer.of(start.model, network)
    training = _core.Training(
        core, network.parameters, optimizer, *data, len(y), default_n_threads()
    )
    losses = []
    for epoch in range(max_iter):
        optimizer.epoch_begins()
        loss, finite, *_ = training.epoch(None)
        optimizer.epoch_ends((epoch + 1) * len(y))
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


def why_not_by_heart(start, X, y, losses, update_ratio):
    """In words, what keeps a network from learning a few samples by heart.

    Parameters
    ----------
    start : Start
        Its network as trained.
    X, y
        The rows.
    losses : list of float
    update_ratio : float or None
        The largest of the first step, over all layers.
    """
    if not np.isfinite(losses).all():
        return "The loss is not finite any more: a smaller learning_rate_init may help."
    same = _same_inputs(X, y)
    if same is not None:
        return (
            f"Of these samples, numbers {same[0]} and {same[1]} have the same inputs "
            "and different targets: no network fits both."
        )
    outside = _outside_of_range(start.network, y)
    if outside:
        return outside
    if update_ratio is not None and update_ratio < _TOO_SHORT:
        return "Steps are too short to get anywhere: raise learning_rate_init."
    layers = statistics_of_layers(start.network.replace(alpha=0.0), X, y)
    remarks = list(remarks_on_units(layers, notable=MANY))
    if remarks:
        return "After this training: " + " ".join(remarks)
    fifth = max(len(losses) // 5, 1)
    if min(losses[-fifth:]) < (1 - _STILL_FALLING) * min(losses[:-fifth]):
        return (
            "The loss is still falling: try a larger max_iter here, a larger "
            "learning_rate_init, or scaled inputs and targets."
        )
    return (
        "It does not fall any further: the network may be too small, the learning rate "
        "too large, or the targets may not belong to the inputs."
    )


def _same_inputs(X, y):
    """Two rows with the same inputs and different targets, or None."""
    X = X.toarray() if scipy.sparse.issparse(X) else X
    for i, j in combinations(range(len(y)), 2):
        if np.array_equal(X[i], X[j]) and not np.array_equal(y[i], y[j]):
            return i, j
    return None


def _outside_of_range(network, y):
    """A sentence, if targets lie where no output can get to."""
    record = _core.activations()[network.output_activation]
    low, high = record["range_low"], record["range_high"]
    if np.min(y) < low or np.max(y) > high:
        return (
            f"Targets go from {np.min(y):.3g} to {np.max(y):.3g}, but "
            f"output_activation={network.output_activation!r} stays between {low:.3g} "
            f"and {high:.3g}."
        )
    return ""

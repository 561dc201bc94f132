"""What a training has reached, checked before another one goes on from it.

Anybody can set or delete a fitted attribute, and a file may hold what another model
has left.
"""

from numbers import Integral, Real

import numpy as np

from pybackprop._constraints import InvalidParameterError, Rule, either, number
from pybackprop._model.optimizer import Optimizer

_NONE = Rule("None", lambda value: value is None)
_LIST = Rule("a list", lambda value: isinstance(value, list))
_COUNT = number(Integral, 0, 2**62)
_MEASURE = either(_NONE, number(Real, -np.inf, np.inf, closed="both"))

_RULES = {
    "n_iter_": _COUNT,
    "t_": _COUNT,
    "_no_improvement_count": _COUNT,
    "best_loss_": _MEASURE,
    "best_validation_score_": _MEASURE,
    "loss_curve_": _LIST,
    "validation_scores_": either(_NONE, _LIST),
    "validation_loss_curve_": either(_NONE, _LIST),
    "_history": _LIST,
}


def require_reached(model):
    """Raise ValueError for an attribute that no training leaves."""
    for name, rule in _RULES.items():
        value = vars(model).get(name)
        if name in vars(model) and not rule.holds(value):
            raise InvalidParameterError(
                f"{name} must be {rule.words} for a training that goes on. "
                f"Got {value!r}."
            )


def optimizer_reached(model, network):
    """A copy of the model's optimizer; ValueError unless it is one of the network."""
    optimizer = model._optimizer
    shape = None
    if isinstance(optimizer, Optimizer):
        shape = (*np.shape(optimizer.states)[:1], len(network.parameters))
    if shape is None or np.shape(optimizer.states) != shape:
        raise ValueError(
            "_optimizer must be the optimizer of a network of "
            f"{len(network.parameters)} parameters. Got {optimizer!r}."
        )
    optimizer = optimizer.copy()
    optimizer.states = np.asarray(optimizer.states, dtype=network.dtype)
    return optimizer


def best_parameters_reached(model, network):
    """A copy of the model's best parameters; ValueError unless a network has such."""
    best = model._best_parameters
    if np.shape(best) != network.parameters.shape:
        raise ValueError(
            f"_best_parameters must be a vector of length {len(network.parameters)}. "
            f"Got {best!r}."
        )
    return np.array(best, dtype=network.dtype)

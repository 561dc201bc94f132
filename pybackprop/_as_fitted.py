"""An estimator as it was fitted, whatever ``set_params`` has put there since.

Parameters are those of the next fit.  Of the last one an estimator keeps those that
say what its network was trained for, so that the network can be had afterwards, in
another process too.
"""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from pybackprop._constraints import InvalidParameterError
from pybackprop._fitted_network import FittedNetwork
from pybackprop._parameters import RULES


class NoNetworkError(ValueError, AttributeError):
    """Fitted attributes fit no network.

    An AttributeError too, as NotFittedError is, since scikit-learn looks at every
    property of an estimator that it shows in a notebook.
    """


# The loss, its parameter, the penalty, and what the targets become.
_OF_THE_OBJECTIVE = (
    "loss",
    "huber_delta",
    "quantile",
    "power",
    "alpha",
    "l1_ratio",
    "label_smoothing",
)


def objective_of_fit(model):
    """What a fit is to remember: its parameters of the objective, by name."""
    parameters = vars(model)
    kept = {name: parameters[name] for name in _OF_THE_OBJECTIVE if name in parameters}
    if np.ndim(kept.get("alpha")) == 1:
        kept["alpha"] = list(kept["alpha"])  # which nobody else changes
    return kept


def as_fitted(model):
    """The estimator with the parameters by which its network was trained.

    All other attributes are shared.  Where nothing was kept, as in a file of an earlier
    version, parameters are taken as they are.

    Raises NotFittedError, or ValueError for a kept parameter that no fit leaves.
    """
    fitted = model._draft()
    check_is_fitted(fitted)
    attributes = vars(fitted)
    kept = attributes.get("_objective_of_fit")
    kept = objective_of_fit(fitted) if kept is None else kept
    if not isinstance(kept, dict):
        raise ValueError(
            f"_objective_of_fit must be the dict that a fit leaves. Got {kept!r}."
        )
    rules = {**RULES, "loss": fitted._loss_rule}
    for name in (name for name in _OF_THE_OBJECTIVE if name in attributes):
        value = kept.get(name, attributes[name])
        if not rules[name].holds(value):
            raise InvalidParameterError(
                f"{name} must be {rules[name].words}, as in a fit. Got {value!r}."
            )
        attributes[name] = value
    activation = attributes.pop("_activation_of_fit", None)
    if activation is not None:
        attributes["activation"] = activation
    return fitted


def network_as_fitted(model):
    """A network on a model's own parameters, with the objective of its fit."""
    try:
        fitted = as_fitted(model)
        kept = vars(fitted).get("_fitted_network") or FittedNetwork()
        network = kept.network_of(fitted)
        loss = fitted._loss_with(network.output_activation, network.dtype)
        return kept.trainable(fitted, fitted._objective(loss))
    except AttributeError:
        raise
    except ValueError as error:
        raise NoNetworkError(str(error)) from error

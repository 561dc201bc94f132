"""Makes a fitted estimator from a network."""

import numpy as np

from pybackprop._estimator.fitted import NetworkCache, objective_of_fit, targets_of
from pybackprop._model.losses import check_output
from pybackprop._parameters import (
    check_parameters,
    layer_sizes,
    loss_rule_of,
    rules_of,
)
from pybackprop._training.state import TrainingState
from pybackprop.network import Network


def require_network(network):
    """Raise TypeError for what is no Network."""
    if not isinstance(network, Network):
        hint = " Take its network_." if hasattr(network, "network_") else ""
        raise TypeError(f"network must be a pybackprop.Network. Got {network!r}.{hint}")


def estimator_of(estimator_class, network, loss, params, labels=None):
    """Return a fitted estimator that predicts by a copy of a network.

    Parameters
    ----------
    estimator_class : type
    network : Network
    loss : dict
        The estimator's parameters that stand for the network's loss.
    params : dict
        Further ones, as the user gives them.
    labels : ClassLabels, default=None
        Of a classifier.

    Raises ValueError for a network that no fit of such an estimator makes, and for a
    parameter that contradicts the network.
    """
    network = network.replace(copy=True)
    rule = loss_rule_of(estimator_class)
    if not rule.is_satisfied_by(loss["loss"]):
        raise ValueError(
            f"{estimator_class.__name__} needs a network whose loss is "
            f"{rule.description}. Got {network.loss!r}."
        )
    of_network = {
        "hidden_layer_sizes": network.layer_sizes[1:-1],
        "activation": network.activation,
        "alpha": network.alpha,
        "l1_ratio": network.l1_ratio,
        **loss,
    }
    model = estimator_class(**(of_network | params))
    state = TrainingState.from_elsewhere("made from a network, not trained")
    take_network(model, network, labels, state)
    _require_agreement(model, network, loss, params)
    return model


def take_network(model, network, labels, state, attributes=()):
    """Set all attributes that a fit sets: the network becomes the model's own.

    Parameters
    ----------
    model : estimator
    network : Network
    labels : ClassLabels or None
        Of a classifier.
    state : TrainingState
        What is known of the network's training.
    attributes : dict
        Further fitted attributes, which take the place of those of the network.
    """
    targets = model._targets_class.from_network(model, network, labels)
    vars(model).update(targets.attributes())
    model.coefs_, model.intercepts_ = network.coefs, network.intercepts
    model._objective_of_fit = objective_of_fit(model)
    model._fitted_network = NetworkCache(network)
    model.n_features_in_ = network.layer_sizes[0]
    model.n_layers_ = len(network.layer_sizes)
    vars(model).update(state.attributes())
    vars(model).update(attributes)


def _require_agreement(model, network, of_loss, given):
    """Raise ValueError unless a fit by the model's parameters makes such a network.

    ``of_loss`` are those that stand for the loss, ``given`` those of the user. The
    output activation becomes one where 'auto' is another than the network's.
    """
    rule = rules_of(type(model))["hidden_layer_sizes"]
    if rule.is_satisfied_by(model.hidden_layer_sizes):
        sizes, of_network = model.hidden_layer_sizes, network.layer_sizes[1:-1]
        is_same = layer_sizes(sizes) == list(of_network)
        _agree(model, "hidden_layer_sizes", is_same, of_network)
    check_parameters(model)
    names, of_network = model.activation, network.hidden_activations
    names = (names,) * len(of_network) if isinstance(names, str) else names
    _agree(model, "activation", tuple(names) == of_network, network.activation)
    is_same = np.all(np.equal(model.alpha, network.alpha))
    _agree(model, "alpha", is_same, network.alpha)
    is_same = model.l1_ratio == network.l1_ratio
    _agree(model, "l1_ratio", is_same, network.l1_ratio)
    _require_same_loss(model, network, of_loss)
    output = model.output_activation
    if output == "auto":
        output = targets_of(model).output_asked_for(network.dtype)
    if "output_activation" in given:
        is_same = output == network.output_activation
        _agree(model, "output_activation", is_same, network.output_activation)
    elif output != network.output_activation:
        model.output_activation = network.output_activation


def _agree(model, name, is_same, of_network):
    if not is_same:
        raise ValueError(
            f"{name}={getattr(model, name)!r} contradicts the network, which has "
            f"{of_network!r}. Leave {name} out: the network decides it."
        )


def _require_same_loss(model, network, of_loss):
    kind, output = type(model).__name__, network.output_activation
    loss = targets_of(model).loss_with(output, network.dtype)
    if loss.name != network.loss and model.loss == of_loss["loss"]:
        raise ValueError(
            f"{kind} with the output activation {output!r} needs a network with the "
            f"loss {loss.name!r}. Got {network.loss!r}."
        )
    _agree(model, "loss", loss.name == network.loss, network.loss)
    for name in of_loss.keys() - {"loss"}:
        is_same = loss.parameter == network.loss_parameter
        _agree(model, name, is_same, network.loss_parameter)
    try:
        check_output(loss.name, output, loss.description)
    except ValueError as error:
        raise ValueError(f"The network does not suit {kind}: {error}") from None

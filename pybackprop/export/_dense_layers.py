"""Reads the dense layers of a fitted estimator for the exports."""

from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from pybackprop._estimator.base import BaseMLP
from pybackprop._estimator.fitted import network_of, snapshot, targets_of

LEAKY_RELU_SLOPE = 0.01
# Klambauer et al. 2017: with these a layer keeps mean 0 and variance 1.
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
# Coefficient of z^3 in the tanh form of gelu (Hendrycks & Gimpel 2016).
GELU_TANH_CUBIC = 0.044715


class Layer(NamedTuple):
    """One dense layer: z = a @ coef + intercept, then the activation."""

    coef: np.ndarray
    intercept: np.ndarray
    activation: str


def check_estimator(estimator):
    """Return a snapshot of a fitted estimator of pybackprop, or raise."""
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            "estimator must be a fitted pybackprop.MLPClassifier or "
            f"pybackprop.MLPRegressor. Got {estimator!r}."
        )
    estimator = snapshot(estimator)
    check_is_fitted(estimator, "coefs_")
    return estimator


def fitted_network(estimator):
    """Return the network of an estimator whose fitted attributes are consistent."""
    network = network_of(estimator)
    for name, number in (
        ("n_layers_", len(network.layer_sizes)),
        ("n_outputs_", network.layer_sizes[-1]),
    ):
        if getattr(estimator, name) != number:
            raise ValueError(
                f"{name} must be {number}, to be consistent with coefs_. "
                f"Got {getattr(estimator, name)!r}."
            )
    if is_classifier(estimator):
        targets_of(estimator).known_labels()
    return network


def layers_of(estimator):
    """Return the layers of a fitted estimator, with edits of ``coefs_``.

    Returns
    -------
    list of Layer
        From first to last. All arrays have the data type of its predictions, float32 or
        float64.
    """
    network = fitted_network(estimator)
    activations = activations_of(estimator.activation, len(network.coefs) - 1)
    activations.append(estimator.out_activation_)
    return [
        Layer(*layer)
        for layer in zip(network.coefs, network.intercepts, activations, strict=True)
    ]


def activations_of(activation, n_hidden_layers):
    """Return the activation of each hidden layer, given one name or one for each."""
    if isinstance(activation, str):
        return [activation] * n_hidden_layers
    return list(activation)


def writer_of(activation, writers, target):
    """Look up an activation in a dict, or raise NotImplementedError."""
    try:
        return writers[activation]
    except KeyError:
        raise NotImplementedError(
            f"activation must be one of {sorted(writers)} for an export to {target}. "
            f"Got {activation!r}."
        ) from None

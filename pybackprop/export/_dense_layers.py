"""The layers of a fitted estimator, as every export reads them."""

from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from pybackprop._estimator.base import MultilayerPerceptron
from pybackprop._estimator.fitted import as_it_is_now, network_of

LEAKY_RELU_SLOPE = 0.01
# Klambauer et al. 2017: with these a layer keeps mean 0 and variance 1.
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
# Of the tanh form of the gelu (Hendrycks & Gimpel 2016).
GELU_TANH_CUBIC = 0.044715


class Layer(NamedTuple):
    """z = a @ coef + intercept, then the activation of that name."""

    coef: np.ndarray
    intercept: np.ndarray
    activation: str


def check_estimator(estimator):
    """The estimator with the fit that it has now, if it is one of pybackprop's."""
    if not isinstance(estimator, MultilayerPerceptron):
        raise TypeError(
            "estimator must be a fitted pybackprop.MLPClassifier or "
            f"pybackprop.MLPRegressor. Got {estimator!r}."
        )
    estimator = as_it_is_now(estimator)
    check_is_fitted(estimator, "coefs_")
    return estimator


def fitted_network(estimator):
    """The network of a fitted estimator; ValueError where attributes do not fit it."""
    network = network_of(estimator)
    for name, number in (
        ("n_layers_", len(network.layer_sizes)),
        ("n_outputs_", network.layer_sizes[-1]),
    ):
        if getattr(estimator, name) != number:
            raise ValueError(
                f"{name} must be {number}, by coefs_. Got {getattr(estimator, name)!r}."
            )
    if is_classifier(estimator):
        estimator._labels_as_fitted()
    return network


def layers_of(estimator):
    """The layers of a fitted estimator, first to last, edits of ``coefs_`` included.

    Returns
    -------
    list of Layer
        Arrays of one data type, float32 or float64: that of its predictions.
    """
    network = fitted_network(estimator)
    activations = activations_of(estimator.activation, len(network.coefs) - 1)
    activations.append(estimator.out_activation_)
    return [
        Layer(*layer)
        for layer in zip(network.coefs, network.intercepts, activations, strict=True)
    ]


def activations_of(activation, n_hidden_layers):
    """The activation of each hidden layer, from one name for all or a name for each."""
    if isinstance(activation, str):
        return [activation] * n_hidden_layers
    return list(activation)


def writer_of(activation, writers, target):
    """The entry of a target's dict of activations; NotImplementedError without one."""
    try:
        return writers[activation]
    except KeyError:
        raise NotImplementedError(
            f"{target} is written for the activations {sorted(writers)}. "
            f"Got {activation!r}."
        ) from None

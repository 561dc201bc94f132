"""A network and its rows in float64: what the recipes are carried out on."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

from pybackprop.by_hand.activations import ACTIVATIONS, OUTPUTS
from pybackprop.by_hand.losses import LOSSES
from pybackprop.inspection.delta.courses import ForwardPass, ng
from pybackprop.inspection.gradients.central import (
    Objective,
    differences_at_parameters,
    differences_at_z,
)
from pybackprop.network import Network


@dataclass(frozen=True)
class InFloat64:
    """A copy of a network, with those rows whose weight is not 0.

    Attributes
    ----------
    network : Network
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, n_outputs)
    weights : ndarray of shape (n_samples,)
    """

    network: Network
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, network, X, y, weights):
        """For arguments that ``network.backprop`` has taken."""
        X = X.toarray() if scipy.sparse.issparse(X) else X
        # Rounded to the network's type, as its own backprop sees them.
        y = check_array(y, ensure_2d=False, dtype=network.dtype).reshape(len(X), -1)
        rows = (table[weights > 0].astype(np.float64) for table in (X, y, weights))
        return cls(network.replace(dtype=np.float64), *rows)

    def forward_pass(self, network):
        """That of a network with other parameters than the copy's, perhaps."""
        trace = network.forward(self.X)
        alphas = np.broadcast_to(network.alpha, len(network.coefs))
        l1, l2 = network.l1_ratio, 1 - network.l1_ratio
        penalties = [
            alpha * (l1 * np.sign(W) + l2 * W)
            for alpha, W in zip(alphas, network.coefs, strict=True)
        ]
        return ForwardPass(
            z=trace.z,
            a=trace.a,
            y=self.y,
            weights=self.weights,
            coefs=network.coefs,
            intercepts=network.intercepts,
            penalties=penalties,
            hidden_activations=network.hidden_activations,
            output_activation=network.output_activation,
        )

    def slope(self, y_pred):
        """dloss/dy_pred, by the formula as published or by the caller's own loss."""
        if callable(self.network.loss_name):
            _, slope = self.network.loss_name(self.y.copy(), y_pred.copy())
            return np.asarray(slope, dtype=np.float64)
        _, slope = LOSSES[self.network.loss_name]
        parameter = self.network.loss_parameter
        return slope(self.y, y_pred, *([] if parameter is None else [parameter]))

    def numeric(self, given, at_most):
        """Central differences: of samples, and of parameters, as a recipe has them."""
        network = self.network.replace(dtype=np.float64)
        return (
            differences_at_z(network, given.z, self.y, at_most),
            differences_at_parameters(network, self.X, self.y, self.weights, at_most),
        )

    def descend(self, gradient_of, n_steps, learning_rate):
        """The objective along gradient descent from the copy's parameters on."""
        network = self.network.replace(dtype=np.float64)
        objective = Objective(network, self.X, self.y, self.weights)
        arrays = network.coefs + network.intercepts
        losses = [objective.loss()]
        with np.errstate(all="ignore"):  # it may diverge
            for _ in range(n_steps):
                gradients = gradient_of(self, objective)
                for array, gradient in zip(arrays, gradients, strict=True):
                    array -= learning_rate * gradient
                losses.append(objective.loss())
        return losses

    def true_gradient(self, objective):
        coef_grads, intercept_grads = objective.gradients()
        return coef_grads + intercept_grads

    def mistaken_gradient(self, objective):
        given = self.forward_pass(objective.network)
        _, found = ng(given, given.a[-1] - given.y)
        layers = range(1, given.n_layers + 1)
        return [found[f"{name}{layer}"] for name in ("dW", "db") for layer in layers]


def require_formulas(network):
    """Raise ValueError for a row of the core's lists that is not written by hand."""
    for name, value, known in (
        *(("activation", f, ACTIVATIONS) for f in network.hidden_activations),
        ("output_activation", network.output_activation, OUTPUTS),
        ("loss", network.loss_name, LOSSES),
    ):
        if not callable(value) and value not in known:
            raise ValueError(
                f"{name}={value!r} has no formula by hand to carry the recipes out "
                f"with: choose one of {list(known)}."
            )

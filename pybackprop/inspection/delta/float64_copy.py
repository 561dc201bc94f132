"""Copies a network and its rows to float64 for the algorithms of both courses."""

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
    """A float64 copy of a network and of the rows of positive weight.

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
        """Copy arguments that ``network.backprop`` has accepted."""
        X = X.toarray() if scipy.sparse.issparse(X) else X
        # Targets are rounded to the network's data type, as in its own backprop.
        y = check_array(y, ensure_2d=False, dtype=network.dtype).reshape(len(X), -1)
        rows = (table[weights > 0].astype(np.float64) for table in (X, y, weights))
        return cls(network.replace(dtype=np.float64), *rows)

    def forward_pass(self, network):
        """Run the forward pass of a network of the same layers, on the copied rows."""
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

    def loss_gradient(self, y_pred):
        """Compute dloss/dy_pred, by the formula by hand or the user's loss."""
        if callable(self.network.loss):
            _, gradient = self.network.loss(self.y.copy(), y_pred.copy())
            return np.asarray(gradient, dtype=np.float64)
        _, gradient = LOSSES[self.network.loss]
        parameter = self.network.loss_parameter
        return gradient(self.y, y_pred, *([] if parameter is None else [parameter]))

    def numeric(self, given, max_entries):
        """Take central differences at the z of samples, and at the parameters."""
        network = self.network.replace(dtype=np.float64)
        return (
            differences_at_z(network, given.z, self.y, max_entries),
            differences_at_parameters(
                network, self.X, self.y, self.weights, max_entries
            ),
        )

    def descend(self, gradient_of, n_steps, learning_rate):
        """Return the objective before and after each step of gradient descent."""
        network = self.network.replace(dtype=np.float64)
        objective = Objective(network, self.X, self.y, self.weights)
        arrays = network.coefs + network.intercepts
        losses = [objective.loss()]
        with np.errstate(all="ignore"):  # the descent may diverge
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
    """Raise ValueError for an activation or loss without a formula in by_hand."""
    for name, value, known in (
        *(("activation", f, ACTIVATIONS) for f in network.hidden_activations),
        ("output_activation", network.output_activation, OUTPUTS),
        ("loss", network.loss, LOSSES),
    ):
        if not callable(value) and value not in known:
            raise ValueError(
                f"{name}={value!r} has no formula by hand, which this function needs: "
                f"choose one of {list(known)}."
            )

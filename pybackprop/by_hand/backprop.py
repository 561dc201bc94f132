"""Backpropagation by hand: the complete algorithm in plain NumPy.

It documents what the compiled core computes, and the tests compare the core with it.
Samples are rows, and targets are a matrix (n, d_L): a column of 0 and 1 for two
classes, one-hot rows for more.  In the lists, z[0] is Z¹, delta[0] is Δ¹, coefs[0] is
W¹ and a[0] is X; ℓ is the loss of one sample, s its weight, S the sum of the weights.

    (1)  Zˡ = Aˡ⁻¹Wˡ + bˡ                          pre-activation
    (2)  Aˡ = f(Zˡ), at the output Ŷ = g(Zᴸ)       activation
    (3)  Δᴸ = Jᵍ(Zᴸ)ᵀ ∂ℓ/∂Ŷ, row by row            gradient of ℓ at Zᴸ
    (4)  Δˡ⁻¹ = (Δˡ Wˡᵀ) ⊙ f′(Zˡ⁻¹)                gradient of ℓ at Zˡ⁻¹
    (5)  F = (Σₙ sₙ ℓₙ + P) / S, P = Σₗ αˡ (ρ ‖Wˡ‖₁ + (1 − ρ)/2 ‖Wˡ‖²)    ρ: l1_ratio
    (6)  ∂F/∂Wˡ = (Aˡ⁻¹ᵀ diag(s) Δˡ + ∂P/∂Wˡ) / S
    (7)  ∂F/∂bˡ = (column sums of diag(s) Δˡ) / S

Only for a canonical pair, such as log_loss with softmax, does (3) simplify to Ŷ − Y.
That shortcut is not used in this file: the general formula gives it for these pairs.
"""

import numpy as np

from pybackprop.by_hand.activations import ACTIVATIONS, OUTPUTS
from pybackprop.by_hand.losses import LOSSES


def functions_of_layers(activation, output_activation, coefs):
    """Return f and f′ of each hidden layer, then g and its vjp."""
    n_hidden = len(coefs) - 1
    names = [activation] * n_hidden if isinstance(activation, str) else activation
    return [*(ACTIVATIONS[name] for name in names), OUTPUTS[output_activation]]


def forward(X, coefs, intercepts, functions):
    z, a = [], [X]
    for W, b, (f, _) in zip(coefs, intercepts, functions, strict=True):
        z.append(a[-1] @ W + b)  # (1)
        a.append(f(z[-1]))  # (2)
    return z, a


def backward(z, a, coefs, functions, loss_gradient, P_prime, s):
    *hidden, (_, vjp) = functions
    delta = [vjp(z[-1], loss_gradient)]  # (3)
    for layer in range(len(coefs) - 1, 0, -1):
        _, f_prime = hidden[layer - 1]
        delta.insert(0, (delta[0] @ coefs[layer].T) * f_prime(z[layer - 1]))  # (4)
    S, layers = s.sum(), zip(a[:-1], delta, P_prime, strict=True)
    coef_grads = [(A.T @ (s[:, None] * D) + P) / S for A, D, P in layers]  # (6)
    return delta, coef_grads, [s @ D / S for D in delta]  # (7)


def objective(X, y, coefs, intercepts, *, activation, output_activation, loss,
              alpha=0.0, l1_ratio=0.0, loss_parameter=None,
              sample_weight=None):  # fmt: skip
    """Return F, its gradients at the coefs and the intercepts, and z, a, delta."""
    s = np.ones_like(X, shape=len(X)) if sample_weight is None else sample_weight
    functions = functions_of_layers(activation, output_activation, coefs)
    z, a = forward(X, coefs, intercepts, functions)
    parameter = [] if loss_parameter is None else [loss_parameter]
    losses, loss_gradient = (f(y, a[-1], *parameter) for f in LOSSES[loss])
    pairs = list(zip(np.broadcast_to(alpha, len(coefs)).tolist(), coefs, strict=True))
    P = sum(α * (l1_ratio * abs(W) + (1 - l1_ratio) / 2 * W**2).sum() for α, W in pairs)
    P_prime = [α * (l1_ratio * np.sign(W) + (1 - l1_ratio) * W) for α, W in pairs]
    F = (s @ losses.sum(axis=1) + P) / s.sum()  # (5)
    delta, *grads = backward(z, a, coefs, functions, loss_gradient, P_prime, s)
    return F, *grads, z, a, delta

"""Backpropagation by hand: the whole algorithm, once, in plain NumPy.

It documents what the compiled core computes, and the tests hold the core against it.
Samples are rows, and every target is a table (n, d_L): a column of 0 and 1 for two
classes, one-hot rows for more.  In the lists, z[0] is Z¹, delta[0] is Δ¹, coefs[0] is
W¹ and a[0] is X; ℓ is the loss of one sample, s its weight, S the sum of the weights.

    (1)  Zˡ = Aˡ⁻¹Wˡ + bˡ                          pre-activation
    (2)  Aˡ = f(Zˡ), at the output Ŷ = g(Zᴸ)       activation
    (3)  Δᴸ = Jᵍ(Zᴸ)ᵀ ∂ℓ/∂Ŷ, row by row            gradient of ℓ at Zᴸ
    (4)  Δˡ⁻¹ = (Δˡ Wˡᵀ) ⊙ f′(Zˡ⁻¹)                gradient of ℓ at Zˡ⁻¹
    (5)  F = (1/S) Σₙ sₙ ℓₙ + (α/2S) Σₗ ‖Wˡ‖²       objective
    (6)  ∂F/∂Wˡ = (Aˡ⁻¹ᵀ diag(s) Δˡ + αWˡ) / S
    (7)  ∂F/∂bˡ = (column sums of diag(s) Δˡ) / S

Only for a canonical pair, such as log_loss with softmax, does (3) simplify to Ŷ − Y.
That shortcut is nowhere in this file: it comes out, or it does not hold.
"""

import numpy as np
from scipy.special import expit, xlogy

# Each activation is f(z) and its derivative f′(z), both written in z.
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (expit, lambda z: expit(z) * expit(-z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))  # the shift cancels, and bounds e
    return e / e.sum(axis=1, keepdims=True)


def softmax_vjp(z, q):
    """Jᵀq with Jᵢⱼ = ∂pᵢ/∂zⱼ = pᵢ([i = j] − pⱼ): every output depends on every z."""
    p = softmax(z)
    return p * (q - (p * q).sum(axis=1, keepdims=True))


def elementwise(g, g_prime):
    return g, lambda z, q: g_prime(z) * q  # J is diagonal, with g′(z) on it


# Each output activation is g(z) and the product (z, q) -> J(z)ᵀq of every row.
OUTPUTS = {name: elementwise(*pair) for name, pair in ACTIVATIONS.items()}
OUTPUTS |= {"exp": elementwise(np.exp, np.exp), "softmax": (softmax, softmax_vjp)}


def ratio(y, p):
    """y/p, and 0 wherever y is 0: a class without a share in y adds nothing to ℓ."""
    return np.divide(y, p, out=np.zeros_like(p), where=y != 0)


# Each loss is ℓ(y, ŷ) before the sum over the outputs, and its slope ∂ℓ/∂ŷ.
LOSSES = {
    "squared_error": (lambda y, p: (p - y) ** 2 / 2, lambda y, p: p - y),
    "binary_log_loss": (
        lambda y, p: -xlogy(y, p) - xlogy(1 - y, 1 - p),
        lambda y, p: -ratio(y, p) + ratio(1 - y, 1 - p),
    ),
    "log_loss": (lambda y, p: -xlogy(y, p), lambda y, p: -ratio(y, p)),
    "poisson": (lambda y, p: xlogy(y, y / p) - y + p, lambda y, p: 1 - ratio(y, p)),
}


def forward(X, coefs, intercepts, activation, output_activation):
    f, g = ACTIVATIONS[activation][0], OUTPUTS[output_activation][0]
    z, a = [], [X]
    for layer, (W, b) in enumerate(zip(coefs, intercepts, strict=True), start=1):
        z.append(a[-1] @ W + b)  # (1)
        a.append(g(z[-1]) if layer == len(coefs) else f(z[-1]))  # (2)
    return z, a


def backward(y, z, a, coefs, activation, output_activation, loss, alpha, s):
    f_prime, vjp = ACTIVATIONS[activation][1], OUTPUTS[output_activation][1]
    delta = [vjp(z[-1], LOSSES[loss][1](y, a[-1]))]  # (3)
    for layer in range(len(coefs) - 1, 0, -1):
        delta.insert(0, (delta[0] @ coefs[layer].T) * f_prime(z[layer - 1]))  # (4)
    S, layers = s.sum(), zip(a[:-1], delta, coefs, strict=True)
    coef_grads = [(A.T @ (s[:, None] * D) + alpha * W) / S for A, D, W in layers]  # (6)
    return delta, coef_grads, [s @ D / S for D in delta]  # (7)


def objective(X, y, coefs, intercepts, *, activation, output_activation, loss,
              alpha=0.0, sample_weight=None):  # fmt: skip
    """F, its gradients at the coefs and at the intercepts, and z, a, delta."""
    s = np.ones_like(X, shape=len(X)) if sample_weight is None else sample_weight
    z, a = forward(X, coefs, intercepts, activation, output_activation)
    losses = LOSSES[loss][0](y, a[-1]).sum(axis=1)
    F = (s @ losses + alpha / 2 * sum((W**2).sum() for W in coefs)) / s.sum()  # (5)
    grads = backward(y, z, a, coefs, activation, output_activation, loss, alpha, s)
    delta, coef_grads, intercept_grads = grads
    return F, coef_grads, intercept_grads, z, a, delta

"""The losses by hand: ℓ(y, ŷ), before the sum over the outputs, and ∂ℓ/∂ŷ.

The formulas are written as published; the core is exact for saturated outputs too.
"""

import numpy as np
from scipy.special import xlogy


def ratio(y, p):
    """Return y/p, and 0 where y is 0: a class with y = 0 adds nothing to ℓ."""
    return np.divide(y, p, out=np.zeros_like(p), where=y != 0)


# Parameters of losses: the threshold t, the quantile q, the power r.
LOSSES = {
    "squared_error": (lambda y, p: (p - y) ** 2 / 2, lambda y, p: p - y),
    "binary_log_loss": (
        lambda y, p: -xlogy(y, p) - xlogy(1 - y, 1 - p),
        lambda y, p: -ratio(y, p) + ratio(1 - y, 1 - p),
    ),
    "log_loss": (lambda y, p: -xlogy(y, p), lambda y, p: -ratio(y, p)),
    "poisson": (lambda y, p: xlogy(y, y / p) - y + p, lambda y, p: 1 - ratio(y, p)),
    "gamma": (lambda y, p: y / p - 1 - np.log(y / p), lambda y, p: (p - y) / p**2),
    "tweedie": (
        lambda y, p, r: (
            (y / (r - 1) + p / (2 - r)) * p ** (1 - r)
            - y ** (2 - r) / ((r - 1) * (2 - r))
        ),
        lambda y, p, r: (p - y) * p**-r,
    ),
    "absolute_error": (lambda y, p: np.abs(p - y), lambda y, p: np.sign(p - y)),
    "huber": (
        lambda y, p, t: (
            np.abs(p - y).clip(t) * t + (p - y).clip(-t, t) ** 2 / 2 - t * t
        ),
        lambda y, p, t: (p - y).clip(-t, t),
    ),
    "quantile": (
        lambda y, p, q: np.maximum((1 - q) * (p - y), q * (y - p)),
        lambda y, p, q: np.where(p > y, 1 - q, np.where(p < y, -q, 0)),
    ),
}

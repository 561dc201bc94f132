"""Compares the gradient that a user-defined loss returns with differences of it."""

import numpy as np

from pybackprop import _core
from pybackprop.inspection.gradients.comparison import ALLOWED, compare, factor_between
from pybackprop.inspection.gradients.richardson import (
    SHRINK,
    NumericDerivatives,
    extrapolated,
    first_step,
)

# More steps than for parameters: evaluations are cheap here, and the scale of a loss in
# its predictions is unknown.
_N_STEPS = 8
_MAX_COLUMNS = 20
_SAME = 1e-9
# Largest rounding error of a step that is used, relative to the step.
_LARGEST_ROUNDING = 1e-3
_AT_END = "the prediction is at the end of its range"


def dtype_of_values(loss, y, y_pred):
    """Return 'float32' for a loss whose values have fewer digits than float64."""
    values, _ = loss(y.copy(), y_pred.copy())
    kinds = np.asarray(values).dtype, np.float32
    return "float32" if np.result_type(*kinds) == np.float32 else "float64"


def check_custom_loss(loss, y, y_pred, dtype, output_activation):
    """Compare ``dloss_dy_pred`` element by element, as a `TensorCheck`.

    Parameters
    ----------
    loss : callable
        The core has accepted its results before, so shapes and types are right.
    y, y_pred : ndarray of shape (n_samples, n_outputs), float64
    dtype : str
        Precision of its values.
    output_activation : str
        Predictions stay in its range.
    """
    values, analytic = _evaluate(loss, y, y_pred)
    eps = float(np.finfo(dtype).eps)
    n_outputs = y.shape[1]
    columns = np.linspace(0, n_outputs - 1, min(n_outputs, _MAX_COLUMNS)).astype(int)
    distance = _distance_to_ends(y_pred, output_activation)
    numeric = [_derivatives(loss, y, y_pred, values, eps, distance, k) for k in columns]
    places = np.arange(y.size).reshape(y.shape)[:, columns].T.ravel()

    def explain(a, n):
        complete = len(a) == y.size
        return _explained(a, n, y.shape, analytic, complete)

    check = compare(
        "dloss_dy_pred",
        y.shape,
        places,
        analytic[:, columns].T.ravel(),
        NumericDerivatives.joined(numeric),
        ALLOWED[dtype],
        explain,
    )
    alone, _ = _evaluate(loss, y[:1], y_pred[:1])
    with np.errstate(invalid="ignore"):
        if np.abs(alone[0] - values[0]) > max(_SAME, 8 * eps) * np.abs(values[0]):
            check.ok = False
            check.mistake = (
                "the value of a sample changes with the other samples of the call: "
                f"{values[0]:.4g} among {len(y)}, {alone[0]:.4g} alone"
            )
    return check


def _evaluate(loss, y, y_pred):
    """Return values and gradients; the loss may keep or change the arrays it gets."""
    values, gradients = loss(y.copy(), y_pred.copy())
    return np.array(values, dtype=np.float64), np.array(gradients, dtype=np.float64)


def _distance_to_ends(y_pred, output_activation):
    """Compute the distance of each prediction from the ends of the output's range."""
    record = _core.activations()[output_activation]
    below = y_pred - record["range_low"]
    return np.minimum(below, record["range_high"] - y_pred)


def _derivatives(loss, y, y_pred, values, eps, distance, column):
    """Differentiate the values of all samples along one output."""
    first = first_step(eps) * np.maximum(np.abs(y_pred[:, column]), 1)
    first = np.minimum(first, distance[:, column] / 2)
    best = NumericDerivatives.none(_AT_END, len(y))
    for k in range(_N_STEPS):
        h = first * SHRINK**k

        def moved(t, h=h):
            there = y_pred.copy()
            there[:, column] += t * h
            with np.errstate(all="ignore"):
                return _evaluate(loss, y, there)[0]

        sides = [moved(-1), moved(-0.5), values, moved(0.5), moved(1)]
        found = extrapolated(np.array(sides), h, eps)
        with np.errstate(all="ignore"):
            # The prediction plus the step is rounded, which changes the step.
            of_step = 2 * eps * np.abs(y_pred[:, column]) / h
            found.uncertainty += of_step * np.abs(found.value)
            found.uncertainty[~(of_step < _LARGEST_ROUNDING)] = np.inf
        best = best.or_if_better(found) if k else found
    best.reason[first <= 0] = _AT_END
    return best


def _explained(a, n, shape, gradients, complete):
    """Name the common mistake in a loss that would give these gradients, or None."""
    n_samples, n_outputs = shape
    factor = factor_between(a, n)
    if factor is not None and len(a) > 1:
        half = "one of the two has a factor of 2 that the other has not"
        guesses = (
            (2, half),
            (1 / 2, half),
            (1 / n_samples, "it is divided by the number of samples, as F will be"),
            (
                n_outputs,
                "values are a mean over outputs, gradients those of a sum",
            ),
            (
                1 / n_outputs,
                "values are a sum over outputs, gradients those of a mean",
            ),
        )
        fitting = [
            guess for of, guess in guesses if of != 1 and abs(factor / of - 1) < 1e-3
        ]
        if fitting:
            perhaps = ", or ".join(fitting)
            return f"it is {factor:.4g} times what it should be: perhaps {perhaps}"
    if complete and n_outputs > 1:
        numeric = n.reshape(shape[::-1]).T
        for sums, words in (
            (numeric.sum(axis=1, keepdims=True), "sum"),
            (numeric.mean(axis=1, keepdims=True), "mean"),
        ):
            if np.allclose(gradients, sums, rtol=1e-3, atol=1e-6 * np.abs(sums).max()):
                return (
                    f"each output has the {words} of the derivatives at all outputs, "
                    "instead of its own"
                )
    return None

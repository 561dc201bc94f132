"""A loss of the user's own, alone: its slopes at the predictions against its values."""

import numpy as np

from pybackprop import _core
from pybackprop.inspection.gradients.comparison import ALLOWED, compare, factor_between
from pybackprop.inspection.gradients.richardson import (
    SHRINK,
    Slopes,
    first_step,
    slopes_of,
)

# A prediction may be tiny beside its loss, or sharp: steps are cheap here.
_N_STEPS = 8
_MOST_COLUMNS = 20
_SAME = 1e-9
# Of a step.
_LARGEST_ROUNDING = 1e-3


def dtype_of_values(loss, y, y_pred):
    """'float32' of a loss that computes with fewer digits than float64 has."""
    values, _ = loss(y.copy(), y_pred.copy())
    kinds = np.asarray(values).dtype, np.float32
    return "float32" if np.result_type(*kinds) == np.float32 else "float64"


def check_own_loss(loss, y, y_pred, dtype, output_activation):
    """A `TensorCheck` of ``dloss_dy_pred``, element by element.

    Parameters
    ----------
    loss : callable
        Whose results have been taken by the core before: shapes and types are right.
    y, y_pred : ndarray of shape (n_samples, n_outputs), float64
    dtype : str
        Of its values.
    output_activation : str
        In whose range predictions have to stay.
    """
    values, analytic = _asked(loss, y, y_pred)
    eps = float(np.finfo(dtype).eps)
    n_outputs = y.shape[1]
    columns = np.linspace(0, n_outputs - 1, min(n_outputs, _MOST_COLUMNS)).astype(int)
    room = _room(y_pred, output_activation)
    slopes = [_slopes_in(loss, y, y_pred, values, eps, room, k) for k in columns]
    places = np.arange(y.size).reshape(y.shape)[:, columns].T.ravel()

    def explain(a, n):
        complete = len(a) == y.size
        return _explained(a, n, y.shape, analytic, complete)

    check = compare(
        "dloss_dy_pred",
        y.shape,
        places,
        analytic[:, columns].T.ravel(),
        Slopes.joined(slopes),
        ALLOWED[dtype],
        explain,
    )
    alone, _ = _asked(loss, y[:1], y_pred[:1])
    with np.errstate(invalid="ignore"):
        if np.abs(alone[0] - values[0]) > max(_SAME, 8 * eps) * np.abs(values[0]):
            check.ok = False
            check.mistake = (
                "the value of a sample changes with the other samples of the call: "
                f"{values[0]:.4g} among {len(y)}, {alone[0]:.4g} alone"
            )
    return check


def _asked(loss, y, y_pred):
    """Values and slopes; the loss gets arrays that it may keep and change."""
    values, slopes = loss(y.copy(), y_pred.copy())
    return np.array(values, dtype=np.float64), np.array(slopes, dtype=np.float64)


def _room(y_pred, output_activation):
    """How far each prediction may go and stay in the output's range."""
    record = _core.activations()[output_activation]
    below = y_pred - record["range_low"]
    return np.minimum(below, record["range_high"] - y_pred)


def _slopes_in(loss, y, y_pred, values, eps, room, column):
    """Slopes of the values of all samples, rounded to eps, along one output."""
    first = first_step(eps) * np.maximum(np.abs(y_pred[:, column]), 1)
    first = np.minimum(first, room[:, column] / 2)
    best = Slopes.none("the prediction is at the end of its range", len(y))
    for k in range(_N_STEPS):
        h = first * SHRINK**k

        def moved(t, h=h):
            there = y_pred.copy()
            there[:, column] += t * h
            with np.errstate(all="ignore"):
                return _asked(loss, y, there)[0]

        sides = [moved(-1), moved(-0.5), values, moved(0.5), moved(1)]
        found = slopes_of(np.array(sides), h, eps)
        with np.errstate(all="ignore"):
            # A prediction near 1 is rounded, and so is the step from it.
            of_step = 2 * eps * np.abs(y_pred[:, column]) / h
            found.uncertainty += of_step * np.abs(found.value)
            found.uncertainty[~(of_step < _LARGEST_ROUNDING)] = np.inf
        best = best.or_if_better(found) if k else found
    best.reason[first <= 0] = "the prediction is at the end of its range"
    return best


def _explained(a, n, shape, slopes, complete):
    """Mistakes that one makes with losses, by the name they would have."""
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
                "values are a mean over outputs, slopes those of a sum",
            ),
            (
                1 / n_outputs,
                "values are a sum over outputs, slopes those of a mean",
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
            if np.allclose(slopes, sums, rtol=1e-3, atol=1e-6 * np.abs(sums).max()):
                return (
                    f"each output has the {words} over all outputs; its slope is its "
                    "own alone"
                )
    return None

"""Computes numeric derivatives by Richardson extrapolation, with error estimates.

A difference over a step h has a truncation error, which grows with h, and a rounding
error, which grows as h shrinks.  Richardson's extrapolation of the central differences
over h and h / 2 has a truncation error of order h**4, so that the best step is about
eps**(1/5) instead of eps**(1/3) (Nocedal and Wright, Numerical Optimization, 8.1; Press
et al., Numerical Recipes, 5.7).  Where the two differences disagree, or the derivatives
from the left and from the right do, smaller steps are tried, and the derivative whose
error estimate is smallest is taken.  Beside a kink, a small enough step does not reach
it; on a kink every estimate is large, and the reason says so.

``check_gradients`` uses this module, because it must not call a gradient wrong when the
difference is.  ``formulations`` shows plain central differences, of ``central.py``.
"""

from dataclasses import dataclass

import numpy as np

from pybackprop import _core
from pybackprop._threads import default_n_threads

EPS = np.finfo(np.float64).eps
# The unit is the step that moves a pre-activation, or a prediction, by 1.
FIRST_STEP = EPS ** (1 / 5)
N_STEPS = 4
SHRINK = 1 / 16
# No smaller step is tried below this error estimate, relative to the derivative itself
# or to the largest one of its tensor.
_CERTAIN = 1e-7
_CERTAIN_BESIDE_LARGEST = 1e-8

ACTIVATION_KINK = "the step crosses a kink of an activation"
LOSS_KINK = "the derivatives from left and right differ: a kink of the loss"
ROUNDING = "too small beside the loss: the difference is rounding"
NOT_FINITE = "the loss is not finite here"


@dataclass
class NumericDerivatives:
    """Numeric derivatives with error estimates, as arrays of one shape or as numbers.

    Attributes
    ----------
    value : ndarray
    uncertainty : ndarray
        Estimated absolute error of the value; infinite where there is no value.
    reason : ndarray of object
        The largest source of the error.
    """

    value: np.ndarray
    uncertainty: np.ndarray
    reason: np.ndarray

    @classmethod
    def none(cls, reason, shape=()):
        return cls(np.zeros(shape), np.full(shape, np.inf), np.full(shape, reason))

    @classmethod
    def joined(cls, parts):
        """Join several of numbers or of vectors into one vector."""
        names = ("value", "uncertainty", "reason")
        return cls(
            *(
                np.concatenate([np.ravel(getattr(part, name)) for part in parts])
                for name in names
            )
        )

    def or_if_better(self, other):
        """Take the smaller error estimate, element by element; ``other`` if equal."""
        better = other.uncertainty <= self.uncertainty
        names = ("value", "uncertainty", "reason")
        pairs = ((getattr(other, name), getattr(self, name)) for name in names)
        return NumericDerivatives(*(np.where(better, new, old) for new, old in pairs))


def first_step(eps):
    """Return ``FIRST_STEP`` for values of another relative rounding error."""
    return FIRST_STEP * (eps / EPS) ** (1 / 5)


def extrapolated(values, h, eps=EPS):
    """Extrapolate the derivatives at 0 from values at -h, -h / 2, 0, h / 2 and h.

    ``eps`` is the relative rounding error of the values.
    """
    with np.errstate(all="ignore"):
        below, half_below, here, half_above, above = values
        wide, narrow = (above - below) / (2 * h), (half_above - half_below) / h
        # The derivative from the right less that from the left is proportional to h
        # where the function is smooth, and does not depend on h at a kink.
        wide_bend = (above - 2 * here + below) / h
        narrow_bend = (half_above - 2 * here + half_below) / (h / 2)
        kink = np.abs(wide_bend - 2 * narrow_bend)
        rounding = 8 * eps * np.max(np.abs(values), axis=0) / h
        uncertainty = np.abs(wide - narrow) + kink + rounding
        value = (4 * narrow - wide) / 3
    is_finite = np.isfinite(values).all(axis=0) & np.isfinite(uncertainty)
    reason = np.where(kink > 10 * rounding, LOSS_KINK, ROUNDING)
    return NumericDerivatives(
        np.where(is_finite, value, 0),
        np.where(is_finite, uncertainty, np.inf),
        np.where(is_finite, reason, NOT_FINITE),
    )


def steps_from(first, has_kinks=False):
    """Return the steps to try in turn, from the largest down.

    Where activations have kinks, the largest step is left out, since it would cross one
    at most parameters.
    """
    return [first * SHRINK**k for k in range(has_kinks, N_STEPS)]


class DirectionalObjective:
    """Differentiates the objective of a float64 network along parameter directions.

    Parameters
    ----------
    network : Network of float64
        Its parameters are copied.
    core : _core.Network
        The network's core object, or one that is the same without penalty.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features), float64
    y : ndarray of shape (n_samples, n_outputs), float64
    sample_weight : ndarray of shape (n_samples,) or None
    kinks : list of tuple of float
        Kinks of each layer's activation.
    margins : list of float
        For each layer, the distance from a kink within which a pre-activation counts
        as lying on it.
    eps : float
        Relative rounding error of the loss's values.
    """

    def __init__(
        self, network, core, X, y, sample_weight, kinks=(), margins=(), eps=EPS
    ):
        self._eps = eps
        self._core = core
        self._parameters = network.parameters.copy()
        self._samples = _core.Samples(X, np.float64)
        self._data = (self._samples, _core.Targets(y, np.float64), sample_weight)
        self._kinks = [
            (layer, place, margin)
            for layer, (places, margin) in enumerate(zip(kinks, margins, strict=True))
            for place in places
        ]
        with_kinks = {layer for layer, *_ in self._kinks}
        widths = network.layer_sizes[1:]
        self.has_kinks = bool(self._kinks)
        self._z, self._traces = [], []
        for _ in range(2):
            self._z.append(
                [
                    np.empty((X.shape[0], width)) if layer in with_kinks else None
                    for layer, width in enumerate(widths)
                ]
            )
            z = {"z": self._z[-1]} if with_kinks else {}
            self._traces.append(_core.Trace(core, X.shape[0], z))
        self._threads = default_n_threads()
        self._workspace = _core.objective_workspace(core, X.shape[0], self._threads)
        self._here = self._value(self._traces[0])

    def _value(self, trace):
        return self._core.objective(
            self._parameters, *self._data, None, trace, self._threads, self._workspace
        )

    def derivative(self, where, direction, steps, largest=0.0):
        """Differentiate along a direction of the parameters at an index.

        Parameters
        ----------
        where : int or slice
        direction : float or ndarray
        steps : iterable of float
        largest : float
            Largest derivative so far of the same tensor.

        Returns
        -------
        NumericDerivatives
        """
        enough = _CERTAIN_BESIDE_LARGEST * largest
        best = None
        for h in steps:
            below, above = self._both_sides(where, direction, h)
            if self._crosses_kink():
                found = NumericDerivatives.none(ACTIVATION_KINK)
            else:
                half_below, half_above = self._both_sides(where, direction, h / 2)
                values = [below, half_below, self._here, half_above, above]
                found = extrapolated(np.array(values), h, self._eps)
            best = found if best is None else best.or_if_better(found)
            if best.uncertainty <= max(_CERTAIN * np.abs(best.value), enough):
                break
        return best

    def _both_sides(self, where, direction, h):
        before = self._parameters[where] + 0  # copies a number or an array
        values = []
        for side, trace in zip((-h, h), self._traces, strict=True):
            self._parameters[where] = before + side * direction
            values.append(self._value(trace))
        self._parameters[where] = before
        return values

    def _crosses_kink(self):
        """Tell whether a pre-activation passes or meets a kink between both sides."""
        for layer, place, margin in self._kinks:
            below, above = (z[layer] for z in self._z)
            low, high = np.minimum(below, above), np.maximum(below, above)
            meets = (low - margin <= place) & (place <= high + margin)
            if (meets & (below != above)).any():
                return True
        return False

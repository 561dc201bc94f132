"""Slopes by differences, each with what it can be relied on for.

A difference over a step h has two faults: it bends with the function (truncation, which
grows with h) and it drowns in rounding (which grows as h shrinks).  Here each slope is
Richardson's extrapolation of the central differences over h and h / 2, whose truncation
goes with h**4, so that the best step is about eps**(1/5) instead of eps**(1/3) (Nocedal
and Wright, Numerical Optimization, 8.1; Press et al., Numerical Recipes, 5.7).  Where
the two disagree, or the slopes on both sides do, smaller steps are tried, and the most
certain slope is taken: at a kink that lies beside the point this steps short of it, and
at one that lies on the point none is certain, which is then said.
"""

from dataclasses import dataclass

import numpy as np

from pybackprop import _core
from pybackprop._threads import default_n_threads

EPS = np.finfo(np.float64).eps
# In units of what moves a pre-activation, or a prediction, by 1.
FIRST_STEP = EPS ** (1 / 5)
N_STEPS = 4
SHRINK = 1 / 16
# A slope needs no smaller step, if it is as certain as this, relative to itself or to
# the largest of its tensor.
_CERTAIN = 1e-7
_CERTAIN_BESIDE_LARGEST = 1e-8

ACTIVATION_KINK = "the step crosses a kink of an activation"
LOSS_KINK = "the slopes on both sides differ: a kink of the loss"
ROUNDING = "too small beside the loss: the difference is rounding"
NOT_FINITE = "the loss is not finite here"


@dataclass
class Slopes:
    """Slopes by differences, as arrays of one shape or as numbers.

    Attributes
    ----------
    value : ndarray
    uncertainty : ndarray
        How far off the value may be; infinite where there is none.
    reason : ndarray of object
        What makes it uncertain.
    """

    value: np.ndarray
    uncertainty: np.ndarray
    reason: np.ndarray

    @classmethod
    def none(cls, reason, shape=()):
        return cls(np.zeros(shape), np.full(shape, np.inf), np.full(shape, reason))

    @classmethod
    def joined(cls, slopes):
        """Many of numbers, or of vectors, as one vector."""
        names = ("value", "uncertainty", "reason")
        return cls(
            *(
                np.concatenate([np.ravel(getattr(slope, name)) for slope in slopes])
                for name in names
            )
        )

    def or_if_better(self, other):
        """Of two, the more certain, element by element; of equals the other."""
        better = other.uncertainty <= self.uncertainty
        names = ("value", "uncertainty", "reason")
        pairs = ((getattr(other, name), getattr(self, name)) for name in names)
        return Slopes(*(np.where(better, new, old) for new, old in pairs))


def first_step(eps):
    """``FIRST_STEP`` for values of another relative rounding."""
    return FIRST_STEP * (eps / EPS) ** (1 / 5)


def slopes_of(values, h, eps=EPS):
    """Slopes at the middle of five values, at -h, -h / 2, 0, h / 2 and h.

    ``eps`` is the relative rounding of the values.
    """
    with np.errstate(all="ignore"):
        below, half_below, here, half_above, above = values
        wide, narrow = (above - below) / (2 * h), (half_above - half_below) / h
        # The slope to the right less that to the left: of a smooth function it goes
        # down with h, of a kink it does not.
        wide_bend = (above - 2 * here + below) / h
        narrow_bend = (half_above - 2 * here + half_below) / (h / 2)
        kink = np.abs(wide_bend - 2 * narrow_bend)
        rounding = 8 * eps * np.max(np.abs(values), axis=0) / h
        uncertainty = np.abs(wide - narrow) + kink + rounding
        value = (4 * narrow - wide) / 3
    is_finite = np.isfinite(values).all(axis=0) & np.isfinite(uncertainty)
    reason = np.where(kink > 10 * rounding, LOSS_KINK, ROUNDING)
    return Slopes(
        np.where(is_finite, value, 0),
        np.where(is_finite, uncertainty, np.inf),
        np.where(is_finite, reason, NOT_FINITE),
    )


def steps_from(first, has_kinks=False):
    """The steps to try in turn, from the first down.

    Among kinks the first of them would mostly cross one.
    """
    return [first * SHRINK**k for k in range(has_kinks, N_STEPS)]


class ObjectiveAlong:
    """The objective of a network in double, along directions of its parameters.

    Parameters
    ----------
    network : Network of float64
        Its parameters are copied.
    core : _core.Network
        Whose objective it is: of the network, with or without its penalty.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features), float64
    y : ndarray of shape (n_samples, n_outputs), float64
    sample_weight : ndarray of shape (n_samples,) or None
    kinks : list of tuple of float
        Of each layer's activation.
    margins : list of float
        How near to a kink is upon it, a layer.
    eps : float
        Relative rounding of the loss's values.
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

    def slope(self, where, direction, steps, largest=0.0):
        """The slope along a direction of the parameters at an index, as `Slopes`.

        Parameters
        ----------
        where : int or slice
        direction : float or ndarray
        steps : iterable of float
        largest : float
            Of the slopes that this one is seen beside.
        """
        enough = _CERTAIN_BESIDE_LARGEST * largest
        best = None
        for h in steps:
            below, above = self._both_sides(where, direction, h)
            if self._crosses_kink():
                found = Slopes.none(ACTIVATION_KINK)
            else:
                half_below, half_above = self._both_sides(where, direction, h / 2)
                values = [below, half_below, self._here, half_above, above]
                found = slopes_of(np.array(values), h, self._eps)
            best = found if best is None else best.or_if_better(found)
            if best.uncertainty <= max(_CERTAIN * np.abs(best.value), enough):
                break
        return best

    def _both_sides(self, where, direction, h):
        before = self._parameters[where] + 0  # a copy, of a number or an array
        values = []
        for side, trace in zip((-h, h), self._traces, strict=True):
            self._parameters[where] = before + side * direction
            values.append(self._value(trace))
        self._parameters[where] = before
        return values

    def _crosses_kink(self):
        """Whether between both sides a pre-activation passes, or meets, a kink."""
        for layer, place, margin in self._kinks:
            below, above = (z[layer] for z in self._z)
            low, high = np.minimum(below, above), np.maximum(below, above)
            meets = (low - margin <= place) & (place <= high + margin)
            if (meets & (below != above)).any():
                return True
        return False

"""Gradients held against differences, tensor by tensor: what agrees, and what does not.

A difference can only say what it can see.  An element whose difference is uncertain is
left out and counted, with the reason; what makes it uncertain is found in the loss's
values alone, so a wrong gradient cannot hide itself.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pybackprop.inspection.gradients.richardson import LOSS_KINK

# Relative differences that are allowed: in double about the square root of what a
# difference can see, in float32 some hundred roundings.
ALLOWED = {"float64": 1e-6, "float32": 1e-3}
# An element must be seen to one part in so many, of itself or of the largest.
_SEEN_OF_ITSELF = 1e-3
_SEEN_OF_LARGEST = 1e-5
# Two shapes are the same but for a factor, if so little is left.
_REST = 1e-3


@dataclass
class TensorCheck:
    """One tensor: its gradient by backpropagation and by differences.

    Attributes
    ----------
    name : str
    analytic, numeric : float
        Norms of both gradients, over the elements that are compared.
    relative_error : float
        Norm of their difference over the larger of the two.
    worst : tuple of int, str or None
        The element that is furthest off, of those compared; 'all at once' for the
        direction that stands for all elements of a tensor too large for each.
    worst_analytic, worst_numeric : float
        Its two numbers.
    n_elements, n_compared : int
        Of the tensor; those of them that are compared.
    skipped : dict of str to int
        Elements that were tried and have no valid difference, by reason.
    ok : bool or None
        Whether all that was compared agrees; None if there was nothing to compare.
    mistake : str
        What is wrong, in words; empty where nothing is.
    """

    name: str
    n_elements: int
    analytic: float = 0.0
    numeric: float = 0.0
    relative_error: float = 0.0
    worst: object = None
    worst_analytic: float = 0.0
    worst_numeric: float = 0.0
    n_compared: int = 0
    skipped: dict = field(default_factory=dict)
    ok: object = None
    mistake: str = ""


@np.errstate(over="ignore", invalid="ignore")
def compare(name, shape, places, analytic, slopes, allowed, explain=None):
    """A `TensorCheck` of some elements of a tensor.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Of the tensor.
    places : ndarray of int, shape (n,)
        The elements, by their numbers in the flat tensor; -1 is all at once.
    analytic : ndarray of shape (n,)
    slopes : Slopes of shape (n,)
    allowed : float
        Relative difference.
    explain : callable, default=None
        ``explain(analytic, numeric)`` of the elements compared says what more it
        knows of a mistake, or nothing.
    """
    numeric, uncertainty = slopes.value, slopes.uncertainty
    size = np.fmax(np.abs(analytic), np.abs(numeric))
    seen = uncertainty <= _SEEN_OF_ITSELF * size
    largest = np.max(np.abs(numeric[seen & (places >= 0)]), initial=0.0)
    # Nothing changes and nothing is claimed; at a kink, sides that differ may cancel.
    both_zero = (analytic == 0) & (numeric == 0) & np.isfinite(uncertainty)
    both_zero &= slopes.reason != LOSS_KINK
    seen |= (uncertainty <= _SEEN_OF_LARGEST * largest) | both_zero
    of_elements = places >= 0
    check = TensorCheck(
        name,
        n_elements=int(np.prod(shape)),
        n_compared=int(np.count_nonzero(seen & of_elements)),
        skipped=dict(Counter(slopes.reason[~seen & of_elements].tolist())),
    )
    if not seen.any():
        return check
    places, a, n = places[seen], analytic[seen], numeric[seen]
    room = allowed * np.maximum(size[seen], largest / 10) + 2 * uncertainty[seen]
    room = np.where((a == 0) & (n == 0), np.inf, room)
    off = np.abs(a - n)
    agrees = np.isfinite(a) & (off <= room)
    share = np.where(np.isfinite(off), off / room, np.inf)
    check.ok = bool(agrees.all())
    worst = int(np.argmax(share))
    check.worst = _place_in_words(places[worst], shape)
    check.worst_analytic, check.worst_numeric = float(a[worst]), float(n[worst])
    elements = places >= 0
    a, n, agrees = a[elements], n[elements], agrees[elements]
    check.analytic, check.numeric = _norm(a), _norm(n)
    check.relative_error = _relative(_norm(a - n), max(check.analytic, check.numeric))
    if not check.ok:
        known = explain(a, n) if explain is not None else None
        check.mistake = known or _in_words(shape, places[elements], a, n, agrees)
    return check


def _norm(values):
    return float(np.sqrt(np.sum(np.square(values))))


def _relative(part, whole):
    return part / whole if whole else 0.0


def _place_in_words(place, shape):
    if place < 0:
        return "all at once"
    return tuple(int(i) for i in np.unravel_index(place, shape))


def factor_between(analytic, numeric):
    """c, if the one is c times the other in every element; or None."""
    if not np.isfinite(analytic).all():
        return None
    length = np.dot(numeric, numeric)
    if length == 0:
        return None
    factor = np.dot(analytic, numeric) / length
    rest = np.linalg.norm(analytic - factor * numeric)
    return factor if rest <= _REST * np.linalg.norm(analytic) else None


def _in_words(shape, places, analytic, numeric, agrees):
    """What is wrong with a tensor that does not agree, as far as a pattern shows."""
    if not np.isfinite(analytic).all():
        n_bad = np.count_nonzero(~np.isfinite(analytic))
        return f"{n_bad} of {len(analytic)} elements are not finite"
    if not analytic.any():
        return "it is zero, and the loss does change"
    factor = factor_between(analytic, numeric)
    if factor is not None and len(places) > 1:
        if abs(factor + 1) < _REST:
            return "its sign is the opposite"
        if abs(factor - 1) > _REST:
            return f"it is {factor:.4g} times what it should be"
    if agrees.all():
        return "outside of the elements compared one by one"
    if len(shape) == 2:
        rows, columns = np.unravel_index(places, shape)
        for axis, index in (("column", columns), ("row", rows)):
            wrong = sorted({int(i) for i in index[~agrees]})
            if len(wrong) <= 3 and len(wrong) < shape[axis == "column"]:
                s = "s" if len(wrong) > 1 else ""
                return f"wrong in {axis}{s} {', '.join(map(str, wrong))}"
    return f"{np.count_nonzero(~agrees)} of {len(agrees)} elements differ"

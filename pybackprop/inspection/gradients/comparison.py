"""Compares one tensor of a gradient with numeric derivatives, and words the result.

An element whose numeric derivative is uncertain is skipped and counted, with a reason.
The uncertainty comes from values of the loss alone, so that a wrong gradient cannot
cause an element to be skipped.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pybackprop.inspection.gradients.richardson import LOSS_KINK

# Largest relative difference allowed: in float64 far above the error of a numeric
# derivative, in float32 about 10,000 times the unit roundoff.
ALLOWED = {"float64": 1e-6, "float32": 1e-3}
# An element is compared where the uncertainty is at most this share of the element, or
# of the largest one.
_CERTAIN_OF_ITSELF = 1e-3
_CERTAIN_OF_LARGEST = 1e-5
# Two tensors are proportional, if the relative residual is at most this.
_RESIDUAL = 1e-3


@dataclass
class TensorCheck:
    """The gradient at one tensor by backpropagation and by differences.

    Attributes
    ----------
    name : str
    analytic, numeric : float
        Norms of both gradients, over the elements that are compared.
    relative_error : float
        Norm of their difference over the larger of the two.
    worst : tuple of int, str or None
        The compared element with the largest deviation; 'all at once' for the
        direction of all elements together, in a tensor too large to compare each.
    worst_analytic, worst_numeric : float
        The two derivatives there.
    n_elements, n_compared : int
        Number of elements of the tensor, and of those that are compared.
    skipped : dict of str to int
        Number of elements that were tried and have no valid difference, by reason.
    ok : bool or None
        Whether all that was compared agrees; None if there was nothing to compare.
    mistake : str
        Description of what is wrong; empty if nothing is.
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
def compare(name, shape, places, analytic, derivatives, allowed, explain=None):
    """Compare some elements of a tensor, as a `TensorCheck`.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Shape of the tensor.
    places : ndarray of int, shape (n,)
        Indices of the elements in the flat tensor; -1 stands for all at once.
    analytic : ndarray of shape (n,)
    derivatives : NumericDerivatives of shape (n,)
    allowed : float
        Largest relative difference allowed.
    explain : callable, default=None
        ``explain(analytic, numeric)`` of the elements compared describes a mistake
        that it recognizes, or returns None.
    """
    numeric, uncertainty = derivatives.value, derivatives.uncertainty
    size = np.fmax(np.abs(analytic), np.abs(numeric))
    certain = uncertainty <= _CERTAIN_OF_ITSELF * size
    largest = np.max(np.abs(numeric[certain & (places >= 0)]), initial=0.0)
    # Two zeros agree. But at a kink, derivatives from both sides may cancel to zero.
    both_zero = (analytic == 0) & (numeric == 0) & np.isfinite(uncertainty)
    both_zero &= derivatives.reason != LOSS_KINK
    certain |= (uncertainty <= _CERTAIN_OF_LARGEST * largest) | both_zero
    of_elements = places >= 0
    check = TensorCheck(
        name,
        n_elements=int(np.prod(shape)),
        n_compared=int(np.count_nonzero(certain & of_elements)),
        skipped=dict(Counter(derivatives.reason[~certain & of_elements].tolist())),
    )
    if not certain.any():
        return check
    places, a, n = places[certain], analytic[certain], numeric[certain]
    tolerance = (
        allowed * np.maximum(size[certain], largest / 10) + 2 * uncertainty[certain]
    )
    tolerance = np.where((a == 0) & (n == 0), np.inf, tolerance)
    off = np.abs(a - n)
    agrees = np.isfinite(a) & (off <= tolerance)
    share = np.where(np.isfinite(off), off / tolerance, np.inf)
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
    """Return c, if analytic is c times numeric in every element; else None."""
    if not np.isfinite(analytic).all():
        return None
    length = np.dot(numeric, numeric)
    if length == 0:
        return None
    factor = np.dot(analytic, numeric) / length
    residual = np.linalg.norm(analytic - factor * numeric)
    return factor if residual <= _RESIDUAL * np.linalg.norm(analytic) else None


def _in_words(shape, places, analytic, numeric, agrees):
    """Describe the pattern of the elements that do not agree."""
    if not np.isfinite(analytic).all():
        n_bad = np.count_nonzero(~np.isfinite(analytic))
        return f"{n_bad} of {len(analytic)} elements are not finite"
    if not analytic.any():
        return "it is zero, but the loss changes"
    factor = factor_between(analytic, numeric)
    if factor is not None and len(places) > 1:
        if abs(factor + 1) < _RESIDUAL:
            return "its sign is the opposite"
        if abs(factor - 1) > _RESIDUAL:
            return f"it is {factor:.4g} times what it should be"
    if agrees.all():
        return "wrong outside of the elements compared one by one"
    if len(shape) == 2:
        rows, columns = np.unravel_index(places, shape)
        for axis, index in (("column", columns), ("row", rows)):
            wrong = sorted({int(i) for i in index[~agrees]})
            if len(wrong) <= 3 and len(wrong) < shape[axis == "column"]:
                s = "s" if len(wrong) > 1 else ""
                return f"wrong in {axis}{s} {', '.join(map(str, wrong))}"
    return f"{np.count_nonzero(~agrees)} of {len(agrees)} elements differ"

"""Checks sample weights."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array

from pybackprop._data.numeric import argument_named, require_numbers


def check_sample_weight(
    sample_weight, n_samples, name="sample_weight", *, may_be_zero=False
):
    """Return sample weights as a float64 vector, or None.

    Parameters
    ----------
    sample_weight : None, float or array-like of shape (n_samples,)
        Weights >= 0, not all of them 0.  A row whose weight is 0 takes no part.
    n_samples : int
    name : str
        Of the argument, for messages.
    may_be_zero : bool
        Whether they may all be 0, as in one batch of many.

    Returns
    -------
    ndarray of shape (n_samples,) or None
    """
    if sample_weight is None:
        return None
    require_numbers(sample_weight, name)
    with argument_named(name):
        if isinstance(sample_weight, Real):
            weights = np.full(n_samples, sample_weight, dtype=np.float64)
        else:
            weights = check_array(
                sample_weight,
                ensure_2d=False,
                allow_nd=True,
                dtype=np.float64,
                order="C",
                ensure_min_samples=0,
                input_name=name,
            )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"{name} must have the shape ({n_samples},), one weight per sample. "
            f"Got the shape {weights.shape}."
        )
    require_total_weight(weights, name, may_be_zero)
    return np.require(weights, requirements="A")


def require_total_weight(weights, name, may_be_zero=False):
    """Raise ValueError unless weights are >= 0 and have a positive, finite sum.

    With ``may_be_zero`` a sum of 0 is allowed.
    """
    # Minimum and maximum keep a NaN and need no temporary array.
    smallest, largest = weights.min(initial=0), weights.max(initial=0)
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise ValueError(f"{name} must be finite. Got NaN or infinity.")
    if smallest < 0:
        raise ValueError(
            f"{name} must be >= 0: a negative weight would reward the loss. "
            f"Got {smallest}."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if total == 0 and not may_be_zero:
        raise ValueError(f"{name} must not be zero for all samples.")
    if total == np.inf:
        raise ValueError(f"{name} must have a finite sum. Got weights up to {largest}.")

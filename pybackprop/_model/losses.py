"""Which loss and which output activation an estimator's parameters stand for.

A loss is a row of the core's list or a callable.  The row's record names its parameter
and says which predictions it is defined for; the record of an activation, which
predictions it can give.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from pybackprop import _core


@dataclass(frozen=True)
class Loss:
    """A loss as a network takes it, and as the user has named it.

    Attributes
    ----------
    row : str or callable
    parameter : float or None
    words : str
        What messages call it.
    """

    row: object
    parameter: object
    words: str

    @classmethod
    def of(cls, model, dtype):
        """The loss of an estimator whose parameters keep their rules.

        The names of parameters are those of the core's records.
        """
        row = model.loss
        record = _record(row)
        if record is None or record["parameter"] is None:
            return cls(row, None, repr(row))
        name = record["parameter"]
        value = getattr(model, name)
        if value is None:
            low, high = record["parameter_low"], record["parameter_high"]
            raise ValueError(
                f"loss={row!r} needs {name}: set it to a float in the range "
                f"[{low:g}, {high:g}]. Got {name}=None."
            )
        words = f"{row!r} with {name}={value!r}"
        limits = {
            record["parameter_low"]: record["loss_at_low"],
            record["parameter_high"]: record["loss_at_high"],
        }
        limit = limits.get(float(_rounded(value, dtype)))
        if limit is not None:
            return cls(limit, None, words)
        return cls(row, check_loss_parameter(row, value, dtype, name), words)

    @property
    def default_output(self):
        """Name of the output activation, where none is asked for."""
        record = _record(self.row)
        return "identity" if record is None else record["default_output"]

    @property
    def functions(self):
        """Keyword arguments of ``Network``."""
        return {"loss": self.row, "loss_parameter": self.parameter}


def parameters_for(row, parameter):
    """The parameters of an estimator that name a row of the list, as a dict."""
    record = _record(row)
    if record is None or record["parameter"] is None:
        return {"loss": row}
    return {"loss": row, record["parameter"]: parameter}


def _record(row):
    return None if callable(row) else _core.losses()[row]


def check_loss_parameter(row, value, dtype, name="loss_parameter"):
    """The parameter of a loss as a float, or None where it has none.

    Raises ValueError where it is missing, is not wanted, or lies outside its range
    once it is rounded to the network's data type.
    """
    record = _record(row)
    if record is None or record["parameter"] is None:
        if value is not None:
            raise ValueError(f"loss={row!r} has no parameter. Got {name}={value!r}.")
        return None
    low, high = record["parameter_low"], record["parameter_high"]
    ends_belong = record["parameter_ends_belong"]
    rounded = _rounded(value, dtype) if isinstance(value, Real) else np.nan
    inside = low <= rounded <= high if ends_belong else low < rounded < high
    if not inside:
        raise ValueError(
            f"{name} must be a {np.dtype(dtype)} in the range "
            f"{_interval(low, high, ends_belong, ends_belong)}, the "
            f"{record['parameter']} of loss={row!r}. Got {value!r}."
        )
    return float(value)


def _rounded(value, dtype):
    """Round a number to a network's data type, as the core will see it."""
    with np.errstate(over="ignore", under="ignore"):
        return np.dtype(dtype).type(value)


def _interval(low, high, low_belongs, high_belongs):
    left = "[" if low_belongs and np.isfinite(low) else "("
    right = "]" if high_belongs and np.isfinite(high) else ")"
    return f"{left}{low:g}, {high:g}{right}"


def _range_of(activation):
    record = _core.activations()[activation]
    fields = ("range_low", "range_high", "low_attained", "high_attained")
    return tuple(record[field] for field in fields)


def _stays_within(activation, low, high, ends_belong):
    range_low, range_high, low_attained, high_attained = _range_of(activation)
    above = range_low > low or (range_low == low and (ends_belong or not low_attained))
    below = range_high < high or (
        range_high == high and (ends_belong or not high_attained)
    )
    return above and below


def gives_probabilities(activation):
    """Whether all values of an activation lie between 0 and 1."""
    return _stays_within(activation, 0, 1, ends_belong=True)


def check_output(row, activation, words):
    """Raise ValueError for an output activation whose values the loss may not take.

    Parameters
    ----------
    row : str or callable
        The loss. What a callable takes is its own affair.
    activation : str
    words : str
        What to call the loss.
    """
    record = _record(row)
    if record is None:
        return
    low, high = record["prediction_low"], record["prediction_high"]
    ends_belong = record["prediction_ends_belong"]
    if not _stays_within(activation, low, high, ends_belong):
        suitable = [
            name
            for name, output in _core.activations().items()
            if output["output"] and _stays_within(name, low, high, ends_belong)
        ]
        raise ValueError(
            f"output_activation={activation!r} gives values in "
            f"{_interval(*_range_of(activation))}, but predictions must lie in "
            f"{_interval(low, high, ends_belong, ends_belong)} for the loss {words}: "
            f"choose 'auto' or one of {suitable}, or another loss."
        )

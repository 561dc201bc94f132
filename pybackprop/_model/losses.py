"""Finds the loss and the output activation that an estimator's parameters ask for.

A loss is a name from the core's list or a callable.  The record of a loss names its
parameter and the predictions it is defined for; the record of an activation, the
predictions it can give.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from pybackprop import _core


@dataclass(frozen=True)
class Loss:
    """A loss in the form that a network takes, with a description for messages.

    Attributes
    ----------
    name : str or callable
        From the core's list of losses, or the user's own.
    parameter : float or None
    description : str
        What messages call it.
    """

    name: object
    parameter: object
    description: str

    @classmethod
    def from_params(cls, params, dtype):
        """Return the loss of a regressor's parameters, which have been validated.

        The names of the parameters are those of the core's records.
        """
        loss = params.loss
        record = _record(loss)
        if record is None or record["parameter"] is None:
            return cls(loss, None, repr(loss))
        name = record["parameter"]
        value = getattr(params, name)
        if value is None:
            low, high = record["parameter_low"], record["parameter_high"]
            raise ValueError(
                f"loss={loss!r} needs {name}: set it to a float in the range "
                f"[{low:g}, {high:g}]. Got {name}=None."
            )
        description = f"{loss!r} with {name}={value!r}"
        # At a bound of the parameter's range another loss may replace this one.
        limits = {
            record["parameter_low"]: record["loss_at_low"],
            record["parameter_high"]: record["loss_at_high"],
        }
        limit = limits.get(float(_rounded(value, dtype)))
        if limit is not None:
            return cls(limit, None, description)
        parameter = check_loss_parameter(loss, value, dtype, name)
        return cls(loss, parameter, description)

    @property
    def default_output(self):
        """Name of the output activation, where none is asked for."""
        record = _record(self.name)
        return "identity" if record is None else record["default_output"]

    @property
    def functions(self):
        """Keyword arguments of ``Network``."""
        return {"loss": self.name, "loss_parameter": self.parameter}


def loss_params(loss, parameter):
    """Return the parameters of an estimator that ask for a loss of the core."""
    record = _record(loss)
    if record is None or record["parameter"] is None:
        return {"loss": loss}
    return {"loss": loss, record["parameter"]: parameter}


def elementwise_form(loss):
    """Return the loss that replaces one where each output is a probability, or None."""
    record = _record(loss)
    return None if record is None else record["elementwise_form"]


def offered_name(loss):
    """Return the name by which the estimators offer a loss or its elementwise form."""
    for name, record in _core.losses().items():
        if record["elementwise_form"] == loss:
            return name
    return loss


def _record(loss):
    return None if callable(loss) else _core.losses()[loss]


def check_loss_parameter(loss, value, dtype, name="loss_parameter"):
    """Return the parameter of a loss as a float; None if the loss has none.

    Raises ValueError where it is missing, is not wanted, or lies outside its range
    once it is rounded to the network's data type.
    """
    record = _record(loss)
    if record is None or record["parameter"] is None:
        if value is not None:
            raise ValueError(f"loss={loss!r} has no parameter. Got {name}={value!r}.")
        return None
    low, high = record["parameter_low"], record["parameter_high"]
    ends_belong = record["parameter_ends_belong"]
    rounded = _rounded(value, dtype) if isinstance(value, Real) else np.nan
    inside = low <= rounded <= high if ends_belong else low < rounded < high
    if not inside:
        raise ValueError(
            f"{name} must be a {np.dtype(dtype)} in the range "
            f"{_interval(low, high, ends_belong, ends_belong)}, the "
            f"{record['parameter']} of loss={loss!r}. Got {value!r}."
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


def check_output(loss, activation, description):
    """Raise ValueError for an output activation whose values the loss may not take.

    Parameters
    ----------
    loss : str or callable
        Predictions for a callable are not checked.
    activation : str
    description : str
        What the message calls the loss.
    """
    record = _record(loss)
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
            f"{_interval(low, high, ends_belong, ends_belong)} for the loss "
            f"{description}: choose 'auto' or one of {suitable}, or another loss."
        )

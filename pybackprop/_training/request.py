"""Holds and checks the arguments of a fit."""

from dataclasses import dataclass
from typing import Any

from pybackprop._parameters import is_stochastic


@dataclass(frozen=True)
class FitRequest:
    """The arguments of a call to ``fit``, ``partial_fit`` or ``fit_batches``.

    Attributes
    ----------
    method : {'fit', 'partial_fit', 'fit_batches'}
    X, y, sample_weight
        As the caller passed them; None for ``fit_batches``.
    batches : BatchSource or None
        For ``fit_batches``.
    X_val, y_val, sample_weight_val
        The validation set, if one was passed.
    groups : array-like or None
        For the splitter in ``validation_fraction``.
    classes : array-like or None
        All labels that will occur.
    resume : bool
        Whether to continue the last fit.
    """

    method: str
    X: Any = None
    y: Any = None
    sample_weight: Any = None
    batches: Any = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    groups: Any = None
    classes: Any = None
    resume: bool = False

    @property
    def is_one_epoch(self):
        """Whether the training goes on by one epoch: ``partial_fit``."""
        return self.method == "partial_fit"

    @property
    def in_parts(self):
        """Whether samples come in parts, so that no part shows all labels."""
        return self.method != "fit"

    def check(self, params):
        """Raise an error for arguments that contradict each other or a parameter."""
        if self.in_parts:
            self._check_parts(params)
        self._check_validation_set()
        if self.groups is not None:
            self._check_groups(params)

    def _check_parts(self, params):
        if not is_stochastic(params):  # the solver may have been set since the look-up
            raise AttributeError(
                f"{self.method} needs a stochastic solver, such as 'adam'. "
                f"Got solver={params.solver!r}."
            )
        if self.method == "fit_batches":
            self.require_validation_set(params)

    def require_validation_set(self, params):
        """Raise ValueError if early stopping needs a validation set that is missing.

        No sample is held out of data that come in parts.
        """
        if params.early_stopping and self.X_val is None:
            raise ValueError(
                f"{self.method} does not support early_stopping=True without a "
                "validation set: pass X_val and y_val."
            )

    def _check_validation_set(self):
        if (self.X_val is None) != (self.y_val is None):
            names = ("X_val", "y_val")
            given, missing = names if self.y_val is None else names[::-1]
            raise ValueError(
                f"X_val and y_val must be given together. Got {given} without "
                f"{missing}."
            )
        if self.X_val is None and self.sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val are the weights of X_val. Got sample_weight_val "
                "without X_val."
            )

    def _check_groups(self, params):
        if self.X_val is not None:
            raise ValueError(
                "groups are for splitting off a validation set. Got groups and X_val: "
                "leave one out."
            )
        splits = hasattr(params.validation_fraction, "split")
        if not (splits and params.early_stopping and is_stochastic(params)):
            raise ValueError(
                "groups are for a splitter in validation_fraction, which is used with "
                "early_stopping=True and a stochastic solver. Got groups with "
                f"validation_fraction={params.validation_fraction!r}, "
                f"early_stopping={params.early_stopping!r} and "
                f"solver={params.solver!r}."
            )

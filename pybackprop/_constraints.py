"""Constraints on parameters: a condition and its description in error messages."""

from numbers import Integral, Real

import numpy as np


class InvalidParameterError(ValueError, TypeError):
    """A parameter of an estimator is of the wrong type or outside its range."""


class Constraint:
    """A condition on a value, with its description."""

    def __init__(self, description, is_satisfied_by):
        self.description = description
        self.is_satisfied_by = is_satisfied_by


NONE = Constraint("None", lambda value: value is None)


def number(kind, low, high=np.inf, closed="left"):
    """Make a rule for numbers from low to high; ``closed`` names the included ends."""

    def holds(value):
        if not isinstance(value, kind):
            return False
        if kind is Real:
            try:
                value = float(value)  # as the core will see it
            except OverflowError:
                return False
        above = value >= low if closed in ("left", "both") else value > low
        below = value <= high if closed in ("right", "both") else value < high
        return bool(above and below)

    left = "[" if closed in ("left", "both") else "("
    right = "]" if closed in ("right", "both") else ")"
    name = "an int" if kind is Integral else "a float"
    return Constraint(f"{name} in the range {left}{low}, {high}{right}", holds)


def one_of(*names):
    """Make a rule for one of some strings."""
    words = "a str among {" + ", ".join(repr(name) for name in names) + "}"
    return Constraint(words, lambda value: isinstance(value, str) and value in names)


def either(*rules):
    """Make a rule for a value that satisfies at least one of the rules."""
    words = " or ".join(rule.description for rule in rules)
    return Constraint(
        words, lambda value: any(rule.is_satisfied_by(value) for rule in rules)
    )


def per_layer(rule, layer="weight layer"):
    """Make a rule for a value that satisfies another, or one such value per layer."""

    def holds(value):
        is_array = isinstance(value, np.ndarray) and value.ndim == 1
        if is_array or isinstance(value, (list, tuple)):
            return len(value) > 0 and all(rule.is_satisfied_by(item) for item in value)
        return rule.is_satisfied_by(value)

    return Constraint(
        f"{rule.description} or a sequence of them, one per {layer}", holds
    )

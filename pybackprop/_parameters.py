"""What each parameter of the estimators may be: one rule a parameter.

The names of activations, schedules and losses come from the core's lists.
"""

from functools import lru_cache
from numbers import Integral, Real

import numpy as np

from pybackprop import _core


class InvalidParameterError(ValueError, TypeError):
    """A parameter of an estimator is of the wrong type or outside its range."""


class Rule:
    """A condition on a value, and the same in words."""

    def __init__(self, words, holds):
        self.words = words
        self.holds = holds


def number(kind, low, high=np.inf, closed="left"):
    """A rule for numbers from low to high; ``closed`` names the ends that belong."""

    def holds(value):
        if not isinstance(value, kind):
            return False
        above = value >= low if closed in ("left", "both") else value > low
        below = value <= high if closed in ("right", "both") else value < high
        return bool(above and below)

    left = "[" if closed in ("left", "both") else "("
    right = "]" if closed in ("right", "both") else ")"
    name = "an int" if kind is Integral else "a float"
    return Rule(f"{name} in the range {left}{low}, {high}{right}", holds)


def one_of(*names):
    """A rule for one of some strings."""
    words = "a str among {" + ", ".join(repr(name) for name in names) + "}"
    return Rule(words, lambda value: isinstance(value, str) and value in names)


def either(*rules):
    """A rule for a value that keeps any one of the rules."""
    words = " or ".join(rule.words for rule in rules)
    return Rule(words, lambda value: any(rule.holds(value) for rule in rules))


def number_or_sequence(rule):
    """A rule for one number, or a one-dimensional sequence of such numbers."""

    def holds(value):
        if isinstance(value, (list, tuple, np.ndarray)):
            return all(rule.holds(item) for item in value)
        return rule.holds(value)

    return Rule(f"{rule.words} or a sequence of them", holds)


def layer_sizes(value):
    """Hidden layer sizes as a list of ints; None where they are not ints >= 1."""
    if isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)):
        value = [value]
    elif isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        return None
    elif np.ndim(value) > 1:
        return None
    sizes = list(value)
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        return None
    return [int(size) for size in sizes]


def _is_layer_sizes(value):
    try:
        return layer_sizes(value) is not None
    except ValueError:  # ragged lists have no number of dimensions
        return False


_ACTIVATIONS = [name for name, row in _core.activations().items() if row["hidden"]]
# A loss of probabilities is the classifier's own, and follows from the classes.
_REGRESSION_LOSSES = [
    name for name, row in _core.losses().items() if row["target_high"] > 1
]
_BOOLEAN = Rule("a bool", lambda value: isinstance(value, (bool, np.bool_)))

RULES = {
    "loss": one_of(*_REGRESSION_LOSSES),
    "hidden_layer_sizes": Rule(
        "an int >= 1 or a one-dimensional sequence of them", _is_layer_sizes
    ),
    "activation": one_of(*_ACTIVATIONS),
    "solver": one_of("lbfgs", *_core.optimizers()),
    "alpha": number(Real, 0),
    "batch_size": either(one_of("auto"), number(Integral, 1)),
    "learning_rate": one_of(*_core.schedules()),
    "learning_rate_init": number(Real, 0, closed="neither"),
    "power_t": number(Real, 0),
    "max_iter": number(Integral, 1),
    "shuffle": _BOOLEAN,
    "random_state": Rule(
        "None, an int in the range [0, 4294967295] or a numpy.random.RandomState",
        lambda value: (
            value is None
            or isinstance(value, np.random.RandomState)
            or value is np.random
            or (isinstance(value, Integral) and 0 <= value < 2**32)
        ),
    ),
    "tol": number(Real, 0),
    "verbose": either(_BOOLEAN, number(Integral, 0)),
    "warm_start": _BOOLEAN,
    "momentum": number(Real, 0, 1, closed="both"),
    "nesterovs_momentum": _BOOLEAN,
    "early_stopping": _BOOLEAN,
    "validation_fraction": number(Real, 0, 1),
    "beta_1": number(Real, 0, 1),
    "beta_2": number(Real, 0, 1),
    "epsilon": number(Real, 0, closed="neither"),
    "n_iter_no_change": either(
        number(Integral, 1), Rule("inf", lambda value: value == np.inf)
    ),
    "max_fun": number(Integral, 1),
    "n_jobs": Rule(
        f"None, an int in the range [1, {_core.MAX_THREADS}] or a negative int",
        lambda value: (
            value is None
            or isinstance(value, Integral)
            and 0 != value <= _core.MAX_THREADS
        ),
    ),
    "dropout": number_or_sequence(number(Real, 0, 1)),
    "input_dropout": number(Real, 0, 1),
}


@lru_cache(maxsize=16)
def _rules_of(estimator_class):
    """Rules of a class's parameters, in the order of its signature."""
    names = estimator_class._get_param_names()
    return {name: RULES[name] for name in names if name in RULES}


# What a step by a mini-batch does and an objective that stays the same cannot do.
_STEPWISE = ("dropout", "input_dropout")


def check_parameters(estimator):
    """Raise InvalidParameterError for the first parameter that breaks its rule.

    Or a ValueError for two that exclude each other.
    """
    for name, rule in _rules_of(type(estimator)).items():
        value = getattr(estimator, name)
        if not rule.holds(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{rule.words}. Got {value!r} instead."
            )
    if estimator.solver == "lbfgs":
        for name in _STEPWISE:
            value = getattr(estimator, name)
            if np.any(value):
                raise ValueError(
                    f"{name}={value!r} excludes solver='lbfgs', whose objective has to "
                    f"stay the same: choose one of {list(_core.optimizers())}."
                )

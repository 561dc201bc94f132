"""Defines which values each parameter of the estimators may have.

The names of activations, schedules and losses come from the core's lists.
"""

from functools import lru_cache
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import get_scorer_names

from pybackprop import _core
from pybackprop._constraints import (
    NONE,
    Constraint,
    InvalidParameterError,
    either,
    number,
    one_of,
    per_layer,
)
from pybackprop._solvers import SOLVERS


def layer_sizes(value):
    """Return hidden layer sizes as a list of ints; None unless they are ints >= 1."""
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


def _is_activation(value):
    if isinstance(value, str):
        return value in _ACTIVATIONS
    return isinstance(value, (list, tuple)) and all(
        isinstance(name, str) and name in _ACTIVATIONS for name in value
    )


_ACTIVATIONS = [name for name, row in _core.activations().items() if row["hidden"]]
_OUTPUTS = [name for name, row in _core.activations().items() if row["output"]]
_LOSSES = _core.losses()
# Estimators offer one name for a loss and its elementwise form: the output activation
# decides between the two.
_ELEMENTWISE_FORMS = {record["elementwise_form"] for record in _LOSSES.values()}
# The parameters of losses, by their names in the estimators.
LOSS_PARAMETERS = tuple(
    dict.fromkeys(row["parameter"] for row in _LOSSES.values() if row["parameter"])
)


def _splits(value):
    if isinstance(value, (str, bytes, dict, type)):
        return False
    if isinstance(value, (list, tuple)):
        return bool(value) and all(
            hasattr(pair, "__len__") and len(pair) == 2 for pair in value
        )
    return hasattr(value, "split")


def _is_scoring(value):
    if isinstance(value, str):
        return value == "loss" or value in get_scorer_names()
    return value is None or (callable(value) and not isinstance(value, type))


_BOOLEAN = Constraint("a bool", lambda value: isinstance(value, (bool, np.bool_)))

_LAYERS = Constraint(
    "None or a list or tuple of arrays, one per layer",
    lambda value: value is None or isinstance(value, (list, tuple)),
)


def _offered(task):
    """Names of the losses that the estimators of a task offer."""
    return [
        name
        for name, record in _LOSSES.items()
        if record[task] and name not in _ELEMENTWISE_FORMS
    ]


def _loss_parameter(name):
    """The rule for a parameter of a loss: the range in the loss's record."""
    record = next(row for row in _LOSSES.values() if row["parameter"] == name)
    low, high = (
        int(end) if float(end).is_integer() else end
        for end in (record["parameter_low"], record["parameter_high"])
    )
    # A bound is also allowed where another loss stands for this one.
    has_ends = record["parameter_ends_belong"] or record["loss_at_low"] is not None
    return number(Real, low, high, closed="both" if has_ends else "neither")


_CALLABLE = Constraint("a callable (y, y_pred) -> (values, dloss_dy_pred)", callable)

REGRESSION_LOSS = either(one_of(*_offered("regression")), _CALLABLE)
CLASSIFICATION_LOSS = either(one_of(*_offered("classification")), _CALLABLE)

# Rules of both estimators; the rule of "loss" depends on the task.
RULES = {
    "hidden_layer_sizes": Constraint(
        "an int >= 1 or a one-dimensional sequence of them", _is_layer_sizes
    ),
    "activation": Constraint(
        f"{one_of(*_ACTIVATIONS).description}, or a list or tuple of them, one per "
        "hidden layer",
        _is_activation,
    ),
    "solver": one_of(*SOLVERS),
    "alpha": per_layer(number(Real, 0)),
    "batch_size": either(one_of("auto"), number(Integral, 1)),
    "learning_rate": either(
        one_of(*_core.schedules()), Constraint("a callable", callable)
    ),
    "learning_rate_init": per_layer(number(Real, 0, closed="neither")),
    "power_t": number(Real, 0),
    "max_iter": number(Integral, 1),
    "shuffle": either(_BOOLEAN, one_of("blocks")),
    "random_state": Constraint(
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
    "validation_fraction": either(
        number(Real, 0, 1),
        Constraint("a splitter (with a method split)", _splits),
        Constraint("a list of pairs of rows (train, test)", _splits),
    ),
    "beta_1": number(Real, 0, 1),
    "beta_2": number(Real, 0, 1),
    "epsilon": number(Real, 0, closed="neither"),
    "n_iter_no_change": either(
        number(Integral, 1), Constraint("inf", lambda value: value == np.inf)
    ),
    "max_fun": number(Integral, 1),
    "n_jobs": Constraint(
        f"None, an int in the range [1, {_core.MAX_THREADS}] or a negative int",
        lambda value: (
            value is None
            or isinstance(value, Integral)
            and 0 != value <= _core.MAX_THREADS
        ),
    ),
    "dropout": per_layer(number(Real, 0, 1), "hidden layer"),
    "input_dropout": number(Real, 0, 1),
    "coefs_init": _LAYERS,
    "intercepts_init": _LAYERS,
    "weight_decay": number(Real, 0),
    "decay_rate": number(Real, 0, 1, closed="right"),
    "decay_steps": number(Real, 0, closed="neither"),
    "warmup_epochs": number(Real, 0),
    "global_clipnorm": either(NONE, number(Real, 0, closed="neither")),
    "l1_ratio": number(Real, 0, 1, closed="both"),
    "max_norm": either(NONE, number(Real, 0, closed="neither")),
    "output_activation": one_of("auto", *_OUTPUTS),
    **{name: _loss_parameter(name) for name in LOSS_PARAMETERS},
    # It has no default that suits most data.
    "quantile": either(NONE, _loss_parameter("quantile")),
    "label_smoothing": number(Real, 0, 1),
    "class_weight": Constraint(
        "None, 'balanced', a dict from labels to weights or, for a multilabel y, a "
        "list of such dicts",
        lambda value: (
            value is None
            or isinstance(value, (dict, list, tuple))
            or (isinstance(value, str) and value == "balanced")
        ),
    ),
    "scoring": Constraint(
        "None, 'loss', the name of a scorer of scikit-learn or a callable "
        "(estimator, X, y)",
        _is_scoring,
    ),
    "max_time": either(NONE, number(Real, 0, closed="neither")),
}


def loss_rule_of(estimator_class):
    """Return the rule of the parameter loss, which depends on the task."""
    is_classifier = issubclass(estimator_class, ClassifierMixin)
    return CLASSIFICATION_LOSS if is_classifier else REGRESSION_LOSS


@lru_cache(maxsize=16)
def rules_of(estimator_class):
    """Return the rules of a class's parameters, sorted by name."""
    names = sorted(signature(estimator_class).parameters)
    rules = {**RULES, "loss": loss_rule_of(estimator_class)}
    return {name: rules[name] for name in names if name in rules}


@lru_cache(maxsize=16)
def defaults_of(estimator_class):
    """Return the default values of a class's parameters, which are valid."""
    parameters = signature(estimator_class).parameters
    return {name: parameters[name].default for name in rules_of(estimator_class)}


def is_stochastic(params):
    """Whether the solver trains by mini-batches, as partial_fit requires."""
    solver = SOLVERS.get(params.solver)
    return solver is not None and not solver.full_batch


def check_parameters(estimator):
    """Raise InvalidParameterError for the first parameter that breaks its rule.

    Or a ValueError for two that exclude each other.
    """
    defaults = defaults_of(type(estimator))
    for name, rule in rules_of(type(estimator)).items():
        value = getattr(estimator, name)
        if value is not defaults[name] and not rule.is_satisfied_by(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{rule.description}. Got {value!r} instead."
            )
    n_hidden = len(layer_sizes(estimator.hidden_layer_sizes))
    _check_number_of_activations(estimator, n_hidden)
    _check_layers(estimator, n_hidden + 1)
    _check_solver(estimator)


def _check_number_of_activations(estimator, n_hidden):
    activation = estimator.activation
    if not isinstance(activation, str) and len(activation) != n_hidden:
        raise InvalidParameterError(
            f"activation={activation!r} must name one activation for each of the "
            f"{n_hidden} hidden layers of hidden_layer_sizes="
            f"{estimator.hidden_layer_sizes!r}. Got {len(activation)}."
        )


def _check_layers(estimator, n_layers):
    """Check the number of values of parameters with one value per weight layer."""
    for name in ("alpha", "learning_rate_init"):
        value = getattr(estimator, name)
        if not isinstance(value, Real) and len(value) != n_layers:
            raise ValueError(
                f"{name}={value!r} must have one float for each of the {n_layers} "
                "weight layers that "
                f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} makes. "
                f"Got {len(value)}."
            )


def _check_solver(estimator):
    """Raise ValueError for a parameter that the solver cannot use."""
    for name, off in SOLVERS[estimator.solver].excludes.items():
        value = getattr(estimator, name)
        if value is not None and np.any(value):
            raise ValueError(
                f"{name}={value!r} cannot be used with solver={estimator.solver!r}. "
                f"Set {name}={off}, or choose another solver."
            )

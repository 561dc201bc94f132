"""Keeps the state of a stochastic solver between epochs."""

from numbers import Real

import numpy as np

from pybackprop import _core
from pybackprop._constraints import one_of
from pybackprop._parameters import RULES

_SOLVER = one_of(*_core.optimizers())


class Optimizer:
    """State of a stochastic solver between epochs.

    Parameters
    ----------
    name : str
        A row of the core's list of update rules.
    n_parameters : int
    dtype : numpy dtype
        Of the parameters and of the states.
    schedule : str or callable
        A row of the core's list of schedules, or the rate of each epoch from 0 on.
    learning_rate_init : float or sequence of float
        Of all weight layers, or of each.
    power_t, horizon, decay_rate, decay_steps, warmup_epochs : float
        Read by the schedule; ``horizon`` is the number of epochs to its end.
    global_clipnorm, max_norm : float or None
        Largest norms of the gradient, and of the incoming weights of a unit.
    dropout : ndarray of shape (n_layers,) or None
        Probability with which a step drops an input of each layer, features first.
    dropout_seed : int
        Of the masks.
    **hyperparameters
        ``momentum``, ``nesterov``, ``beta_1``, ``beta_2``, ``epsilon``,
        ``weight_decay``.

    Attributes
    ----------
    learning_rate : float
        The present rate, which the schedule modulates step by step; of the fastest
        layer where they differ.
    layer_rates : ndarray of shape (n_weight_layers,) or None
        Factors of it; None where all are 1.
    n_steps, n_epochs : int
        Steps taken and epochs done.
    states : ndarray of shape (n_states, n_parameters)
    """

    def __init__(
        self,
        name,
        n_parameters,
        dtype,
        *,
        schedule,
        learning_rate_init,
        power_t,
        dropout=None,
        dropout_seed=0,
        horizon=1,
        decay_rate=1,
        decay_steps=1,
        warmup_epochs=0,
        global_clipnorm=None,
        max_norm=None,
        weight_decay=0,
        **hyperparameters,
    ):
        self.name = name
        self.rate_of_epoch = schedule if callable(schedule) else None
        self.schedule = "constant" if callable(schedule) else schedule
        rates = np.array(learning_rate_init, dtype=np.float64)
        self.learning_rate_init = float(rates.max())
        self.layer_rates = None
        if rates.min() < rates.max():
            self.layer_rates = rates / rates.max()
        self.is_constant_in_epochs = _core.schedules()[self.schedule]["only_sgd"]
        self.power_t = float(power_t)
        self.horizon = float(horizon)
        self.decay_rate = float(decay_rate)
        self.decay_steps = float(decay_steps)
        self.warmup_epochs = float(warmup_epochs)
        self.global_clipnorm = float(global_clipnorm or 0)
        self.max_norm = float(max_norm or 0)
        self.dropout = dropout
        self.dropout_seed = dropout_seed
        self.hyperparameters = hyperparameters | {"weight_decay": weight_decay}
        self.learning_rate = self.learning_rate_init
        self.n_steps = 0
        self.n_epochs = 0
        n_states = _core.optimizers()[name]["n_states"]
        self.states = np.zeros((n_states, n_parameters), dtype=dtype)

    def __repr__(self):
        return (
            f"Optimizer({self.name!r}, learning_rate={self.learning_rate}, "
            f"n_steps={self.n_steps})"
        )

    @classmethod
    def from_params(cls, params, network, dropout=None, dropout_seed=0):
        """Return the optimizer of an estimator's parameters, before its first step."""
        return cls(
            params.solver,
            len(network.parameters),
            network.dtype,
            schedule=_schedule(params),
            learning_rate_init=params.learning_rate_init,
            power_t=params.power_t,
            dropout=dropout,
            dropout_seed=dropout_seed,
            horizon=params.max_iter,
            decay_rate=params.decay_rate,
            decay_steps=params.decay_steps,
            warmup_epochs=params.warmup_epochs,
            global_clipnorm=params.global_clipnorm,
            max_norm=params.max_norm,
            momentum=params.momentum,
            nesterov=bool(params.nesterovs_momentum),
            beta_1=params.beta_1,
            beta_2=params.beta_2,
            epsilon=params.epsilon,
            weight_decay=params.weight_decay,
        )

    @classmethod
    def from_network(cls, network, solver, nesterovs_momentum, **hyperparameters):
        """Return the optimizer of ``Network.step``, with the estimators' names."""
        given = {
            "solver": solver,
            "nesterovs_momentum": nesterovs_momentum,
            **hyperparameters,
        }
        for name, value in given.items():
            rule = _SOLVER if name == "solver" else RULES[name]
            if not rule.is_satisfied_by(value):
                raise ValueError(f"{name} must be {rule.description}. Got {value!r}.")
        rates = hyperparameters["learning_rate_init"]
        if np.ndim(rates) and len(rates) != len(network.coefs):
            raise ValueError(
                "learning_rate_init must be a float or have one for each of the "
                f"{len(network.coefs)} weight layers. Got {rates!r}."
            )
        return cls(
            solver,
            len(network.parameters),
            network.dtype,
            schedule="constant",
            power_t=0.5,
            nesterov=bool(nesterovs_momentum),
            **hyperparameters,
        )

    def copy(self):
        """Return an independent copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.states = self.states.copy()
        return other

    def extend_horizon(self, horizon):
        """Move the horizon; ValueError if the schedule depends on it."""
        before, rate = self.horizon, self.next_rate()
        self.horizon = float(horizon)
        if self.next_rate() != rate:
            raise ValueError(
                f"resume=True needs max_iter={before:g}, as in the fit, because "
                f"learning_rate={self.schedule!r} depends on it. Got {horizon}."
            )

    @property
    def is_per_step(self):
        """Whether the rate is another one at each step of an epoch."""
        return not self.is_constant_in_epochs or self.warmup_epochs > 0

    def next_rate(self):
        """Return the rate at which the next epoch begins, before any warm-up."""
        if self.is_constant_in_epochs:
            return self.learning_rate
        return _core.schedule_rate(self, self.n_epochs, np.inf)

    def on_epoch_begin(self):
        """Set the rate of the epoch, if the schedule is a callable of the user."""
        if self.rate_of_epoch is None:
            return
        rate = self.rate_of_epoch(self.n_epochs)
        if not isinstance(rate, Real) or not 0 < rate < np.inf:
            raise ValueError(
                "learning_rate, a callable, must return a finite number > 0. "
                f"Got {rate!r} for epoch {self.n_epochs}."
            )
        self.learning_rate = float(rate)

    def on_epoch_end(self, n_samples):
        """Set the present rate after ``n_samples`` training samples in all."""
        self.learning_rate = _core.schedule_after_epoch(self, n_samples)

    def on_plateau(self):
        """Lower the learning rate; return whether the schedule continues."""
        learning_rate = _core.schedule_on_plateau(self)
        if learning_rate == 0:
            return False
        self.learning_rate = learning_rate
        return True


def _schedule(params):
    """Return the schedule: scikit-learn's apply to 'sgd' only."""
    schedule = params.learning_rate
    if callable(schedule) or params.solver == "sgd":
        return schedule
    return "constant" if _core.schedules()[schedule]["only_sgd"] else schedule


def dropout_rates(params, n_layers):
    """Return the dropout rates of the layers; None without dropout.

    Parameters
    ----------
    params : object
        Its ``input_dropout`` is the rate of the features, its ``dropout`` that of
        each hidden layer: one for all, or one per layer.
    n_layers : int
        Weight layers, so that there are ``n_layers - 1`` hidden ones.

    Returns
    -------
    ndarray of shape (n_layers,) or None
        Features first.

    Raises
    ------
    ValueError
        If a list does not have one rate per hidden layer.
    """
    n_hidden = n_layers - 1
    hidden = params.dropout
    if isinstance(hidden, Real):
        if hidden == params.input_dropout == 0:
            return None
        hidden = [hidden] * n_hidden
    elif len(hidden) != n_hidden:
        raise ValueError(
            f"dropout must have one rate for each of the {n_hidden} layers of "
            f"hidden_layer_sizes={params.hidden_layer_sizes!r}. Got {hidden!r}."
        )
    rates = np.array([params.input_dropout, *hidden], dtype=np.float64)
    return rates if rates.any() else None

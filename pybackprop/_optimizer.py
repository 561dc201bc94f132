"""An update rule of the core with its state, as Python keeps, copies and pickles it."""

import numpy as np

from pybackprop import _core


class Optimizer:
    """State of a stochastic solver between epochs.

    Parameters
    ----------
    name : str
        A row of the core's list of update rules.
    n_parameters : int
    dtype : numpy dtype
        Of the parameters and of the states.
    schedule : str
        A row of the core's list of schedules.
    learning_rate_init, power_t : float
        Read by the schedule.
    dropout : ndarray of shape (n_layers,) or None
        Share of the inputs of each layer that a step leaves out, features first.
    dropout_seed : int
        Of the masks.
    **hyperparameters
        ``momentum``, ``nesterov``, ``beta_1``, ``beta_2``, ``epsilon``.

    Attributes
    ----------
    learning_rate : float
        Of the next step.
    n_steps : int
        Steps taken.
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
        **hyperparameters,
    ):
        self.name = name
        self.schedule = schedule
        self.learning_rate_init = float(learning_rate_init)
        self.power_t = float(power_t)
        self.dropout = dropout
        self.dropout_seed = dropout_seed
        self.hyperparameters = hyperparameters
        self.learning_rate = self.learning_rate_init
        self.n_steps = 0
        n_states = _core.optimizers()[name]["n_states"]
        self.states = np.zeros((n_states, n_parameters), dtype=dtype)

    def copy(self):
        """An optimizer that may go its own way."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.states = self.states.copy()
        return other

    def epoch_ends(self, n_samples):
        """Set the learning rate after ``n_samples`` training samples in all."""
        self.learning_rate = _core.schedule_after_epoch(
            self.schedule,
            self.learning_rate_init,
            self.power_t,
            n_samples,
            self.learning_rate,
        )

    def progress_stalled(self):
        """Lower the learning rate if the schedule wants to go on; else return False."""
        learning_rate = _core.schedule_on_plateau(self.schedule, self.learning_rate)
        if learning_rate == 0:
            return False
        self.learning_rate = learning_rate
        return True

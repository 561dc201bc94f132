"""Decides when a training ends, and says why."""

from dataclasses import dataclass
from time import perf_counter

ASKED_TO_STOP = "a callback asked to stop"


@dataclass
class Stop:
    """Why a training ends.

    Parameters
    ----------
    reason : str
    warning : str or None
        What the ConvergenceWarning says, if there is to be one.
    for_good : bool
        Whether more epochs would change nothing: training ended by its own rules.
    """

    reason: str
    warning: str | None = None
    for_good: bool = False


def time_limit_of(params):
    """Return the TimeLimit of a training that begins now; None without one."""
    return None if params.max_time is None else TimeLimit(params.max_time)


class TimeLimit:
    """``max_time`` seconds from now on."""

    def __init__(self, max_time):
        self.max_time = max_time
        self._began = perf_counter()

    def is_over(self):
        """Return whether more than ``max_time`` seconds have passed."""
        return perf_counter() - self._began > self.max_time

    def stop(self, done):
        """Return the Stop for a limit that is over, ``done`` being the last epoch."""
        reason = f"max_time={self.max_time:g} seconds had passed after {done}"
        return Stop(
            reason,
            f"{reason}, and the optimization hasn't converged yet.",
        )


def divergence(params, state):
    """Return the ValueError for a divergence without earlier weights to restore."""
    own = ""
    if callable(params.loss):
        own = " Or loss, a callable, returned NaN or infinity: look at what it returns."
    return ValueError(
        "Solver produced non-finite parameter weights. The input data may "
        "contain large values and need to be preprocessed. This happened in "
        f"epoch {state.n_iter}; a smaller learning_rate_init (now "
        f"{params.learning_rate_init}) may help too.{own}"
    )


def reason_to_stop(params, state, optimizer, diverged, asked, time_limit):
    """Return the Stop that the last epoch asks for, or None to continue."""
    if diverged:
        return Stop(
            f"training diverged in epoch {state.n_iter}",
            f"Training diverged in epoch {state.n_iter}: weights became non-finite. "
            "The best weights before it were restored. Scale the inputs and targets, "
            f"or lower learning_rate_init (now {params.learning_rate_init}).",
            for_good=True,
        )
    if asked:
        return Stop(ASKED_TO_STOP)
    if state.no_improvement_count > params.n_iter_no_change:
        stop = _plateau(params, optimizer)
        if stop is not None:
            return stop
        state.no_improvement_count = 0
    if time_limit is not None and time_limit.is_over():
        return time_limit.stop(f"epoch {state.n_iter}")
    return None


def out_of_epochs(params, is_one_epoch):
    """Return the Stop of a training that has done the epochs asked for."""
    if is_one_epoch:
        return Stop("partial_fit has done its one epoch")
    return Stop(
        f"max_iter={params.max_iter} epochs were reached",
        f"Stochastic Optimizer: Maximum iterations ({params.max_iter}) "
        "reached and the optimization hasn't converged yet.",
    )


def _plateau(params, optimizer):
    measure = "Validation score" if params.early_stopping else "Training loss"
    message = (
        f"{measure} did not improve more than tol={params.tol:f} for "
        f"{params.n_iter_no_change} consecutive epochs."
    )
    goes_on = optimizer.on_plateau()
    if goes_on:
        outcome = f"Setting learning rate to {optimizer.learning_rate:f}"
    elif optimizer.schedule == "adaptive":
        outcome = "Learning rate too small. Stopping."
    else:
        outcome = "Stopping."
    if params.verbose:
        print(message, outcome)
    return None if goes_on else Stop(message, for_good=True)

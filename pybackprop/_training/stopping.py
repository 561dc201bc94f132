"""When a training by epochs ends: progress counted, and the reason in words."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from pybackprop._training.callbacks import ASKED_TO_STOP
from pybackprop._training.resume import best_parameters_reached


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


def time_limit_of(model):
    """The TimeLimit of a training that begins now; None without one."""
    return None if model.max_time is None else TimeLimit(model.max_time)


class TimeLimit:
    """``max_time`` seconds from now on."""

    def __init__(self, max_time):
        self.max_time = max_time
        self._began = perf_counter()

    def is_over(self):
        """Whether more than ``max_time`` seconds have passed."""
        return perf_counter() - self._began > self.max_time

    def stop(self, done):
        """The Stop for a limit that is over; ``done`` says how far training came."""
        reason = f"max_time={self.max_time:g} seconds were over after {done}"
        return Stop(
            reason,
            f"{reason}, and the optimization hasn't converged yet.",
        )


# ------------------------------------------------------------------ counting progress
def start_counting(model, network, incremental):
    """Attributes of the first call; a warm start and partial_fit go on with theirs."""
    # A fit may have run out of patience, and what comes now is another training.
    after_fit = incremental and getattr(model, "_pause", None) is not None
    if not hasattr(model, "_no_improvement_count") or (
        after_fit and model.early_stopping
    ):
        model._no_improvement_count = 0
    if model.early_stopping:
        model.best_loss_ = None
        if getattr(model, "best_validation_score_", None) is None:
            model.best_validation_score_ = -np.inf
            model._best_parameters = network.parameters
        # Of this fit's own: the best of an earlier one stays, should this one fail.
        model._best_parameters = best_parameters_reached(model, network)
    else:
        if getattr(model, "best_loss_", None) is None:
            model.best_loss_ = np.inf
        model.best_validation_score_ = None
        model._best_parameters = None


def count_losses(model):
    """Count epochs in which the loss made no progress."""
    if model.loss_ > model.best_loss_ - model.tol:
        model._no_improvement_count += 1
    else:
        model._no_improvement_count = 0
    if model.loss_ < model.best_loss_:
        model.best_loss_ = model.loss_


def count_scores(model, network, score):
    """Count epochs in which the validation score made no progress; keep the best."""
    if score < model.best_validation_score_ + model.tol:
        model._no_improvement_count += 1
    else:
        model._no_improvement_count = 0
    if score > model.best_validation_score_:
        model.best_validation_score_ = score
        model._best_parameters[:] = network.parameters


# -------------------------------------------------------------------------- reasons
def divergence(model):
    """The ValueError for a divergence that leaves no weights to go back to."""
    own = ""
    if callable(model.loss):
        own = " Or loss, a callable, returned NaN or infinity: look at what it returns."
    return ValueError(
        "Solver produced non-finite parameter weights. The input data may "
        "contain large values and need to be preprocessed. This happened in "
        f"epoch {model.n_iter_}; a smaller learning_rate_init (now "
        f"{model.learning_rate_init}) may help too.{own}"
    )


def reason_to_stop(model, optimizer, diverged, asked, time_limit):
    """The Stop that the epoch which has just ended asks for, or None to go on."""
    if diverged:
        return Stop(
            f"training diverged in epoch {model.n_iter_}",
            f"Training diverged in epoch {model.n_iter_}: weights became non-finite. "
            "The best weights before it were restored. Scale the inputs and targets, "
            f"or lower learning_rate_init (now {model.learning_rate_init}).",
            for_good=True,
        )
    if asked:
        return Stop(ASKED_TO_STOP)
    if model._no_improvement_count > model.n_iter_no_change:
        stop = _plateau(model, optimizer)
        if stop is not None:
            return stop
        model._no_improvement_count = 0
    if time_limit is not None and time_limit.is_over():
        return time_limit.stop(f"epoch {model.n_iter_}")
    return None


def out_of_epochs(model, incremental):
    """The Stop of a training that has done the epochs asked for."""
    if incremental:
        return Stop("partial_fit has done its one epoch")
    return Stop(
        f"max_iter={model.max_iter} epochs were reached",
        f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) "
        "reached and the optimization hasn't converged yet.",
    )


def _plateau(model, optimizer):
    measure = "Validation score" if model.early_stopping else "Training loss"
    message = (
        f"{measure} did not improve more than tol={model.tol:f} for "
        f"{model.n_iter_no_change} consecutive epochs."
    )
    goes_on = optimizer.progress_stalled()
    if goes_on:
        outcome = f"Setting learning rate to {optimizer.learning_rate:f}"
    elif optimizer.schedule == "adaptive":
        outcome = "Learning rate too small. Stopping."
    else:
        outcome = "Stopping."
    if model.verbose:
        print(message, outcome)
    return None if goes_on else Stop(message, for_good=True)

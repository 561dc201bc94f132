"""The loop over epochs of the stochastic solvers: order, epoch, measure, stop.

An epoch itself (gather, forward, backward, step, batch after batch) is C.
"""

from itertools import islice

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pybackprop._model.optimizer import Optimizer, dropout_rates
from pybackprop._training.diagnosis import why_not_converged
from pybackprop._training.history import Record, start_validation_curves
from pybackprop._training.resume import Pause, optimizer_reached
from pybackprop._training.stopping import (
    count_losses,
    count_scores,
    divergence,
    out_of_epochs,
    reason_to_stop,
    start_counting,
    time_limit_of,
)
from pybackprop._training.validation import Validation
from pybackprop._warnings import warn_caller

_NAN = float("nan")
_UNKNOWN = (_NAN, _NAN)


def fit_stochastic(
    model,
    network,
    rows,
    held_out,
    groups,
    random_state,
    n_threads,
    tasks,
    *,
    incremental=False,
    resume=False,
):
    """Train a network by mini-batches and write the fitted attributes of the model.

    Parameters
    ----------
    model : estimator
        A draft whose attributes may be changed: parameters in, attributes out.
    network : pybackprop.Network
        Its parameters are changed in place.
    rows : InMemory or what stands for it
        The samples to train on, and to split a validation set off.
    held_out : Table or None
        A validation set that was given.
    groups : array-like of shape (n_samples,) or None
        For a splitter in ``validation_fraction``.
    random_state : RandomState
        Shuffles and splits, draw for draw as scikit-learn.
    n_threads : int
    tasks : _callbacks.FitTasks
        Told where each epoch begins and ends.
    incremental : bool
        One epoch only, with the optimizer as the last call left it.
    resume : bool
        On from where the last fit has stopped; ``random_state`` is as it was then
        before the first draw, and what was drawn since is drawn again.
    """
    pause = model._pause if resume else None
    if not (incremental or resume):
        pause = Pause(model, random_state, rows.n_samples)
    optimizer = _optimizer(model, network, random_state, incremental, resume)
    rows, held_out = _set_aside(
        model, rows, held_out, groups, random_state, incremental, pause
    )
    validation = None
    if held_out is not None:
        validation = Validation(model, network, held_out, n_threads)
    training = rows.training(model, network, optimizer, n_threads)
    record = Record(model)
    start_validation_curves(model, validation is not None, keep=incremental)
    start_counting(model, network, incremental)

    done = model.n_iter_ if resume else 0
    epochs = range(done + 1, 2 if incremental else model.max_iter + 1)
    orders = islice(training.orders(model.shuffle, random_state), done, None)
    time_limit = None if incremental else time_limit_of(model)
    for epoch, order in zip(epochs, orders, strict=False):
        tasks.begin()
        optimizer.epoch_begins()
        learning_rate = optimizer.next_rate()
        model.loss_, finite, penalty, gradient_norm = training.epoch(order)
        model.n_iter_ = epoch
        model.t_ += training.n_samples
        if model.verbose:
            print(f"Iteration {epoch}, loss = {model.loss_:.8f}")
        measured = _UNKNOWN
        if validation is not None:
            measured = _measure(model, validation, finite)
        record.add(model.loss_, penalty, measured, learning_rate, gradient_norm)
        diverged = _judge_epoch(model, network, finite, measured[1])
        optimizer.epoch_ends(model.t_)
        stop = reason_to_stop(model, optimizer, diverged, tasks.end(), time_limit)
        if stop is not None:
            break
    else:
        stop = out_of_epochs(model, incremental)
    del training, validation  # whose scratch need not wait for what follows
    _end(model, network, rows, stop, incremental, pause)
    model._optimizer = optimizer
    model._pause = pause


def _set_aside(model, rows, held_out, groups, random_state, incremental, pause):
    """The rows to train on; and the Table to validate on, None for none."""
    known_by = ()
    if held_out is not None:
        known_by = (held_out.targets,)
    elif model.early_stopping:
        if incremental:
            raise ValueError(
                "partial_fit does not support early_stopping=True without a validation "
                "set: pass X_val and y_val."
            )
        rows, held_out, known_by = rows.split_off(model, groups, random_state)
    if pause is not None:
        pause.check_validation(*known_by)
    return rows, held_out


def _measure(model, validation, finite):
    """Loss and score on the validation set; NaN of weights that are not finite."""
    measured = validation.measure() if finite else _UNKNOWN
    model.validation_loss_curve_.append(measured[0])
    model.validation_scores_.append(measured[1])
    if model.verbose:
        print(f"Validation score: {measured[1]:f}")
    return measured


def _judge_epoch(model, network, finite, score):
    """Count the epochs without progress; whether training diverged."""
    if model.early_stopping:
        count_scores(model, network, score)
        return np.isnan(score)
    if not finite:
        raise divergence(model)
    count_losses(model)
    return False


def _end(model, network, rows, stop, incremental, pause):
    """Write why training has ended, and restore the best weights if it has."""
    model.stopping_reason_ = stop.reason
    model.stopped_ = stop.for_good
    model._partial_fit_is_over = incremental and stop.for_good
    if stop.warning is not None:
        why = "" if stop.for_good else why_not_converged(model, network, rows.table)
        warn_caller(stop.warning + why, ConvergenceWarning)
    if model.early_stopping and (stop.for_good or not incremental):
        if pause is not None:
            pause.parameters = network.parameters.copy()
        network.parameters[:] = model._best_parameters


def _optimizer(model, network, random_state, incremental, resume):
    if incremental and hasattr(model, "_optimizer"):
        optimizer = optimizer_reached(model, network)
        if optimizer.name != model.solver:
            raise ValueError(
                f"partial_fit goes on with solver={optimizer.name!r}, as it has begun. "
                f"Got solver={model.solver!r}: fit anew to use it."
            )
        return optimizer
    dropout = dropout_rates(model, len(network.coefs))
    # Without dropout nothing is drawn: scikit-learn's draws are the only ones then.
    seed = 0 if dropout is None else random_state.randint(2**63 - 1, dtype=np.int64)
    if resume:
        optimizer = optimizer_reached(model, network)
        if optimizer.n_epochs != model.n_iter_:
            raise ValueError(
                f"n_iter_ must be {optimizer.n_epochs}, the epochs of the fit that "
                f"resume=True goes on with. Got {model.n_iter_}."
            )
        optimizer.goes_on_until(model.max_iter)
        return optimizer
    return Optimizer.of(model, network, dropout, int(seed))

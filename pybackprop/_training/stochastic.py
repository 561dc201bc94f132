"""Trains a network by mini-batches, epoch after epoch.

An epoch itself (gather, forward, backward, step, batch after batch) is C.
"""

from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pybackprop._training.diagnosis import why_not_converged
from pybackprop._training.resume import ResumeState, start_optimizer
from pybackprop._training.stopping import (
    divergence,
    out_of_epochs,
    reason_to_stop,
    time_limit_of,
)
from pybackprop._training.validation import Validation
from pybackprop._warnings import warn_caller

_NAN = float("nan")
_UNKNOWN = (_NAN, _NAN)


def fit_stochastic(problem, request, state, random_state, observer):
    """Train a network by mini-batches.

    Parameters
    ----------
    problem : Problem
        The parameters of its network are changed in place.
    request : FitRequest
        For ``partial_fit`` one epoch, with the optimizer as the last call left it. With
        ``resume``, continues the last fit: ``random_state`` is as it was before that
        fit's first draw, and its draws are repeated.
    state : TrainingState
        Changed in place.
    random_state : RandomState
        Shuffles and splits, draw for draw as scikit-learn.
    observer : object
        Its methods ``begin(state)`` and ``end(state)`` are called for each epoch; the
        latter returns whether to stop. ``publish(state)`` is called where the estimator
        has to show the state.
    """
    params, network = problem.params, problem.network
    is_one_epoch = request.is_one_epoch
    resume_state = state.resume_state if request.resume else None
    if not (is_one_epoch or request.resume):
        resume_state = ResumeState(params, random_state, problem.data.n_samples)
    optimizer = start_optimizer(problem, request, state, random_state)
    problem = _split_validation(problem, request, random_state, resume_state)
    validation = None
    if problem.validation_set is not None:
        validation = Validation(problem)
    training = problem.data.training(params, network, optimizer)
    state.start_curves(validation is not None, keeps_validation=is_one_epoch)
    state.start_progress(network, params.early_stopping, is_one_epoch)
    observer.publish(state)

    done = state.n_iter if request.resume else 0
    epochs = range(done + 1, 2 if is_one_epoch else params.max_iter + 1)
    orders = islice(training.epoch_orders(params.shuffle, random_state), done, None)
    time_limit = None if is_one_epoch else time_limit_of(params)
    row_began = perf_counter()
    for epoch, order in zip(epochs, orders, strict=False):
        observer.begin(state)
        optimizer.on_epoch_begin()
        learning_rate = optimizer.next_rate()
        state.loss, finite, penalty, gradient_norm = training.epoch(order)
        state.n_iter = epoch
        state.t += training.n_samples
        if params.verbose:
            print(f"Iteration {epoch}, loss = {state.loss:.8f}")
        measured = _UNKNOWN
        if validation is not None:
            if problem.scorer is not None:
                observer.publish(state)  # the scorer reads the estimator
            measured = _measure(params, state, validation, finite)
        now = perf_counter()
        state.add_epoch(
            penalty, measured, learning_rate, gradient_norm, now - row_began
        )
        row_began = now
        diverged = _count_progress(params, network, state, finite, measured[1])
        optimizer.on_epoch_end(state.t)
        asked = observer.end(state)
        stop = reason_to_stop(params, state, optimizer, diverged, asked, time_limit)
        if stop is not None:
            break
    else:
        stop = out_of_epochs(params, is_one_epoch)
    del training, validation  # their scratch memory is not needed any longer
    _end(problem, state, stop, is_one_epoch, resume_state)
    state.optimizer = optimizer
    state.resume_state = resume_state
    observer.publish(state)


def _split_validation(problem, request, random_state, resume_state):
    """Return the problem with a validation set split off, if one is needed."""
    arrays = ()
    if problem.validation_set is not None:
        arrays = (problem.validation_set.targets,)
    elif problem.params.early_stopping:
        if request.in_parts:
            request.require_validation_set(problem.params)
        data, validation_set, arrays = problem.data.split_off(
            problem.params, request.groups, random_state
        )
        problem = replace(problem, data=data, validation_set=validation_set)
    if resume_state is not None:
        resume_state.check_validation(*arrays)
    return problem


def _measure(params, state, validation, finite):
    """Return loss and score on the validation set; NaN if weights are not finite."""
    measured = validation.measure() if finite else _UNKNOWN
    state.validation_loss_curve.append(measured[0])
    state.validation_scores.append(measured[1])
    if params.verbose:
        print(f"Validation score: {measured[1]:f}")
    return measured


def _count_progress(params, network, state, finite, score):
    """Count epochs without progress, and return whether training has diverged."""
    if params.early_stopping:
        state.count_score(score, params.tol, network.parameters)
        return np.isnan(score)
    if not finite:
        raise divergence(params, state)
    state.count_loss(params.tol)
    return False


def _end(problem, state, stop, is_one_epoch, resume_state):
    """Set why training has ended, and restore the best weights if it has."""
    params, network = problem.params, problem.network
    state.stopping_reason = stop.reason
    state.stopped = stop.for_good
    state.partial_fit_is_over = is_one_epoch and stop.for_good
    if stop.warning is not None:
        why = "" if stop.for_good else why_not_converged(problem, state.loss)
        warn_caller(stop.warning + why, ConvergenceWarning)
    if params.early_stopping and (stop.for_good or not is_one_epoch):
        if resume_state is not None:
            resume_state.parameters = network.parameters.copy()
        network.parameters[:] = state.best_parameters

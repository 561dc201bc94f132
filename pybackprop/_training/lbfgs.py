"""Trains a network on all samples at once by SciPy's L-BFGS-B."""

from time import perf_counter

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from pybackprop import _core
from pybackprop._threads import one_blas_thread
from pybackprop._training.diagnosis import why_not_converged
from pybackprop._training.stopping import ASKED_TO_STOP, Stop, time_limit_of
from pybackprop._training.validation import Validation
from pybackprop._warnings import warn_caller


class _Halt(Exception):
    """Ends SciPy's loop with a Stop: SciPy supports StopIteration only since 1.11."""


def fit_lbfgs(problem, state, observer):
    """Minimize the objective over all samples.

    Parameters are those of ``stochastic.fit_stochastic``.  SciPy works in float64; a
    float32 network computes objective and gradient in float32.
    """
    params, network = problem.params, problem.network
    objective_of_data = problem.data.objective(params, network)
    validation = None
    if problem.validation_set is not None:
        validation = Validation(problem)
    state.start_curves(validation is not None, anew=True)
    observer.publish(state)
    row_began = perf_counter()
    time_limit = time_limit_of(params)
    total_weight = problem.data.total_weight
    alphas = np.broadcast_to(params.alpha, len(network.coefs))
    newest = [np.nan]
    # Allocated once: writing to newly allocated memory is slower than copying. SciPy
    # copies a gradient before it asks for the next one.
    parameters = np.empty_like(network.parameters)
    gradient = np.empty_like(network.parameters)
    in_float64 = gradient
    if gradient.dtype != np.float64:
        in_float64 = np.empty_like(gradient, dtype=np.float64)

    def objective(theta):
        observer.begin(state)
        parameters[:] = theta
        newest[0] = objective_of_data(parameters, gradient)
        if in_float64 is not gradient:
            in_float64[:] = gradient
        return newest[0], in_float64

    def iteration_ends(theta):
        nonlocal row_began
        # The accepted point is the one that was evaluated last.
        network.parameters[:] = theta
        squares = [float(np.vdot(W, W)) for W in network.coefs]
        measured = np.nan, np.nan
        if validation is not None:
            if problem.scorer is not None:
                observer.publish(state)
            measured = validation.measure()
            state.validation_loss_curve.append(measured[0])
            state.validation_scores.append(measured[1])
        penalty = float(alphas @ squares) / (2 * total_weight)
        gradient_norm = float(np.linalg.norm(in_float64))
        state.loss = newest[0]
        now = perf_counter()
        state.add_epoch(penalty, measured, np.nan, gradient_norm, now - row_began)
        row_began = now
        state.n_iter = len(state.loss_curve)
        if params.verbose:
            print(f"Iteration {state.n_iter}, loss = {state.loss:.8f}")
        state.loss = float(state.loss)
        if observer.end(state):
            raise _Halt(Stop(ASKED_TO_STOP))
        if time_limit is not None and time_limit.is_over():
            raise _Halt(time_limit.stop(f"iteration {state.n_iter}"))

    options = {
        "maxiter": params.max_iter,
        "maxfun": params.max_fun,
        "gtol": params.tol,
    }
    try:
        with one_blas_thread():
            result = scipy.optimize.minimize(
                objective,
                network.parameters.astype(np.float64),
                method="L-BFGS-B",
                jac=True,
                callback=iteration_ends,
                options=options,
            )
    except _Halt as halt:
        (stop,) = halt.args
    else:
        network.parameters[:] = result.x
        state.n_iter = min(result.nit, params.max_iter)
        state.loss = float(result.fun)
        stop = _stop_of_scipy(params, state, result)
    state.stopping_reason = stop.reason
    state.stopped = stop.for_good
    state.resume_state = None
    state.partial_fit_is_over = False
    if not _core.all_finite(network.parameters):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may "
            "contain large values and need to be preprocessed."
        )
    if stop.warning is not None:
        why = why_not_converged(problem, state.loss)
        warn_caller(stop.warning + why, ConvergenceWarning)
    observer.publish(state)


def _stop_of_scipy(params, state, result):
    message = result.message
    reason = message if isinstance(message, str) else message.decode()
    if result.status == 0:
        return Stop(reason, for_good=True)
    return Stop(
        reason,
        f"lbfgs failed to converge after {state.n_iter} iteration(s) "
        f"(status={result.status}): {reason}. Scale the inputs, "
        f"or increase max_iter (now {params.max_iter}) or max_fun "
        f"(now {params.max_fun}).",
    )

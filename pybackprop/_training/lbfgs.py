"""Full-batch training by SciPy's L-BFGS-B on the core's objective and gradient."""

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from pybackprop import _core
from pybackprop._threads import one_blas_thread
from pybackprop._training.callbacks import ASKED_TO_STOP
from pybackprop._training.diagnosis import why_not_converged
from pybackprop._training.history import Record, start_validation_curves
from pybackprop._training.stopping import Stop, time_limit_of
from pybackprop._training.validation import Validation
from pybackprop._warnings import warn_caller


class _Halt(Exception):
    """Leaves SciPy's loop with a Stop: SciPy has a way of its own only since 1.11."""


def fit_lbfgs(model, network, rows, held_out, n_threads, tasks):
    """Minimize the objective over all rows and write the model's fitted attributes.

    Parameters are as in ``_training.fit_stochastic``.  SciPy works in float64; a
    float32 network computes objective and gradient in float32.
    """
    objective_of_rows = rows.objective(model, network, n_threads)
    validation = None
    if held_out is not None:
        validation = Validation(model, network, held_out, n_threads)
    start_validation_curves(model, validation is not None, starts_anew=True)
    record = Record(model, starts_anew=True)
    time_limit = time_limit_of(model)
    total_weight = rows.total_weight
    alphas = np.broadcast_to(model.alpha, len(network.coefs))
    newest = [np.nan]
    # Made once: memory that the system has just handed out costs more than the copies.
    # SciPy copies a gradient before it asks for the next one.
    parameters = np.empty_like(network.parameters)
    gradient = np.empty_like(network.parameters)
    in_float64 = gradient
    if gradient.dtype != np.float64:
        in_float64 = np.empty_like(gradient, dtype=np.float64)

    def objective(theta):
        tasks.begin()
        parameters[:] = theta
        newest[0] = objective_of_rows(parameters, gradient)
        if in_float64 is not gradient:
            in_float64[:] = gradient
        return newest[0], in_float64

    def iteration_ends(theta):
        # The accepted point is the one that was evaluated last.
        network.parameters[:] = theta
        squares = [float(np.vdot(W, W)) for W in network.coefs]
        measured = np.nan, np.nan
        if validation is not None:
            measured = validation.measure()
            model.validation_loss_curve_.append(measured[0])
            model.validation_scores_.append(measured[1])
        penalty = float(alphas @ squares) / (2 * total_weight)
        gradient_norm = float(np.linalg.norm(in_float64))
        record.add(newest[0], penalty, measured, np.nan, gradient_norm)
        if model.verbose:
            print(f"Iteration {len(model.loss_curve_)}, loss = {newest[0]:.8f}")
        model.loss_ = float(newest[0])
        model.n_iter_ = len(model.loss_curve_)
        if tasks.end():
            raise _Halt(Stop(ASKED_TO_STOP))
        if time_limit is not None and time_limit.is_over():
            raise _Halt(time_limit.stop(f"iteration {model.n_iter_}"))

    options = {"maxiter": model.max_iter, "maxfun": model.max_fun, "gtol": model.tol}
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
        model.n_iter_ = min(result.nit, model.max_iter)
        model.loss_ = float(result.fun)
        stop = _stop_of_scipy(model, result)
    model.stopping_reason_ = stop.reason
    model.stopped_ = stop.for_good
    model._pause = None
    model._partial_fit_is_over = False
    if not _core.all_finite(network.parameters):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may "
            "contain large values and need to be preprocessed."
        )
    if stop.warning is not None:
        why = why_not_converged(model, network, rows.table)
        warn_caller(stop.warning + why, ConvergenceWarning)


def _stop_of_scipy(model, result):
    message = result.message
    reason = message if isinstance(message, str) else message.decode()
    if result.status == 0:
        return Stop(reason, for_good=True)
    return Stop(
        reason,
        f"lbfgs failed to converge after {model.n_iter_} iteration(s) "
        f"(status={result.status}): {reason}. Scale the inputs, "
        f"or increase max_iter (now {model.max_iter}) or max_fun "
        f"(now {model.max_fun}).",
    )

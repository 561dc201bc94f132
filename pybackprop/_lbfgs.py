"""Full-batch training by SciPy's L-BFGS-B on the core's objective and gradient."""

import warnings

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from pybackprop import _core
from pybackprop._threads import one_blas_thread


def fit_lbfgs(model, network, X, y, sample_weight, n_threads):
    """Minimize the objective over all rows and write the model's fitted attributes.

    Parameters are as in ``_training.fit_stochastic``.  SciPy works in float64; a
    float32 network computes objective and gradient in float32.
    """
    samples = _core.Samples(X, network.dtype)
    targets = _core.Targets(model._core_targets(y, network.dtype), network.dtype)
    workspace = _core.objective_workspace(network.core, X.shape[0], n_threads)
    model.loss_curve_ = []
    newest = [np.nan]
    # Made once: memory that the system has just handed out costs more than the copies.
    # SciPy copies a gradient before it asks for the next one.
    parameters = np.empty_like(network.parameters)
    gradient = np.empty_like(network.parameters)
    in_float64 = gradient
    if gradient.dtype != np.float64:
        in_float64 = np.empty_like(gradient, dtype=np.float64)

    def objective(theta):
        parameters[:] = theta
        newest[0] = network.core.objective(
            parameters, samples, targets, sample_weight, gradient, workspace=workspace
        )
        if in_float64 is not gradient:
            in_float64[:] = gradient
        return newest[0], in_float64

    def iteration_ends(theta):
        # The accepted point is the one that was evaluated last.
        model.loss_curve_.append(newest[0])
        if model.verbose:
            print(f"Iteration {len(model.loss_curve_)}, loss = {newest[0]:.8f}")

    options = {"maxiter": model.max_iter, "maxfun": model.max_fun, "gtol": model.tol}
    with one_blas_thread():
        result = scipy.optimize.minimize(
            objective,
            network.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=iteration_ends,
            options=options,
        )
    network.parameters[:] = result.x
    model.n_iter_ = min(result.nit, model.max_iter)
    model.loss_ = float(result.fun)
    message = result.message
    model.stopping_reason_ = message if isinstance(message, str) else message.decode()
    if not _core.all_finite(network.parameters):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may "
            "contain large values and need to be preprocessed."
        )
    if result.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {model.n_iter_} iteration(s) "
            f"(status={result.status}): {model.stopping_reason_}. Scale the inputs, "
            f"or increase max_iter (now {model.max_iter}) or max_fun "
            f"(now {model.max_fun}).",
            ConvergenceWarning,
            stacklevel=2,
        )

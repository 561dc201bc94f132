"""Diagnoses a fit: unsuitable scales of the data, and units that no longer learn.

Thresholds come from an experiment, tests/training/test_diagnosis.py: a warning is given
where the remedy improves the training, on each data set that scikit-learn ships. Only
some rows are examined, and no random number is drawn.
"""

import numpy as np
import scipy.sparse

from pybackprop import _core
from pybackprop._data.dataset import max_examined_rows, sample_rows, take_rows
from pybackprop._model.dead_units import flat_units
from pybackprop._solvers import SOLVERS
from pybackprop._warnings import warn_caller
from pybackprop.exceptions import ScalingWarning

_FEW_ROWS = 20
# Some units end dead in a good fit too.
_NOTABLE_SHARE = 0.1
# Initial weights on scaled data reach about twice the loss of weights of zero.
_LARGEST_LOSS = 3
# Scale the targets, if an affine map of what was learned explains so much of the rest.
_LARGEST_GAIN = 0.25


def warn_of_inputs(problem, feature_names=None):
    """Warn, before a training, of inputs that will slow it down.

    Returns whether it has warned. ``feature_names`` are for the message.
    """
    table = problem.data.dataset
    X, y = table.X, table.targets
    rows = _some_rows(X, table.sample_weight)
    fault = _fault_of_inputs(take_rows(X, rows), feature_names)
    if fault is None:
        return False
    cures = [_cure_of_inputs(X)]
    # A step of bounded length does not follow the targets, whatever the inputs are.
    solver = SOLVERS[problem.params.solver]
    if solver.scale_invariant and _has_free_scale(problem, y):
        if _targets_are_off(take_rows(y, rows)):
            fault += f", and {_targets_in_words(take_rows(y, rows))}"
            cures.append(_CURE_OF_TARGETS)
    _warn(fault, cures)
    return True


def warn_of_targets(problem):
    """Warn, after a training, if it has not even found the scale of the targets.

    At a minimum of the squared error no affine map of an identity output makes it
    smaller, since the output layer contains that map.
    """
    network, table = problem.network, problem.data.dataset
    X, y, sample_weight = table.X, table.targets, table.sample_weight
    if network.loss != "squared_error" or not _has_free_scale(problem, y):
        return
    rows = _some_rows(X, sample_weight)
    if not _targets_are_off(take_rows(y, rows)):
        return
    samples = _core.Samples(take_rows(X, rows), network.dtype)
    y_pred = network.core.predict(network.parameters, samples)
    weights = None if sample_weight is None else take_rows(sample_weight, rows)
    if _gain_of_rescaling(take_rows(y, rows), y_pred, weights) > _LARGEST_GAIN:
        cures = [_CURE_OF_TARGETS]
        size = np.sqrt(_moments(take_rows(X, rows))[1].mean())
        if not 0.1 < size < 10:
            cures.append(_cure_of_inputs(X))
        _warn(_targets_in_words(take_rows(y, rows)), cures)


def why_not_converged(problem, loss):
    """Return sentences that explain a ConvergenceWarning; empty without a finding.

    ``loss`` is the objective that was reached.
    """
    network, table = problem.network, problem.data.dataset
    rows = _some_rows(table.X, table.sample_weight, max(network.layer_sizes))
    sentences = (
        *_dead_or_saturated_units(problem.params, network, table.X, rows),
        *_loss_above_that_of_zero(problem, loss, rows),
    )
    return "".join(" " + sentence for sentence in sentences)


# ---------------------------------------------------------------------------- scales
_CURE_OF_TARGETS = (
    "fit on scaled targets, with TransformedTargetRegressor(model, "
    "transformer=StandardScaler())"
)


def _cure_of_inputs(X):
    scaler = "MaxAbsScaler" if scipy.sparse.issparse(X) else "StandardScaler"
    return f"scale the inputs, with make_pipeline({scaler}(), model)"


def _warn(fault, cures):
    warn_caller(
        f"{fault[0].upper()}{fault[1:]}. Training is slow or fails on such a "
        f"scale: {'; and '.join(cures)}.",
        ScalingWarning,
    )


def _some_rows(X, sample_weight, width=1):
    """Return an index of rows with a weight, evenly over the table."""
    max_rows = max_examined_rows(max(width, X.shape[1]))
    return sample_rows(X.shape[0], sample_weight, max_rows)


@np.errstate(over="ignore", invalid="ignore")
def _moments(X):
    """Return mean, mean square and standard deviation per column, in float64."""
    if scipy.sparse.issparse(X):
        X = X.astype(np.float64)
        mean = np.asarray(X.mean(axis=0)).ravel()
        mean_square = np.asarray(X.power(2).mean(axis=0)).ravel()
    else:
        mean = X.sum(axis=0, dtype=np.float64) / len(X)
        mean_square = np.einsum("ij,ij->j", X, X, dtype=np.float64) / len(X)
    variance = mean_square - mean**2
    # What is left of a constant column is rounding.
    varies = variance > 1e-12 * mean_square
    return mean, mean_square, np.sqrt(np.where(varies, variance, 0))


def _fault_of_inputs(X, names):
    """Return what is wrong with the scale of the inputs, or None."""
    mean, mean_square, deviation = _moments(X)
    if not np.isfinite(mean_square).all():
        return f"values of X reach {abs(X).max():.3g}, and their squares overflow"
    varies = deviation > 0
    if not varies.any():
        return None
    length = np.sqrt(mean_square.sum())
    size = length / np.sqrt(X.shape[1])
    if size > 50:
        typical = np.median(deviation[varies])
        largest = np.argmax(mean_square)
        rms = np.sqrt(mean_square[largest])
        if size > 6 * typical and rms > 0.55 * length:
            name = f"number {largest}" if names is None else repr(names[largest])
            return (
                f"feature {name} has a root mean square of {rms:.3g}, while the "
                f"features' median standard deviation is {typical:.3g}"
            )
    if np.any(varies & (np.abs(mean) > 20 * deviation)):
        far = np.median(np.abs(mean[varies]) / deviation[varies])
        if far > 20:
            return f"the median feature lies {far:.3g} standard deviations away from 0"
    if length < 0.3:
        return f"the rows of X have a length of only {length:.3g} (root mean square)"
    return None


def _has_free_scale(problem, y):
    """Whether the targets are numbers that an identity output has to reach."""
    return y.dtype.kind == "f" and problem.network.output_activation == "identity"


def _targets_are_off(y):
    mean, mean_square, deviation = _moments(y)
    far = np.abs(mean) > 3 * deviation
    off = far | (mean_square > 25) | (mean_square < 0.04)
    overflows = ~np.isfinite(mean_square)
    # A constant needs no learning.
    return bool(np.any(overflows | (off & (deviation > 0))))


def _targets_in_words(y):
    mean, mean_square, deviation = _moments(y)
    k = np.argmax(mean_square)
    of_column = f" of column {k}" if y.shape[1] > 1 else ""
    return (
        f"the targets{of_column} have the mean {mean[k]:.3g} and the standard "
        f"deviation {deviation[k]:.3g}"
    )


def _gain_of_rescaling(y, y_pred, weights):
    """Return the share of the squared error that the best a + b y_pred removes."""

    def average(values):
        return np.average(values, axis=0, weights=weights)

    y, y_pred = y.astype(np.float64), y_pred.astype(np.float64)
    with np.errstate(all="ignore"):
        before = average((y - y_pred) ** 2)
        y, y_pred = y - average(y), y_pred - average(y_pred)
        slope = average(y * y_pred) / np.maximum(
            average(y_pred**2), np.finfo(y.dtype).tiny
        )
        return 1 - average((y - slope * y_pred) ** 2).sum() / before.sum()


# ----------------------------------------------------------------- no convergence
def _dead_or_saturated_units(params, network, X, rows):
    """Yield a sentence if some hidden units pass no gradient on any row."""
    X = take_rows(X, rows)
    suspects = [slice(None)] * len(network.hidden_activations)
    if X.shape[0] > 10 * _FEW_ROWS:
        # Nearly all units have a derivative on one of a few rows already.
        few = X[:: X.shape[0] // _FEW_ROWS]
        suspects = flat_units(network, few, suspects)
        if not any(map(_are_notable, suspects, network.layer_sizes[1:])):
            return
    found = []
    for layer, flat in enumerate(flat_units(network, X, suspects), 1):
        n_units = network.layer_sizes[layer]
        if _are_notable(flat, n_units):
            n_flat = np.count_nonzero(flat)
            found.append(f"{n_flat} of the {n_units} units of hidden layer {layer}")
    if found:
        yield (
            f"{' and '.join(found)} have a derivative of about 0 on all {X.shape[0]} "
            "rows examined (dead or saturated), so they no longer learn. Scaled inputs"
            f"{_other_steps(params, 'a smaller')} or another activation may prevent "
            "this."
        )


def _are_notable(flat, n_units):
    return np.count_nonzero(flat) >= _NOTABLE_SHARE * n_units


def _loss_above_that_of_zero(problem, loss, rows):
    """Yield a sentence if the loss is above that of parameters that are all 0."""
    network, table = problem.network, problem.data.dataset
    if callable(network.loss):
        return  # and may not be asked about other predictions than those of training
    y, weights = take_rows(table.targets, rows), table.sample_weight
    # With or without hidden layers z is 0, but without there are few parameters.
    linear = _core.Network(
        (network.layer_sizes[0], network.layer_sizes[-1]),
        (),
        network.output_activation,
        network.loss,
        [0.0],
        network.dtype,
        loss_parameter=network.loss_parameter or 0.0,
    )
    of_zero = linear.objective(
        np.zeros(linear.n_parameters, network.dtype),
        _core.Samples(take_rows(table.X, rows), network.dtype),
        problem.targets.core_targets(y, network.dtype),
        None if weights is None else take_rows(weights, rows),
    )
    if loss > _LARGEST_LOSS * of_zero:
        scaled = "inputs and targets" if y.dtype.kind == "f" else "inputs"
        yield (
            f"The loss of {loss:.3g} is worse than {of_zero:.3g}, that of a "
            f"network whose parameters are all 0. Scaled {scaled}"
            f"{_other_steps(problem.params, 'another')} may help."
        )


def _other_steps(params, which):
    if SOLVERS[params.solver].full_batch:
        return ""
    return f", {which} learning_rate_init (now {params.learning_rate_init})"

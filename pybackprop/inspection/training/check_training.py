"""check_training runs the recommended checks before a long training."""

from dataclasses import astuple, dataclass
from numbers import Integral

import numpy as np

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError
from pybackprop._data.dataset import take_rows
from pybackprop._estimator.base import BaseMLP
from pybackprop._model.optimizer import Optimizer
from pybackprop._reports import Tabular, or_none
from pybackprop._solvers import SOLVERS
from pybackprop._threads import default_n_threads
from pybackprop.inspection._resolve import kind_and_hint
from pybackprop.inspection.gradients.check_gradients import check_gradients
from pybackprop.inspection.training.initial_state import InitialState
from pybackprop.inspection.training.layer_statistics import (
    HEADS,
    MANY,
    remarks_on_units,
    statistics_of_layers,
    update_ratio,
)
from pybackprop.inspection.training.overfit import (
    losses_of_overfitting,
    why_not_overfitted,
)

# Largest initial loss relative to that of zero weights. On scaled data the ratio is
# about 2; see _training/diagnosis.py.
_LARGEST_LOSS = 3
# Bounds of the first step relative to the weights; about 0.001 is usual.
_SHORTEST_STEP, _LONGEST_STEP = 1e-5, 1e-1
# Bounds of the ratio of the gradient norms of the first and the last layer.
_SMALLEST_SHARE, _LARGEST_SHARE = 1e-3, 1e3
_BATCH = 200
# The samples count as overfitted at this share of the loss without learning.
_NEARLY_ZERO = 0.02


def check_training(estimator, X, y, *, sample_weight=None, n_samples=20, max_iter=5000):
    """Check the initial state of a training, and whether the network can learn.

    Runs the checks that are recommended before a long training [1]_ [2]_. Each is a row
    of the result, with a verdict and, if it fails, a remedy:

    - *inputs*: whether ``fit`` would warn of their scale.
    - *first loss*: the loss of the initial weights, without penalty, compared with that
      of a network whose parameters are all 0, which for a softmax over K classes is
      log K. If it is much larger, the initial weights or the inputs are too large.
    - *constant*: the loss of zero parameters compared with that of the best constant
      prediction. If it is much larger, the targets are not scaled.
    - *penalty*: it should not be larger than the loss.
    - *gradients*: `check_gradients` on the few samples.
    - *gradient of first layer / last*: whether the gradient vanishes or explodes in the
      backward pass.
    - *dead or saturated units*: their largest share in a hidden layer.
    - *first step*: one step of the solver on a batch: its length relative to the
      weights, usually about 0.001, and whether the loss decreases.
    - *overfit*: a few samples are overfitted on purpose, without penalty and dropout. A
      network that cannot learn those will not learn more.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted or not. It is not changed, and its fitted attributes are not used.
    X, y, sample_weight
        As for ``estimator.fit``. At most 1000 rows of positive weight, evenly spaced,
        are used.
    n_samples : int, default=20
        Number of samples to overfit.
    max_iter : int, default=5000
        Maximum number of steps to overfit them. Each uses all of the samples.

    Returns
    -------
    TrainingCheck

    Raises
    ------
    TypeError
        If the estimator is of another class, such as a pipeline.
    ValueError
        For parameters or data that ``fit`` would refuse.

    Notes
    -----
    With ``random_state=None`` the initial weights are not those of a later fit.

    References
    ----------
    .. [1] A. Karpathy, A Recipe for Training Neural Networks, 2019.
    .. [2] Stanford CS231n, Neural Networks Part 3: Learning and Evaluation, sanity
       checks.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.inspection import check_training
    >>> X, y = load_iris(return_X_y=True)
    >>> check_training(MLPClassifier(random_state=0), X, y).ok
    True
    """
    _check_arguments(estimator, n_samples, max_iter)
    start = InitialState(
        estimator,
        X,
        y,
        sample_weight,
        label_smoothing=0.0,
        dropout=0.0,
        input_dropout=0.0,
        weight_decay=0.0,
        warm_start=False,
    )
    few = start.few(n_samples)
    gradients = check_gradients(start.network, *few)
    layers = statistics_of_layers(start.network.replace(alpha=0.0), *_batch(start))
    rows = [
        _inputs(start),
        *_losses(start),
        *_penalty(start),
        _gradients(gradients),
        *_layers(layers),
    ]
    updates = None
    if not SOLVERS[start.model.solver].full_batch:
        updates, row = _first_step(start)
        rows.append(row)
    losses = []
    goal = _NEARLY_ZERO * start.loss_without_learning(*few)
    if goal > 0:
        losses = losses_of_overfitting(start, *few, goal, max_iter)
        rows.append(_overfit(start, few, losses, goal, updates and max(updates)))
    else:
        words = "The first loss is not above 0, so the loss to reach is unknown."
        rows.append(Check("overfit", None, None, None, words))
    return TrainingCheck(rows, gradients, layers, updates, losses)


def _check_arguments(estimator, n_samples, max_iter):
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            "estimator must be an MLPClassifier or MLPRegressor. Got "
            f"{kind_and_hint(estimator)}."
        )
    for name, value in (("n_samples", n_samples), ("max_iter", max_iter)):
        is_int = isinstance(value, Integral) and not isinstance(value, bool)
        if not is_int or value < 1:
            raise InvalidParameterError(f"{name} must be an int >= 1. Got {value!r}.")


@dataclass(frozen=True)
class Check:
    """One row of a `TrainingCheck`.

    Attributes
    ----------
    name : str
    ok : bool or None
        None where the check does not apply.
    found, expected : float or str
    words : str
        Explanation of the verdict.
    """

    name: str
    ok: object
    found: object
    expected: object
    words: str = ""


class TrainingCheck(Tabular):
    """Result of `check_training`.

    Attributes
    ----------
    rows : list of Check
        One row per check: ``name``, ``ok``, ``found``, ``expected`` and ``words``.
    ok : bool
        Whether no check has failed.
    gradients : GradientCheck
    layers : list of LayerStatistics
        Statistics of each layer at the initial weights, without penalty.
    update_ratios : list of float or None
        For each layer, the change of the coefficients in the first step, relative to
        the coefficients; None with 'lbfgs', which chooses the length of its steps.
    losses : list of float
        Losses before each step while a few samples were overfitted, and the last one.
    """

    def __init__(self, rows, gradients, layers, update_ratios, losses):
        self.rows = rows
        self.gradients = gradients
        self.layers = layers
        self.update_ratios = update_ratios
        self.losses = losses

    @property
    def ok(self):
        return all(row.ok is not False for row in self.rows)

    def _tables(self):
        failed = [f"{row.name}: {row.words}" for row in self.rows if row.ok is False]
        title = "Ready to train: no check has failed."
        if failed:
            title = "\n".join(["Before a long training, correct", *failed])
        yield (
            title,
            ["check", "ok", "found", "expected", "explanation"],
            [
                (row.name, row.ok, row.found, row.expected, row.words)
                for row in self.rows
            ],
        )
        updates = self.update_ratios or [None] * len(self.layers)
        yield (
            "Layers at the initial weights.",
            [*HEADS, "first change of W / W"],
            [
                (layer, *map(or_none, astuple(of_layer)), update)
                for layer, (of_layer, update) in enumerate(
                    zip(self.layers, updates, strict=True), 1
                )
            ],
        )


# ---------------------------------------------------------------------- the checks
def _inputs(start):
    if start.scaling_warning:
        return Check("inputs", False, "off scale", "scaled", start.scaling_warning)
    return Check(
        "inputs", True, "scaled", "scaled", "A fit would not warn of their scale."
    )


def _losses(start):
    """Check the first loss and the loss of the best constant prediction."""
    found = start.loss_of_data()
    if callable(start.network.loss):
        words = "The loss of other predictions is unknown for a loss of your own."
        yield Check("first loss", None, found, None, words)
        return
    of_zero, constant = start.loss_of_zero(), start.loss_of_best_constant()
    if not np.isfinite(of_zero):
        words = "The loss of zero parameters is not finite."
        yield Check("first loss", None, found, of_zero, words)
        return
    ok = bool(found <= _LARGEST_LOSS * of_zero)
    words = (
        f"Near {_name_of_loss_of_zero(start)}." if ok else _why_so_large(start, found)
    )
    if found < constant / 2:
        words = "Below the best constant prediction: the weights fit the data already."
    yield Check("first loss", ok, found, of_zero, words)
    near = bool(of_zero <= _LARGEST_LOSS * constant)
    words = "The best constant prediction is not much better than zero parameters."
    if constant <= 0:
        near, words = None, "A constant prediction is right: there is nothing to learn."
    elif not near:
        words = (
            "A constant prediction is much better: scale the targets, or set "
            "intercepts_init to that constant."
        )
    # With rare classes the best constant is much better, and needs no correction.
    if near is False and start.network.output_activation in ("logistic", "softmax"):
        near = True
    yield Check("constant", near, of_zero, constant, words)


def _name_of_loss_of_zero(start):
    """Name the loss of zero parameters, by loss and output."""
    n_outputs = start.network.layer_sizes[-1]
    loss = start.network.loss
    if (loss, start.network.output_activation) == ("log_loss", "softmax"):
        return f"log {n_outputs}, the loss of {n_outputs} equal probabilities"
    if (loss, start.network.output_activation) == ("binary_log_loss", "logistic"):
        times = f"{n_outputs} " if n_outputs > 1 else ""
        return f"{times}log 2, the loss of probabilities of one half"
    return "the loss of a network whose parameters are all zero"


def _why_so_large(start, found):
    layer, times = start.excess_of_initial_weights()
    if times > 2:
        return (
            f"The initial weights are too large: in layer {layer} {times:.3g} times as "
            "large as usual."
        )
    size = start.size_of_inputs()
    if start.scaling_warning or size > 2:
        return f"The inputs are large, root mean square {size:.3g}: scale them."
    if not np.isfinite(found):
        return "It is not finite: scale the targets, or choose another loss."
    return "Predictions are far from the targets: scale these, or set intercepts_init."


def _penalty(start):
    if not np.any(start.network.alpha):
        return
    of_data = start.loss_of_data()
    whole = start.network.objective(start.X, start.y, start.weights)
    # In a fit the penalty is divided by the weight of all rows.
    share = (whole - of_data) * _total(start) / start.total_weight
    ok = bool(share <= of_data)
    words = "It is not larger than the loss."
    if not ok:
        words = "It is larger than the loss: the weights will decay before they learn."
    yield Check("penalty", ok, share, f"below {of_data:.4g}", words)


def _total(start):
    return len(start.y) if start.weights is None else start.weights.sum()


def _gradients(check):
    compared = [row.relative_error for row in check.rows if row.ok is not None]
    words = "They agree with the differences of the loss."
    if not check.ok:
        words = repr(check).partition("\n")[0]
    return Check("gradients", check.ok, max(compared, default=np.nan), "near 0", words)


def _layers(layers):
    if len(layers) == 1:
        return
    first, last = layers[0].coef_grad_norm, layers[-1].coef_grad_norm
    share = float(np.divide(first, last)) if last > 0 else np.nan
    ok = bool(_SMALLEST_SHARE <= share <= _LARGEST_SHARE)
    words = "Its norm is similar in all layers."
    if not ok:
        words = (
            "It vanishes or explodes in the backward pass: other activations, other "
            "initial weights or fewer layers may help."
        )
    expected = f"{_SMALLEST_SHARE:g} to {_LARGEST_SHARE:g}"
    yield Check("gradient of first layer / last", ok, share, expected, words)
    flat = max(of.dead_units + of.saturated_units for of in layers[:-1])
    words = " ".join(remarks_on_units(layers)) or "Nearly all units can learn."
    ok, expected = bool(flat < MANY), f"below {MANY:g}"
    yield Check("dead or saturated units", ok, flat, expected, words)


def _batch(start):
    """Choose the rows of a batch, at most all rows, with their weights."""
    n = min(_BATCH, len(start.y))
    if not isinstance(start.model.batch_size, str):
        n = min(start.model.batch_size, len(start.y))
    rows = np.linspace(0, len(start.y) - 1, n).astype(int)
    weights = None if start.weights is None else take_rows(start.weights, rows)
    return take_rows(start.X, rows), take_rows(start.y, rows), weights


def _first_step(start):
    """Measure the change of each layer's coefficients in one step, and judge it."""
    network = start.network
    X, y, weights = _batch(start)
    before = network.parameters.copy()
    coefs_before = [W.copy() for W in network.coefs]
    optimizer = Optimizer.from_params(start.model, network)
    training = _core.Training(
        network.core,
        network.parameters,
        optimizer,
        _core.Samples(X, network.dtype),
        _core.Targets(y, network.dtype),
        weights,
        len(y),
        default_n_threads(),
    )
    optimizer.on_epoch_begin()
    loss, finite, *_ = training.epoch(None)
    pairs = zip(coefs_before, network.coefs, strict=True)
    ratios = [update_ratio(*pair) for pair in pairs]
    loss_after = network.objective(X, y, weights) if finite else np.nan
    network.parameters[:] = before
    longest = max(ratios)
    ok, words = (
        True,
        f"The loss of the batch goes from {loss:.4g} to {loss_after:.4g}.",
    )
    if not finite or not longest <= _LONGEST_STEP:
        ok, words = False, "The first step is long: use a smaller learning_rate_init."
    elif longest < _SHORTEST_STEP:
        ok, words = False, "The first step is short: use a larger learning_rate_init."
    elif not loss_after <= loss:
        ok = False
        words += " It should decrease: use a smaller learning_rate_init."
    expected = f"{_SHORTEST_STEP:g} to {_LONGEST_STEP:g}"
    return ratios, Check("first step", ok, longest, expected, words)


def _overfit(start, few, losses, goal, update):
    least = float(np.fmin.reduce(losses))
    ok = least <= goal
    words = (
        f"{len(few[1])} samples are overfitted in {len(losses) - 1} steps: inputs, "
        "targets, loss and solver fit together."
    )
    if not ok:
        words = why_not_overfitted(start, *few, losses, update)
    return Check("overfit", ok, least, f"below {goal:.4g}", words)

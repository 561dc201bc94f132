"""LayerMonitor is a callback that records statistics of each layer in each epoch."""

from dataclasses import astuple, fields
from numbers import Integral

from sklearn.utils import check_array

from pybackprop._data.dataset import sample_rows, take_rows
from pybackprop._data.weights import check_sample_weight
from pybackprop._estimator.base import BaseMLP
from pybackprop._estimator.fitted import targets_of
from pybackprop._reports import Tabular, or_none
from pybackprop.inspection._resolve import network_and_targets
from pybackprop.inspection.training.layer_statistics import (
    HEADS,
    LayerStatistics,
    remarks_on,
    statistics_of_layers,
    update_ratio,
)

_EPOCHS = ("epoch", "iteration")
_UPDATES = ("coef_update_ratio", "intercept_update_ratio")
_STATISTICS = tuple(field.name for field in fields(LayerStatistics))
COLUMNS = ("fit", "epoch", "layer", *_STATISTICS, *_UPDATES)
_NAN = float("nan")


class LayerMonitor(Tabular):
    """Callback that records gradients, dead or saturated units and updates per layer.

    Set it with ``model.set_callbacks(LayerMonitor())``, with scikit-learn 1.9 or later.
    After each epoch of ``fit`` and ``partial_fit``, or iteration of 'lbfgs', and once
    before the first, it computes the gradients on a fixed sample of rows. It does not
    change any bit of the result of the fit.

    Parameters
    ----------
    X, y : as for ``fit``, default=None
        Rows on which to compute the statistics, instead of those of the fit.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of X and y, if these are given.
    max_rows : int, default=200
        Maximum number of rows used, evenly spaced among those of positive weight. With
        ``early_stopping=True`` these include rows of the validation set.

    Attributes
    ----------
    history_ : dict of list
        Columns, with one entry per fit, epoch and layer:

        - ``fit``: number of the call to ``fit``, from 1; consecutive calls to
          ``partial_fit`` count as one.
        - ``epoch``: number of the entry of ``loss_curve_``, from 1; 0 is before the
          first epoch.
        - ``layer``: 1 to L, where L is the output.
        - ``coef_grad_norm``, ``intercept_grad_norm``: norms of dF/dW and dF/db on the
          sample, with the penalty, without dropout.
        - ``dead_units``, ``saturated_units``: shares of the hidden units with
          abs(f'(z)) < 0.001 on all rows of the sample; dead units have the activation
          0 as well. NaN for the output.
        - ``mean_f_prime``: mean of abs(f'(z)). NaN for the output.
        - ``coef_update_ratio``, ``intercept_update_ratio``: norm of the change in the
          epoch divided by the norm of the parameters after it. NaN for epoch 0.

    Notes
    -----
    With ``early_stopping=True`` the statistics are those of the weights at the end of
    an epoch, not of the best ones so far. A user-defined loss is called for the sample
    too. Fits in other processes, as of a search with ``n_jobs=2``, are recorded by
    copies of the callback in those processes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.inspection import LayerMonitor
    >>> monitor = LayerMonitor()
    >>> model = MLPClassifier((5,), max_iter=200, solver="lbfgs", random_state=0)
    >>> model = model.set_callbacks(monitor).fit(*load_iris(return_X_y=True))
    >>> monitor.history_["layer"][:4]
    [1, 2, 1, 2]
    """

    def __init__(self, X=None, y=None, *, sample_weight=None, max_rows=200):
        if (X is None) != (y is None):
            raise ValueError("X and y must be given together, or neither.")
        if X is None and sample_weight is not None:
            raise ValueError("sample_weight must be left out without X and y.")
        is_int = isinstance(max_rows, Integral) and not isinstance(max_rows, bool)
        if not is_int or max_rows < 1:
            raise ValueError(f"max_rows must be an int >= 1. Got {max_rows!r}.")
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.max_rows = max_rows
        self._rows = []
        self._runs = {}
        self._last_run = None
        self._numbers = {}

    @property
    def history_(self):
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(COLUMNS)
        return dict(zip(COLUMNS, map(list, columns), strict=True))

    def to_frame(self):
        """``history_`` as a pandas.DataFrame."""
        import pandas

        return pandas.DataFrame(self.history_)

    def __getstate__(self):
        # A fit that is running is recorded by this object only, and not by copies.
        return vars(self) | {"_rows": list(self._rows), "_runs": {}, "_last_run": None}

    # ------------------------------------------------------- scikit-learn's protocol
    def setup(self, estimator, context):
        """Called by scikit-learn when a fit begins."""
        if not isinstance(estimator, BaseMLP):
            raise TypeError(
                "LayerMonitor must be set on an MLPClassifier or MLPRegressor, in a "
                f"pipeline on that step. Got {type(estimator).__name__}."
            )

    def teardown(self, estimator, context):
        """Called by scikit-learn when a fit has ended, however."""
        self._runs.pop(id(context), None)

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        """Called by scikit-learn when a fit, or an epoch of it, begins."""
        if context.task_name not in _EPOCHS:
            weights = (metadata or {}).get("sample_weight")
            if self.X is not None:
                X, y, weights = self.X, self.y, self.sample_weight
            sample = _Sample(estimator, X, y, weights, self.max_rows)
            self._runs[id(context)] = _Run(context.task_name, sample)
            return
        run = self._runs[id(context.parent)]
        if run.number is None:
            run.begin_after(self._last_run, estimator, self._numbers)
            self._last_run = run
            if run.epoch == 0:
                self._rows += list(run.rows(estimator))

    def on_fit_task_end(self, estimator, context):
        """Called by scikit-learn when a fit, or an epoch of it, has ended."""
        if context.task_name not in _EPOCHS:
            return
        run = self._runs[id(context.parent)]
        # An aborted iteration of L-BFGS leaves no entry in the loss curve.
        if len(estimator.loss_curve_) > run.epoch:
            run.epoch = len(estimator.loss_curve_)
            self._rows += list(run.rows(estimator))

    # ------------------------------------------------------------------------ printing
    def _tables(self):
        if not self._rows:
            yield "LayerMonitor: no epoch has been recorded yet.", ["layer"], []
            return
        fit, epoch, *_ = self._rows[-1]
        of_fit = [row for row in self._rows if row[0] == fit]
        last = [row for row in of_fit if row[1] == epoch]
        first = [row for row in of_fit if row[1] == of_fit[0][1]]
        statistics = [LayerStatistics(*row[3:-2]) for row in last]
        of_epoch = f"epoch {epoch} of fit {fit}"
        yield (
            "\n".join([f"Layers after {of_epoch}.", *remarks_on(statistics)]),
            [*HEADS, "change of W / W", "change of b / b"],
            [list(map(or_none, row[2:])) for row in last],
        )
        if len(of_fit) > len(last):
            yield _trend(of_fit, first, last)


class _Sample:
    """The rows on which the statistics are computed, as the network reads them."""

    def __init__(self, estimator, X, y, sample_weight, max_rows):
        _, X, targets = network_and_targets(estimator, X, y)
        weights = check_sample_weight(sample_weight, X.shape[0])
        weights = _with_class_weights(estimator, y, weights)
        rows = sample_rows(X.shape[0], weights, max_rows)
        self.X, self.y = take_rows(X, rows), take_rows(targets, rows)
        self.weights = None if weights is None else take_rows(weights, rows)


def _with_class_weights(estimator, y, sample_weight):
    """Multiply the sample weights by those of ``class_weight``, if any."""
    targets = targets_of(estimator)
    if targets.class_weights is None:
        return sample_weight
    y = check_array(y, accept_sparse="csr", ensure_2d=False, dtype=None)
    y = y.ravel() if y.shape[1:] == (1,) else y
    codes = targets.encode(y, None)
    return targets.weigh(codes, sample_weight, "sample_weight")


class _Run:
    """One call to ``fit`` or ``partial_fit``.

    Attributes
    ----------
    number : int or None
        Number of the fit in the history; a continued ``partial_fit`` keeps its number.
    epoch : int
        The last epoch recorded.
    """

    def __init__(self, name, sample):
        self.name = name
        self.number = None
        self.epoch = 0
        self._sample = sample
        self._before = None

    def begin_after(self, last, estimator, numbers):
        """Begin after another run, with the current weights.

        ``numbers`` has the numbers in use, also by fits that run in other threads.
        """
        self.epoch = len(estimator.loss_curve_)
        self._before = _copied(estimator)
        number, mine = 0 if last is None else last.number, object()
        both = last is not None and self.name == last.name == "partial_fit"
        if not (both and self.epoch == last.epoch > 0):
            number += 1
            while numbers.setdefault(number, mine) is not mine:
                number += 1
        self.number = number

    def rows(self, estimator):
        """Yield the rows of the history for the current weights."""
        network, sample = estimator.network_, self._sample
        of_layers = statistics_of_layers(network, sample.X, sample.y, sample.weights)
        now = _copied(estimator)
        for layer, statistics in enumerate(of_layers):
            ratios = (_NAN, _NAN)
            if self.epoch > 0:
                pairs = zip(self._before[layer], now[layer], strict=True)
                ratios = tuple(update_ratio(*pair) for pair in pairs)
            yield self.number, self.epoch, layer + 1, *astuple(statistics), *ratios
        self._before = now


def _copied(estimator):
    """Copy the coefficients and intercepts, as one pair per layer."""
    layers = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    return [(W.copy(), b.copy()) for W, b in layers]


def _trend(of_fit, first, last):
    """Make a table of the first and the last recorded epoch."""
    gradient = COLUMNS.index("coef_grad_norm")
    update = COLUMNS.index("coef_update_ratio")
    flat = COLUMNS.index("dead_units"), COLUMNS.index("saturated_units")
    updated = min(row[1] for row in of_fit if row[1] > 0)
    begun = [row for row in of_fit if row[1] == updated]
    epochs = first[0][1], last[0][1]
    columns = ["layer"]
    columns += [f"|dF/dW|, epoch {epoch}" for epoch in epochs]
    columns += [f"change of W / W, epoch {epoch}" for epoch in (updated, epochs[1])]
    columns += [f"dead or saturated units, epoch {epoch}" for epoch in epochs]
    rows = [
        [
            now[2],
            *(then[gradient], now[gradient]),
            *(early[update], now[update]),
            *(or_none(sum(row[k] for k in flat)) for row in (then, now)),
        ]
        for then, early, now in zip(first, begun, last, strict=True)
    ]
    return "First and last recorded epoch.", columns, rows

"""check_gradients compares the gradients of backpropagation with differences."""

from collections import Counter
from numbers import Real

import numpy as np

from pybackprop._reports import Tabular
from pybackprop.inspection._resolve import network_and_targets
from pybackprop.inspection.gradients.comparison import ALLOWED
from pybackprop.inspection.gradients.custom_loss import check_custom_loss
from pybackprop.inspection.gradients.data_loss import (
    Data,
    check_data_gradient,
    nothing_to_compare,
)
from pybackprop.inspection.gradients.penalty import BOTH, check_penalty_gradient


def check_gradients(network, X, y, *, sample_weight=None, loss=None, step=None):
    """Compare the gradients of backpropagation with differences of the loss.

    Each derivative dF/dw is compared with (F(w + h) - F(w - h)) / 2h, extrapolated from
    two steps, in float64. The known difficulties of such a check are handled, and
    reported in the result:

    - A *kink* (relu, the hard activations, the absolute error, abs(w) under L1
      penalty): where the step crosses one there is no derivative to compare. Smaller
      steps are tried; elements for which none is small enough are skipped, counted and
      explained. Only values of the loss and of pre-activations decide, so a gradient
      is never skipped because it is wrong.
    - The *step* is the length that moves the pre-activation by about eps**(1/5),
      whatever the scale of the inputs, and is reduced where the difference is
      uncertain.
    - *float32* has too few digits for differences: they are taken in a copy in float64,
      and the float32 gradients are compared with them with a wider tolerance.
    - A large *penalty* would hide the gradient of the data. Each is compared alone, in
      rows of its own, and a further row checks that the whole is their sum.
    - *Dropout* is not applied: the objective is the one that training reports.

    At most 500 rows of positive weight, evenly spaced, and at most 100 elements per
    tensor are used. A larger tensor is also compared along a direction of all its
    elements at once.

    Parameters
    ----------
    network : Network or fitted MLPClassifier or MLPRegressor
        It is not changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        As for ``Network.backprop``, or with an estimator as for its ``fit``.
    sample_weight : array-like of shape (n_samples,), default=None
    loss : callable, default=None
        A loss of your own, used instead of the network's:
        ``loss(y, y_pred) -> (values (n,), dloss_dy_pred (n, k))``. It is first checked
        alone, in the row 'dloss_dy_pred': its gradient against differences of its
        values, at each prediction.
    step : float, default=None
        Step h > 0 of every parameter, instead of the chosen ones, for example to see
        the effect of a step that is too large or too small.

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError
        For X, y or sample_weight that the network does not accept, or for a loss that
        returns other shapes.

    Notes
    -----
    Steps and extrapolation are those of [1]_ and [2]_. A relative difference of 1e-6
    is allowed in float64, 1e-3 in float32.

    References
    ----------
    .. [1] J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed., 2006, section 8.1.
    .. [2] W. H. Press et al., Numerical Recipes, 3rd ed., 2007, section 5.7.

    Examples
    --------
    >>> from pybackprop import Network
    >>> from pybackprop.inspection import check_gradients
    >>> network = Network([2, 3, 1], activation="tanh", random_state=0)
    >>> X, y = [[0.2, 0.4], [0.1, 0.9]], [0.3, 0.7]
    >>> check_gradients(network, X, y).ok
    True
    >>> def forgot_a_half(y, y_pred):
    ...     return ((y_pred - y) ** 2).sum(axis=1), y_pred - y
    >>> check_gradients(network, X, y, loss=forgot_a_half).rows[0].mistake[:33]
    'it is 0.5 times what it should be'
    """
    network, X, y = network_and_targets(network, X, y)
    _check_options(loss, step)
    if loss is not None:
        network = network.replace(loss=loss)
    value = network.objective(X, y, sample_weight)  # validates them
    data = Data(network, X, y, sample_weight)
    rows = []
    if not np.isfinite(value):
        rows.extend(nothing_to_compare(network))
        return GradientCheck(rows, network.dtype.name, data.n_rows, len(data.y), step)
    if callable(network.loss):
        y_pred = data.float64_network.predict(data.X)
        rows.append(
            check_custom_loss(
                network.loss,
                data.y,
                y_pred,
                data.dtype_of_values,
                network.output_activation,
            )
        )
    rows.extend(check_data_gradient(network, data, step))
    if np.any(network.alpha):
        rows.extend(check_penalty_gradient(network, data))
    return GradientCheck(rows, network.dtype.name, data.n_rows, len(data.y), step)


def _check_options(loss, step):
    if loss is not None and not callable(loss):
        raise ValueError(
            "loss must be a callable, loss(y, y_pred) -> (values, dloss_dy_pred), or "
            f"None for the network's own. Got {loss!r}."
        )
    is_number = isinstance(step, Real) and not isinstance(step, bool)
    if step is not None and not (is_number and 0 < step < np.inf):
        raise ValueError(f"step must be a finite number > 0, or None. Got {step!r}.")


class GradientCheck(Tabular):
    """Result of `check_gradients`.

    Attributes
    ----------
    rows : list of TensorCheck
        'dloss_dy_pred' if the loss is a callable; one row per tensor for the loss of
        the data; with a penalty, one row per penalized tensor and one for the sum of
        both. Each has ``name``, ``ok``, the norms ``analytic`` and ``numeric`` of both
        gradients, their ``relative_error``, the ``worst`` element, and ``mistake``, a
        description of what is wrong.
    ok : bool or None
        False if a gradient is wrong. None if no gradient is wrong, but in some row no
        element could be compared. True if all compared elements agree.
    skipped : dict of str to int
        Number of elements without a valid difference, by reason.
    """

    def __init__(self, rows, dtype, n_rows, n_used, step):
        self.rows = rows
        self._dtype = dtype
        self._n_rows = n_rows
        self._n_used = n_used
        self._step = step

    @property
    def ok(self):
        verdicts = [row.ok for row in self.rows]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    @property
    def skipped(self):
        total = Counter()
        for row in self.rows:
            total.update(row.skipped)
        return dict(total)

    def _sentences(self):
        yield self._verdict()
        # The row of the sum compares no gradient with differences.
        n_compared = sum(row.n_compared for row in self.rows if row.name != BOTH)
        n_skipped = sum(self.skipped.values())
        share = n_skipped / max(n_compared + n_skipped, 1)
        yield (
            f"{n_compared} elements are compared and {n_skipped} skipped "
            f"({share:.1%}), on {self._n_used} of {self._n_rows} rows."
        )
        if self._dtype == "float32":
            yield (
                "The network is float32: differences are taken in a copy in float64, "
                f"and a relative difference of {ALLOWED['float32']:g} is allowed."
            )
        if self._step is not None:
            yield f"The step of every parameter is {self._step:g}, as given."

    def _verdict(self):
        wrong = [row for row in self.rows if row.ok is False]
        if wrong:
            return "\n".join(f"WRONG, {row.name}: {row.mistake}." for row in wrong)
        unseen = [row.name for row in self.rows if row.ok is None]
        if unseen:
            return (
                f"UNDECIDED: in {', '.join(unseen)} no element could be compared, for "
                "the reasons below."
            )
        largest = max(row.relative_error for row in self.rows)
        return (
            "The gradients agree with the differences of the loss: the largest "
            f"relative difference is {largest:.1e}."
        )

    def _tables(self):
        columns = [
            *("gradient of", "backprop", "differences", "relative", "worst element"),
            *("backprop there", "difference there", "compared", "skipped", "ok"),
        ]
        rows = [
            (
                row.name,
                row.analytic,
                row.numeric,
                row.relative_error,
                "-" if row.worst is None else str(row.worst),
                row.worst_analytic,
                row.worst_numeric,
                f"{row.n_compared} of {row.n_elements}",
                sum(row.skipped.values()),
                row.ok,
            )
            for row in self.rows
        ]
        yield "\n".join(self._sentences()), columns, rows
        if self.skipped:
            yield (
                "Elements without a valid difference.",
                ["gradient of", "why", "elements"],
                [
                    (row.name, reason, n)
                    for row in self.rows
                    for reason, n in row.skipped.items()
                ],
            )

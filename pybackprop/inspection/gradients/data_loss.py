"""The gradient of the data's loss, without penalty, against differences."""

import numpy as np
import scipy.sparse

from pybackprop import _core
from pybackprop._data.dataset import some_rows, take_rows
from pybackprop._data.weights import check_sample_weight
from pybackprop.inspection.gradients.central import widened
from pybackprop.inspection.gradients.comparison import ALLOWED, TensorCheck, compare
from pybackprop.inspection.gradients.custom_loss import dtype_of_values
from pybackprop.inspection.gradients.kinks import kinks_of
from pybackprop.inspection.gradients.richardson import (
    NOT_FINITE,
    ObjectiveAlong,
    Slopes,
    first_step,
    steps_from,
)

_MOST_ROWS = 500
_MOST_ELEMENTS = 100
_GOLDEN = (np.sqrt(5) - 1) / 2
# A float32 pre-activation this near to a kink is on its side by chance.
_FLOAT32_MARGIN = 1e-5
_DIGITS_LOST = (
    ", at worst where a copy in float64 is right: float32 loses its digits there, as "
    "in saturated units, or overflows"
)
# A step must change a parameter by more than its rounding.
_SMALLEST_STEP = 1e-7
_TINY = np.finfo(np.float64).tiny


class Data:
    """The rows that take part, as a network reads them and in double; and its twin.

    Those of positive weight, at most 500, evenly over the table.
    """

    def __init__(self, network, X, y, sample_weight):
        X = network._check_X(X)
        self.n_rows = X.shape[0]
        weights = check_sample_weight(sample_weight, self.n_rows)
        rows = some_rows(self.n_rows, weights, _MOST_ROWS)
        y = np.asarray(y, dtype=network.dtype).reshape(self.n_rows, -1)
        self.as_read = take_rows(X, rows), np.ascontiguousarray(take_rows(y, rows))
        self.X, self.y = (table.astype(np.float64) for table in self.as_read)
        if network.dtype == np.float32 and _sums_to_one(network):
            self.y /= self.y.sum(axis=1, keepdims=True)  # in float32 they did
        self.weights = None if weights is None else take_rows(weights, rows)
        n_taken = len(self.y)
        self.total_weight = float(n_taken if weights is None else self.weights.sum())
        self.twin = widened(network)
        self.dtype_of_values = "float64"
        if callable(network.loss_name):
            y_pred = self.twin.predict(self.X)
            self.dtype_of_values = dtype_of_values(network.loss_name, self.y, y_pred)


def _sums_to_one(network):
    loss = network.loss_name
    return not callable(loss) and _core.losses()[loss]["rows_sum_to_one"]


def check_data_gradient(network, data, step):
    """A `TensorCheck` for each tensor in turn, coefficients before intercepts."""
    plain = network.replace(alpha=0.0)
    gradients = plain.gradients(*data.as_read, data.weights)
    twin = data.twin
    trace = twin.forward(data.X)
    names = [*twin.hidden_activations, twin.output_activation]
    margin = _FLOAT32_MARGIN if network.dtype == np.float32 else 0.0
    eps = float(np.finfo(data.dtype_of_values).eps)
    allowed = max(ALLOWED[network.dtype.name], ALLOWED[data.dtype_of_values])
    objective = ObjectiveAlong(
        twin,
        twin._core_without_penalty(),
        data.X,
        data.y,
        data.weights,
        [kinks_of(name) for name in names],
        [margin * np.abs(z).max() for z in trace.z],
        eps,
    )
    steps = _Steps(twin, trace, objective.has_kinks, step, first_step(eps))
    for kind, layer, first in _tensors(twin):
        gradient = gradients[kind == "intercepts"][layer]
        analytic = np.asarray(gradient, dtype=np.float64)
        places = spread(analytic.size)
        slopes, largest = [], 0.0
        for place in places:
            of_element = steps.of_element(kind, layer, place)
            slopes.append(objective.slope(first + place, 1.0, of_element, largest))
            if np.isfinite(slopes[-1].uncertainty):
                largest = max(largest, float(np.abs(slopes[-1].value)))
        flat = analytic.ravel()
        compared = flat[places]
        if len(places) < flat.size:
            # All at once, along the gradient's own signs: nothing cancels there.
            signs = np.where(flat >= 0, 1.0, -1.0)
            where = slice(first, first + flat.size)
            slopes.append(objective.slope(where, signs, steps.of_all(kind, layer)))
            places = np.append(places, -1)
            compared = np.append(compared, np.abs(flat).sum())
        check = compare(
            f"{kind}_[{layer}]",
            analytic.shape,
            places,
            compared,
            Slopes.joined(slopes),
            allowed,
        )
        if check.ok is False and network.dtype == np.float32:
            wide = network.replace(dtype=np.float64, alpha=0.0)
            gradients_there = wide.gradients(data.X, data.y, data.weights)
            exact = gradients_there[kind == "intercepts"][layer]
            if _agrees_at(check, exact):
                check.mistake += _DIGITS_LOST
        yield check


def _agrees_at(check, exact):
    """Whether a gradient in double agrees with the difference at the worst element."""
    if not isinstance(check.worst, tuple):
        return False
    numeric = check.worst_numeric
    return abs(exact[check.worst] - numeric) <= ALLOWED["float64"] * abs(numeric)


def nothing_to_compare(network):
    """A `TensorCheck` for each tensor of a network whose loss is not finite."""
    for kind, layer, _ in _tensors(network):
        size = getattr(network, kind)[layer].size
        yield TensorCheck(f"{kind}_[{layer}]", size, skipped={NOT_FINITE: size})


def _tensors(network):
    """(kind, layer, index of its first element among the parameters), in reading order.

    All coefficients come first in the vector, then all intercepts.
    """
    sizes = [
        [array.size for array in part] for part in (network.coefs, network.intercepts)
    ]
    starts = np.concatenate([[0], np.cumsum(sizes[0] + sizes[1])]).tolist()
    n_layers = len(network.coefs)
    for layer in range(n_layers):
        yield "coefs", layer, starts[layer]
        yield "intercepts", layer, starts[n_layers + layer]


def spread(size):
    """At most 100 places of so many: all, or some that lie in all rows and columns.

    Multiples of the golden ratio, modulo 1, fill an interval as evenly as can be, and
    are in step with no matrix.
    """
    if size <= _MOST_ELEMENTS:
        return np.arange(size)
    fractions = np.arange(_MOST_ELEMENTS) * _GOLDEN % 1
    return np.array(sorted(set((fractions * size).astype(np.int64).tolist())))


class _Steps:
    """The steps to try for a parameter, from what a step does to pre-activations.

    A step of c in a coefficient moves pre-activations by c times the activation that
    it weighs, so c is taken in units of one over the largest of these.
    """

    def __init__(self, network, trace, has_kinks, given, first):
        self._first = first
        self._has_kinks = has_kinks
        self._given = given
        self._network = network
        self._largest, self._sums = [], []
        for a in trace.a[:-1]:
            sizes = abs(a)
            largest = sizes.max(axis=0)
            if scipy.sparse.issparse(largest):
                largest = largest.toarray()
            self._largest.append(np.ravel(largest))
            self._sums.append(float(np.max(sizes.sum(axis=1))))

    def of_element(self, kind, layer, place):
        if kind == "intercepts":
            value, reach = self._network.intercepts[layer][place], 1.0
        else:
            W = self._network.coefs[layer]
            row, column = divmod(int(place), W.shape[1])
            value, reach = W[row, column], self._largest[layer][row]
        return self._from(reach, abs(value))

    def of_all(self, kind, layer):
        if kind == "intercepts":
            return self._from(1.0, np.abs(self._network.intercepts[layer]).max())
        return self._from(self._sums[layer], np.abs(self._network.coefs[layer]).max())

    def _from(self, reach, size):
        if self._given is not None:
            return [float(self._given)]
        first = self._first / max(reach, _TINY) if reach > 0 else self._first
        return [
            max(h, _SMALLEST_STEP * size) for h in steps_from(first, self._has_kinks)
        ]

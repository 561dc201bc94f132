"""Compares the gradient of the loss, without penalty, with differences of the loss."""

import numpy as np
import scipy.sparse

from pybackprop import _core
from pybackprop._data.dataset import sample_rows, take_rows
from pybackprop._data.weights import check_sample_weight
from pybackprop.inspection.gradients.comparison import ALLOWED, TensorCheck, compare
from pybackprop.inspection.gradients.custom_loss import dtype_of_values
from pybackprop.inspection.gradients.kinks import kinks_of
from pybackprop.inspection.gradients.richardson import (
    NOT_FINITE,
    DirectionalObjective,
    NumericDerivatives,
    first_step,
    steps_from,
)

_MAX_ROWS = 500
_MAX_ELEMENTS = 100
_GOLDEN = (np.sqrt(5) - 1) / 2
# Rounding in float32 decides on which side of a kink a pre-activation this near lies.
_FLOAT32_MARGIN = 1e-5
_DIGITS_LOST = (
    "; a copy of the network in float64 has the right gradient at the worst element, "
    "so float32 loses its digits there, as in saturated units, or overflows"
)
# The smallest step relative to the parameter, well above its rounding error.
_SMALLEST_STEP = 1e-7
_TINY = np.finfo(np.float64).tiny


class Data:
    """At most 500 rows of positive weight, evenly spaced over the data set.

    Attributes
    ----------
    as_read : (X, y)
        The rows in the data type of the network.
    X, y : {ndarray, sparse matrix}
        The same in float64.
    weights : ndarray of shape (n_rows,) or None
    n_rows : int
        Number of rows of the data set.
    total_weight : float
        Sum of the weights of the rows that are used.
    float64_network : Network
        Copy of the network in float64.
    dtype_of_values : {'float64', 'float32'}
        Precision in which the loss computes its values.
    """

    def __init__(self, network, X, y, sample_weight):
        X = network._check_X(X)
        self.n_rows = X.shape[0]
        weights = check_sample_weight(sample_weight, self.n_rows)
        rows = sample_rows(self.n_rows, weights, _MAX_ROWS)
        y = np.asarray(y, dtype=network.dtype).reshape(self.n_rows, -1)
        self.as_read = take_rows(X, rows), np.ascontiguousarray(take_rows(y, rows))
        self.X, self.y = (table.astype(np.float64) for table in self.as_read)
        if network.dtype == np.float32 and _sums_to_one(network):
            # Rows that sum to 1 in float32 need not do so in float64.
            self.y /= self.y.sum(axis=1, keepdims=True)
        self.weights = None if weights is None else take_rows(weights, rows)
        n_taken = len(self.y)
        self.total_weight = float(n_taken if weights is None else self.weights.sum())
        self.float64_network = network.replace(dtype=np.float64)
        self.dtype_of_values = "float64"
        if callable(network.loss):
            y_pred = self.float64_network.predict(self.X)
            self.dtype_of_values = dtype_of_values(network.loss, self.y, y_pred)


def _sums_to_one(network):
    loss = network.loss
    return not callable(loss) and _core.losses()[loss]["rows_sum_to_one"]


def check_data_gradient(network, data, step):
    """Yield a `TensorCheck` for each tensor: of each layer coefficients, intercepts."""
    plain = network.replace(alpha=0.0)
    gradients = plain.gradients(*data.as_read, data.weights)
    float64_network = data.float64_network
    trace = float64_network.forward(data.X)
    names = [*float64_network.hidden_activations, float64_network.output_activation]
    margin = _FLOAT32_MARGIN if network.dtype == np.float32 else 0.0
    eps = float(np.finfo(data.dtype_of_values).eps)
    allowed = max(ALLOWED[network.dtype.name], ALLOWED[data.dtype_of_values])
    objective = DirectionalObjective(
        float64_network,
        float64_network._core_without_penalty(),
        data.X,
        data.y,
        data.weights,
        [kinks_of(name) for name in names],
        [margin * np.abs(z).max() for z in trace.z],
        eps,
    )
    steps = _Steps(float64_network, trace, objective.has_kinks, step, first_step(eps))
    for kind, layer, first in _tensors(float64_network):
        gradient = gradients[kind == "intercepts"][layer]
        analytic = np.asarray(gradient, dtype=np.float64)
        places = spread(analytic.size)
        derivatives, largest = [], 0.0
        for place in places:
            of_element = steps.of_element(kind, layer, place)
            found = objective.derivative(first + place, 1.0, of_element, largest)
            derivatives.append(found)
            if np.isfinite(found.uncertainty):
                largest = max(largest, float(np.abs(found.value)))
        flat = analytic.ravel()
        compared = flat[places]
        if len(places) < flat.size:
            # All elements at once, along the signs of the gradient: nothing cancels.
            signs = np.where(flat >= 0, 1.0, -1.0)
            where = slice(first, first + flat.size)
            of_all = steps.of_all(kind, layer)
            derivatives.append(objective.derivative(where, signs, of_all))
            places = np.append(places, -1)
            compared = np.append(compared, np.abs(flat).sum())
        check = compare(
            f"{kind}_[{layer}]",
            analytic.shape,
            places,
            compared,
            NumericDerivatives.joined(derivatives),
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
    """Tell whether a float64 gradient agrees at the worst element of a check."""
    if not isinstance(check.worst, tuple):
        return False
    numeric = check.worst_numeric
    return abs(exact[check.worst] - numeric) <= ALLOWED["float64"] * abs(numeric)


def nothing_to_compare(network):
    """Yield an empty `TensorCheck` for each tensor, since the loss is not finite."""
    for kind, layer, _ in _tensors(network):
        size = getattr(network, kind)[layer].size
        yield TensorCheck(f"{kind}_[{layer}]", size, skipped={NOT_FINITE: size})


def _tensors(network):
    """Yield (kind, layer, index of the first element in the vector of parameters).

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
    """Choose at most 100 of ``size`` elements of a flat matrix.

    Multiples of the golden ratio, modulo 1, fill an interval evenly, and are not
    periodic, so that they do not stay in a few rows or columns of the matrix.
    """
    if size <= _MAX_ELEMENTS:
        return np.arange(size)
    fractions = np.arange(_MAX_ELEMENTS) * _GOLDEN % 1
    return np.array(sorted(set((fractions * size).astype(np.int64).tolist())))


class _Steps:
    """Chooses the steps of a parameter by how far they move the pre-activations.

    A step h of a coefficient moves each pre-activation by h times the activation that
    it multiplies, so h is taken in units of one over the largest of these.
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

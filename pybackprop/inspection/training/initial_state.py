"""Where the training of an estimator starts: its network, and what to train it on."""

import warnings

import numpy as np
import scipy.optimize
from scipy.sparse import issparse
from sklearn.base import clone

from pybackprop import _core
from pybackprop._data.dataset import some_rows, take_rows
from pybackprop._model.initialization import (
    activations_of_draws,
    bound_of_draws,
    generator_of,
)
from pybackprop._parameters import check_parameters
from pybackprop._threads import default_n_threads
from pybackprop._training.diagnosis import warn_of_inputs
from pybackprop.exceptions import ScalingWarning
from pybackprop.network import Network

_MOST_ROWS = 1000
# Of the loss of zeros.
_NOTHING = 1e-6


class Start:
    """The start of a fit, of which nothing is fitted.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Left as it is: a clone takes its place.
    X, y, sample_weight
        As for its ``fit``.
    **parameters
        To set in the clone, those of them that it has.

    Attributes
    ----------
    model : estimator
        The clone.
    network : Network
        With initial weights.
    X, y, weights
        At most 1000 rows of positive weight, evenly over the table, as the network
        reads them; weights are None for all alike, and have those of classes in them.
    total_weight : float
        Of the whole table.
    complaint : str
        About the scale of the inputs, as a fit would warn of it; or empty.
    """

    def __init__(self, estimator, X, y, sample_weight, **parameters):
        self.model = model = clone(estimator)
        known = model.get_params(deep=False)
        model.set_params(**{k: v for k, v in parameters.items() if k in known})
        check_parameters(model)
        training_rows, loss = model._check_rows(X, y, sample_weight, True, False, None)
        self.network = model._training_network(
            training_rows, loss, True, generator_of(model.random_state)
        )
        table, n_rows = training_rows.table, training_rows.n_samples
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ScalingWarning)
            warn_of_inputs(model, table)
        self.complaint = str(caught[0].message) if caught else ""
        weights = table.sample_weight
        self.total_weight = float(training_rows.total_weight)
        rows = some_rows(n_rows, weights, _MOST_ROWS)
        self.X = take_rows(table.X, rows)
        targets = model._numbers(take_rows(table.targets, rows), self.network.dtype)
        self.y = np.ascontiguousarray(targets)
        self.weights = None if weights is None else take_rows(weights, rows)

    def few(self, n):
        """X and y of at most n rows, evenly over the targets, so of all classes."""
        in_order = np.lexsort(self.y.T)
        rows = in_order[np.linspace(0, len(self.y) - 1, n).astype(int)]
        rows = sorted(set(rows.tolist()))
        return take_rows(self.X, rows), np.ascontiguousarray(take_rows(self.y, rows))

    def loss_without_learning(self, X, y):
        """The lesser loss of the initial weights and of the best constant, on rows.

        The former where a constant is right, or nobody knows which one is.
        """
        first = self.network.replace(alpha=0.0).loss(X, y)
        if callable(self.network.loss_name):
            return first
        constants = _Constants(self.network, y, None)
        constant, of_zero = constants.least(), constants.loss_of(np.zeros(y.shape[1]))
        return min(first, constant) if constant > _NOTHING * of_zero else first

    def loss_of_data(self):
        """The loss without penalty."""
        return self.network.replace(alpha=0.0).loss(self.X, self.y, self.weights)

    def loss_of_zero(self):
        """The loss of a network whose parameters are all 0."""
        return self._constants().loss_of(np.zeros(self.y.shape[1]))

    def loss_of_best_constant(self):
        """The least loss of predictions that are the same for all rows."""
        return self._constants().least()

    def _constants(self):
        return _Constants(self.network, self.y, self.weights)

    def size_of_inputs(self):
        """Root mean square over rows and features."""
        squares = self.X.multiply(self.X) if issparse(self.X) else np.square(self.X)
        return float(np.sqrt(squares.mean(dtype=np.float64)))

    def excess_of_initial_weights(self):
        """The layer whose coefficients exceed the usual ones most, and how many times.

        Compared are root mean squares; those of numbers that are uniform within a
        bound are a root of 3 below it.
        """
        names = activations_of_draws(self.network)
        ratios = [
            np.sqrt(3 * np.mean(np.square(W, dtype=np.float64)))
            / bound_of_draws(name, *W.shape)
            for name, W in zip(names, self.network.coefs, strict=True)
        ]
        layer = int(np.argmax(ratios))
        return layer + 1, float(ratios[layer])


class _Constants:
    """The loss of outputs that do not see the inputs, as a function of their z."""

    def __init__(self, network, y, weights):
        self._y = y.astype(np.float64)
        self._core = Network(
            [1, y.shape[1]],
            output_activation=network.output_activation,
            loss=network.loss_name,
            loss_parameter=network.loss_parameter,
        ).core
        self._data = (
            _core.Samples(np.zeros((len(y), 1)), np.float64),
            _core.Targets(self._y, np.float64),
            weights,
        )

    def loss_of(self, z):
        return self._with_gradient(z)[0]

    @np.errstate(all="ignore")
    def _with_gradient(self, z):
        parameters = np.concatenate([np.zeros(len(z)), z])
        gradient = np.empty_like(parameters)
        value = self._core.objective(
            parameters, *self._data, gradient, None, default_n_threads()
        )
        return value, gradient[len(z) :]

    def least(self):
        """From the best of some quantiles of the targets, and of 0, downhill."""
        quantiles = np.quantile(self._y, np.linspace(0, 1, 101), axis=0)
        starts = [np.zeros(self._y.shape[1]), *quantiles]
        values = [self.loss_of(z) for z in starts]
        values = np.where(np.isfinite(values), values, np.inf)
        best = np.argmin(values)
        if values[best] == np.inf:
            return np.nan
        found = scipy.optimize.minimize(
            self._with_gradient, starts[best], jac=True, method="L-BFGS-B"
        )
        return float(np.fmin(found.fun, values[best]))

"""Builds the initial network of an estimator's fit, and the data it would train on."""

import warnings

import numpy as np
import scipy.optimize
from scipy.sparse import issparse
from sklearn.base import clone

from pybackprop import _core
from pybackprop._data.dataset import sample_rows, take_rows
from pybackprop._estimator.data import read_arrays
from pybackprop._estimator.fitted import targets_of
from pybackprop._estimator.start_network import build_network
from pybackprop._model.initialization import (
    activations_of_draws,
    bound_of_draws,
    generator_of,
)
from pybackprop._parameters import check_parameters
from pybackprop._threads import default_n_threads
from pybackprop._training.diagnosis import warn_of_inputs
from pybackprop._training.request import FitRequest
from pybackprop._training.state import Problem
from pybackprop.exceptions import ScalingWarning
from pybackprop.network import Network

_MAX_ROWS = 1000
# At most this share of the loss of zero parameters counts as no loss.
_NEGLIGIBLE = 1e-6


class InitialState:
    """The state of a fit before its first step.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        It is not changed: a clone is used.
    X, y, sample_weight
        As for its ``fit``.
    **parameters
        Parameters to set in the clone; those that it does not have are ignored.

    Attributes
    ----------
    model : estimator
        The clone, which is not fitted.
    network : Network
        The network with its initial weights.
    X, y, weights
        At most 1000 rows of positive weight, evenly spaced, in the network's data
        type. The weights include those of classes; None if all are equal.
    total_weight : float
        Sum of the weights of all rows.
    scaling_warning : str
        The message in which a fit would warn of the scale of the inputs, or empty.
    """

    def __init__(self, estimator, X, y, sample_weight, **parameters):
        self.model = model = clone(estimator)
        known = model.get_params(deep=False)
        model.set_params(**{k: v for k, v in parameters.items() if k in known})
        check_parameters(model)
        targets = targets_of(model)
        request = FitRequest("fit", X, y, sample_weight)
        data, _ = read_arrays(model, targets, request, starts_anew=True)
        random_state = generator_of(model.random_state)
        self.network = build_network(model, data, True, random_state)
        table, n_rows = data.dataset, data.n_samples
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ScalingWarning)
            feature_names = getattr(model, "feature_names_in_", None)
            warn_of_inputs(Problem(model, self.network, data), feature_names)
        self.scaling_warning = str(caught[0].message) if caught else ""
        weights = table.sample_weight
        self.total_weight = float(data.total_weight)
        rows = sample_rows(n_rows, weights, _MAX_ROWS)
        self.X = take_rows(table.X, rows)
        numbers = targets.numbers(take_rows(table.targets, rows), self.network.dtype)
        self.y = np.ascontiguousarray(numbers)
        self.weights = None if weights is None else take_rows(weights, rows)

    def few(self, n):
        """Choose at most n rows, evenly over the sorted targets, so of all classes."""
        in_order = np.lexsort(self.y.T)
        rows = in_order[np.linspace(0, len(self.y) - 1, n).astype(int)]
        rows = sorted(set(rows.tolist()))
        return take_rows(self.X, rows), np.ascontiguousarray(take_rows(self.y, rows))

    def loss_without_learning(self, X, y):
        """Compute the smaller loss of the initial weights and of the best constant.

        It is that of the initial weights where a constant fits exactly, and for a
        user-defined loss, whose best constant is unknown.
        """
        first = self.network.replace(alpha=0.0).objective(X, y)
        if callable(self.network.loss):
            return first
        constants = _Constants(self.network, y, None)
        constant, of_zero = constants.minimum(), constants.loss_of(np.zeros(y.shape[1]))
        return min(first, constant) if constant > _NEGLIGIBLE * of_zero else first

    def loss_of_data(self):
        """Compute the loss without penalty."""
        return self.network.replace(alpha=0.0).objective(self.X, self.y, self.weights)

    def loss_of_zero(self):
        """Compute the loss of a network whose parameters are all 0."""
        return self._constants().loss_of(np.zeros(self.y.shape[1]))

    def loss_of_best_constant(self):
        """Compute the smallest loss of predictions that are the same for all rows."""
        return self._constants().minimum()

    def _constants(self):
        return _Constants(self.network, self.y, self.weights)

    def size_of_inputs(self):
        """Compute the root mean square of X over rows and features."""
        squares = self.X.multiply(self.X) if issparse(self.X) else np.square(self.X)
        return float(np.sqrt(squares.mean(dtype=np.float64)))

    def excess_of_initial_weights(self):
        """Return the layer with the largest coefficients relative to the usual ones.

        Returns its number and the ratio of the root mean squares. That of a uniform
        distribution is its bound divided by the square root of 3.
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
    """The loss of outputs that do not depend on X, as a function of their z."""

    def __init__(self, network, y, weights):
        self._y = y.astype(np.float64)
        self._core = Network(
            [1, y.shape[1]],
            output_activation=network.output_activation,
            loss=network.loss,
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

    def minimum(self):
        """Minimize the loss from the best of 0 and some quantiles of the targets."""
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

"""formulations runs two courses' backpropagation side by side on a user's network.

A third run shows the mistake to use y_pred - y, which is delta at the output of a
canonical pair, for any other pair.
"""

from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np

from pybackprop._data.weights import check_sample_weight
from pybackprop._reports import Tabular
from pybackprop.by_hand.activations import OUTPUTS
from pybackprop.inspection._resolve import network_and_targets
from pybackprop.inspection.delta.courses import hinton, ng
from pybackprop.inspection.delta.float64_copy import InFloat64, require_formulas
from pybackprop.inspection.delta.formulas import is_canonical

# Larger than the relative error of finite differences of a smooth function.
_ROUNDING = 1e-6


def formulations(network, X, y, *, sample_weight=None, n_differences=200):
    """Run two courses' backpropagation on a network, and a mistaken version of it.

    Andrew Ng's *Machine Learning* propagates delta from layer to layer; Geoffrey
    Hinton's *Neural Networks for Machine Learning* the derivatives at the units'
    outputs.  Both are computed as written, in plain NumPy and float64, whatever the
    network's data type, from one forward pass.  The source is
    ``pybackprop/inspection/delta/courses.py``.

    Parameters
    ----------
    network : Network or fitted MLPClassifier or MLPRegressor
        It is not changed. For an estimator, ``estimator.network_`` is used.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Sparse input is converted to dense.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        As in ``Network.backprop``; with an estimator as in its ``fit``.
    sample_weight : array-like of shape (n_samples,), default=None
        Rows of weight 0 are left out: their rows in the results are zero.
    n_differences : int, default=200
        Maximum number of entries of each array at which a finite difference is taken,
        evenly spaced; the others are NaN in ``numeric``.  A difference at a parameter
        costs two passes over all rows.

    Returns
    -------
    Formulations

    Raises
    ------
    TypeError
        If ``network`` is neither a Network nor one of these estimators.
    ValueError
        For data that ``Network.backprop`` refuses; for a loss or an activation without
        a formula in ``by_hand.losses`` or ``by_hand.activations``.

    Examples
    --------
    >>> import numpy as np
    >>> from pybackprop import Network
    >>> from pybackprop.inspection import formulations
    >>> network = Network([2, 3, 1], output_activation="logistic", random_state=0)
    >>> both = formulations(network, [[0.2, 0.4], [0.1, 0.9]], [0, 1])
    >>> both.is_canonical
    False
    >>> bool(both.max_difference < 1e-15)
    True
    """
    _require_int("n_differences", n_differences, 1)
    network, X, y = network_and_targets(network, X, y)
    require_formulas(network)
    trace = network.backprop(X, y, sample_weight)
    weights = check_sample_weight(sample_weight, len(trace.z[0]))
    weights = np.ones(len(trace.z[0])) if weights is None else weights
    subject = InFloat64.of(network, trace.a[0], y, weights)
    # Saturated outputs give 0 times infinity, and diverged networks infinity.
    with np.errstate(all="ignore"):
        given = subject.forward_pass(subject.network)
        loss_gradient = subject.loss_gradient(given.a[-1])
        difference = given.a[-1] - given.y
        # For a canonical pair Ng writes y_pred - y, the simplified product.
        has_canonical_pair = is_canonical(network.loss, network.output_activation)
        start = difference
        if not has_canonical_pair:
            start = _vjp(network, given.z[-1], loss_gradient)
        computed = {
            "ng": ng(given, start),
            "hinton": hinton(given, loss_gradient),
            "mistaken": ng(given, difference),
        }
        computed["numeric"] = subject.numeric(given, int(n_differences))
    found = {
        name: {k: _spread(v, weights > 0) for k, v in of_samples.items()}
        | of_parameters
        for name, (of_samples, of_parameters) in computed.items()
    }
    for layer in range(1, given.n_layers + 1):
        found["hinton"][f"delta{layer}"] = found["hinton"][f"dE_dz{layer}"]
    return Formulations(
        **found,
        core=_quantities_of_core(trace),
        is_canonical=has_canonical_pair,
        loss=network.loss,
        output_activation=network.output_activation,
        _subject=subject,
    )


@dataclass(frozen=True)
class Comparison:
    """Comparison of one quantity between the algorithms.

    Attributes
    ----------
    name : str
        Key of the quantity in ``Formulations.core``.
    in_ng, in_hinton : str or None
        Its key in ``ng`` and ``hinton``; None if the algorithm does not compute it.
    shape : tuple of int
    largest : float
        Largest absolute entry, of the core or, if it does not compute it, of Hinton.
    ng_hinton, ng_core : float or None
        Largest absolute difference of the two.
    ng_numeric, mistaken_numeric : float or None
        Largest absolute difference, divided by the largest entry of ``numeric``.
    """

    name: str
    in_ng: object
    in_hinton: str
    shape: tuple
    largest: float
    ng_hinton: object
    ng_core: object
    ng_numeric: object
    mistaken_numeric: object


@dataclass(repr=False, eq=False)
class Formulations(Tabular):
    """Result of `formulations`: every quantity by two courses, and by the mistake.

    All are dicts of float64 arrays. Gradients of parameters are those of the objective
    F, with sample weights, 1/S and the penalty.

    Attributes
    ----------
    ng : dict of ndarray
        'delta1' ... 'deltaL', (n_samples, d_l): gradient of a sample's loss at z_l.
        'dW1' ... 'dWL', (d_(l-1), d_l), and 'db1' ... 'dbL', (d_l,): gradients of F.
        'distributed1' ... up to L - 1, (n_samples, d_l): delta_(l+1) W_(l+1)^T, which
        is Hinton's dE_dy.
        'Delta1' ... 'DeltaL', (1 + d_(l-1), d_l): weighted sums over the samples,
        before the division by S, with the bias unit's row first.
        Delta at the output is y_pred - y for a canonical pair, where that is the
        gradient, and J^T dloss/dy_pred for any other.
    hinton : dict of ndarray
        'dE_dy1' ... 'dE_dyL', (n_samples, d_l): gradient of a sample's loss at the
        layer's activations. 'dE_dz1' ... 'dE_dzL', which are also 'delta1' ...
        'deltaL': gradient at z. 'dW1' ..., 'db1' ... as above.
        The product dy/dz dE/dy is computed in floating point. Where the output is
        saturated it may be 0 times infinity, and then it is NaN. ``Network.backprop``
        computes it from z, and is finite.
    mistaken : dict of ndarray
        Ng's algorithm, started with y_pred - y whatever the loss. For a canonical pair
        that is the gradient. For any other pair no error is raised, but the result is
        the gradient of another loss, or of none: with squared error and a logistic
        output, that of the log-loss.
    numeric : dict of ndarray
        'dW1' ..., 'db1' ...: central differences of the compiled objective, in float64;
        'delta1' ...: those of a sample's loss at z. NaN where none was taken.
        At a kink, as of relu, a difference lies between the derivatives of both sides.
    core : dict of ndarray
        The same keys, from ``Network.backprop``, in the network's data type.
    is_canonical : bool
        Whether the output activation is the canonical one of the loss.
    loss : str or callable
    output_activation : str
    """

    ng: dict
    hinton: dict
    mistaken: dict
    numeric: dict
    core: dict
    is_canonical: bool
    loss: object
    output_activation: str
    _subject: object = field(default=None)

    @property
    def rows(self):
        """List of ``Comparison``, one per quantity, from the output to layer 1."""
        n_layers = sum(name.startswith("dW") for name in self.core)
        return [
            row
            for layer in range(n_layers, 0, -1)
            for row in self._rows_of_layer(layer)
        ]

    def _rows_of_layer(self, layer):
        distributed = f"distributed{layer}"
        yield self._compared(
            f"dE_dy{layer}",
            distributed if distributed in self.ng else None,
            f"dE_dy{layer}",
        )
        yield self._compared(f"delta{layer}", f"delta{layer}", f"dE_dz{layer}")
        for name in (f"dW{layer}", f"db{layer}"):
            yield self._compared(name, name, name)

    def _compared(self, name, in_ng, in_hinton):
        of_ng, of_hinton = self.ng.get(in_ng), self.hinton[in_hinton]
        return Comparison(
            name,
            in_ng,
            in_hinton,
            of_hinton.shape,
            _largest(self.core.get(name, of_hinton)),
            _difference(of_ng, of_hinton),
            _difference(of_ng, self.core.get(name)),
            _relative(of_ng, self.numeric.get(name)),
            _relative(self.mistaken.get(name), self.numeric.get(name)),
        )

    @property
    def names(self):
        """Keys that are in all dicts, from the output to the first layer."""
        return [row.name for row in self.rows if row.name in self.numeric]

    @property
    def max_difference(self):
        """Largest absolute difference between ``ng`` and ``hinton``."""
        return _largest(np.array([_difference(*pair) for pair in self._pairs()]))

    def _pairs(self):
        for row in self.rows:
            if row.in_ng is not None:
                yield self.ng[row.in_ng], self.hinton[row.in_hinton]

    @property
    def mistake(self):
        """Largest relative difference between ``mistaken`` and ``numeric``.

        Over the arrays of parameters, each relative to its largest entry.
        """
        rows = [row for row in self.rows if _of_parameters(row.name)]
        return float(np.max([row.mistaken_numeric for row in rows]))

    @property
    def cosine(self):
        """Cosine of the angle between ``mistaken`` and ``core`` at all parameters.

        NaN if one of the two gradients is zero.
        """
        names = [name for name in self.names if _of_parameters(name)]
        mistaken, true = (
            np.concatenate([of[name].ravel() for name in names])
            for of in (self.mistaken, self.core)
        )
        return _cosine(mistaken, true)

    def training(self, n_steps=50, *, learning_rate=0.1):
        """Run gradient descent with the true gradient, and with the mistaken one.

        Both start from the parameters that the network had, in float64; the network is
        not changed.

        Parameters
        ----------
        n_steps : int, default=50
            Number of steps, each over all rows.
        learning_rate : float, default=0.1

        Returns
        -------
        dict of list of float
            'true' and 'mistaken': the objective before the first step and after each
            step, n_steps + 1 numbers. They may be NaN or infinite if it diverges.
        """
        _require_int("n_steps", n_steps, 0)
        if not isinstance(learning_rate, Real) or not 0 < learning_rate < np.inf:
            raise ValueError(
                f"learning_rate must be a finite number > 0. Got {learning_rate!r}."
            )
        return {
            name: self._subject.descend(of, n_steps, float(learning_rate))
            for name, of in (
                ("true", InFloat64.true_gradient),
                ("mistaken", InFloat64.mistaken_gradient),
            )
        }

    def _tables(self):
        columns = [
            "Ng",
            "Hinton",
            "shape",
            "largest",
            "|Ng - Hinton|",
            "|Ng - core|",
            "Ng vs. numeric",
            "mistaken vs. numeric",
        ]
        rows = [
            (
                row.in_ng,
                row.in_hinton,
                " x ".join(map(str, row.shape)),
                row.largest,
                row.ng_hinton,
                row.ng_core,
                row.ng_numeric,
                row.mistaken_numeric,
            )
            for row in self.rows
        ]
        yield "\n".join(self._sentences()), columns, rows

    def _sentences(self):
        loss = self.loss if isinstance(self.loss, str) else _name_of(self.loss)
        pair = f"{loss} with {self.output_activation}"
        if self.is_canonical:
            yield (
                f"{pair} is a canonical pair: the gradient at the output's z is "
                "y_pred - y."
            )
        else:
            yield (
                f"{pair} is not a canonical pair: the gradient at the output's z is "
                "dy/dz times dE/dy, and not y_pred - y."
            )
        yield from self._agreement()
        yield self._effect_of_the_mistake()

    def _agreement(self):
        if not np.isnan(self.max_difference):
            by = f"the largest difference is {self.max_difference:.1e}"
            if self.max_difference == 0:
                by = "they are equal in every bit"
            yield f"Both courses give the same numbers: {by}."
            return
        output = f"delta{sum(name.startswith('dW') for name in self.core)}"
        n_rows = int((~np.isfinite(self.hinton[output])).any(axis=1).sum())
        whose = "Hinton's product" if self.is_canonical else "The product"
        yield (
            f"{whose} dy/dz times dE/dy is 0 times infinity, or infinite, in {n_rows} "
            f"of {len(self.hinton[output])} rows: the output is saturated, and all "
            "quantities that follow are NaN or infinite."
        )
        if np.isfinite(self.core[output]).all():
            yield "The core computes the gradient at z directly, and it is finite."

    def _effect_of_the_mistake(self):
        if self.is_canonical:
            return "For this pair, starting with y_pred - y is right."
        if np.isnan(self.mistake):
            return "The mistake cannot be measured: not all numbers are finite."
        if self.mistake < _ROUNDING:
            return (
                "Starting with y_pred - y happens to give the gradient at these rows."
            )
        return (
            "Starting with y_pred - y would be a mistake: the result is off by up to "
            f"{self.mistake:.3g} times the largest entry of an array, and the cosine "
            f"of its angle with the gradient is {self.cosine:.2f}."
        )


def _require_int(name, value, low):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int >= {low}. Got {value!r}.")
    if value < low:
        raise ValueError(f"{name} must be an int >= {low}. Got {value!r}.")


def _vjp(network, z, loss_gradient):
    _, vjp = OUTPUTS[network.output_activation]
    return vjp(z, loss_gradient)


def _quantities_of_core(trace):
    quantities = {
        "dE_dy": trace.dloss_da,
        "delta": trace.delta,
        "dW": trace.coef_grads,
        "db": trace.intercept_grads,
    }
    return {
        f"{name}{layer}": array
        for name, arrays in quantities.items()
        for layer, array in enumerate(arrays, 1)
    }


def _of_parameters(name):
    return name.startswith(("dW", "db"))


def _spread(array, takes_part):
    """Put the rows of the samples that take part among rows of zeros."""
    spread = np.zeros((len(takes_part), array.shape[1]))
    spread[takes_part] = array
    return spread


def _largest(array):
    return float(np.abs(array).max())


def _difference(one, other):
    if one is None or other is None:
        return None
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return _largest(one - other)


def _relative(array, numeric):
    """Compute the largest difference over the largest entry, where not NaN."""
    if array is None or numeric is None:
        return None
    taken = ~np.isnan(numeric)
    if not taken.any():
        return np.nan
    difference = _difference(array[taken], numeric[taken])
    largest = _largest(numeric[taken])
    if largest == 0:  # differences below the rounding error count as 0
        return 0.0 if difference < np.finfo(np.float64).eps else difference * np.inf
    return difference / largest


def _cosine(u, v):
    with np.errstate(all="ignore"):
        u, v = (x.astype(np.float64) / np.linalg.norm(x) for x in (u, v))
        return float(np.clip(u @ v, -1, 1))


def _name_of(function):
    return getattr(function, "__name__", type(function).__name__)

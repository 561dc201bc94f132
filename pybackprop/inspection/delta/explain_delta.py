"""explain_delta shows delta at the output as the product of Jacobian and dloss/dy."""

from dataclasses import dataclass

import numpy as np

from pybackprop import _core
from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop._reports import Tabular
from pybackprop.inspection.delta.courses import through
from pybackprop.inspection.delta.formulas import formulas, is_canonical, reason
from pybackprop.network import Network

_SHAPES = "(n_outputs,) or (n_samples, n_outputs)"
# Maximum numbers of rows, and of units of a Jacobian, that are printed.
_MAX_ROWS, _MAX_UNITS = 100, 12


def explain_delta(loss, output_activation, *, z=None, y=None, loss_parameter=None):
    """Explain why delta at the output is y_pred - y, or why it is not.

    The numbers come from the compiled core, for a network that only applies the output
    activation to z.

    Parameters
    ----------
    loss : str or callable
        As in ``Network``.
    output_activation : str
    z : array-like of shape (n_outputs,) or (n_samples, n_outputs), default=None
        Pre-activations of the output. None chooses values of both signs, or, if the
        loss has a restricted domain, values whose predictions are about 0.2, 0.5 and
        0.8; in the shape of y.
    y : array-like of the shape of z, default=None
        Targets. None chooses values in the domain of the loss.
    loss_parameter : float, default=None
        As in ``Network``. None is 1 for 'huber', and for other losses the middle of the
        range.

    Returns
    -------
    DeltaExplanation

    Raises
    ------
    ValueError
        For an unknown name, for z and y that are not finite numbers of one shape, and
        for y outside the domain of the loss.

    Examples
    --------
    >>> from pybackprop.inspection import explain_delta
    >>> of = explain_delta("squared_error", "logistic", z=[0.0], y=[1.0])
    >>> of.delta, of.y_minus
    (array([-0.125]), array([-0.5]))
    """
    if loss_parameter is None:
        loss_parameter = usual_parameter(loss)
    # The constructor validates the names.
    Network(
        [1, 1],
        loss=loss,
        output_activation=output_activation,
        loss_parameter=loss_parameter,
    )
    z, y = _point(loss, output_activation, z, y)
    trace = output_trace(
        loss, output_activation, np.atleast_2d(z), np.atleast_2d(y), loss_parameter
    )
    one_row = z.ndim == 1

    def shaped(array):
        return array[0] if one_row else array

    return DeltaExplanation(
        loss=loss,
        output_activation=output_activation,
        z=z,
        y=y,
        y_pred=shaped(trace.a[-1]),
        dloss_dy=shaped(trace.dloss_da[0]),
        jacobian=shaped(_full_jacobian(trace.f_prime[0])),
        product=shaped(product_of(trace)),
        delta=shaped(trace.delta[0]),
        y_minus=shaped(trace.a[-1]) - y,
        is_canonical=is_canonical(loss, output_activation),
        reason=reason(loss, output_activation),
        formulas=formulas(loss, output_activation),
    )


def usual_parameter(loss):
    """Return the middle of the range of a loss's parameter, 1 if it is unbounded."""
    record = _core.losses().get(loss) if isinstance(loss, str) else None
    if record is None or record["parameter"] is None:
        return None
    low, high = record["parameter_low"], record["parameter_high"]
    return (low + high) / 2 if np.isfinite(high) else 1.0


def output_trace(loss, output_activation, z, y, loss_parameter):
    """Backpropagate through a network of one layer whose pre-activations are z."""
    n_units = z.shape[1]
    network = Network.from_parameters(
        [np.eye(n_units)],
        [np.zeros(n_units)],
        activation=(),
        output_activation=output_activation,
        loss=loss,
        loss_parameter=loss_parameter,
    )
    return network.backprop(z, y)


def product_of(trace):
    """Compute J^T dloss/dy of the only layer; NaN where it is 0 times infinity."""
    with np.errstate(invalid="ignore"):
        return through(trace.f_prime[0], trace.dloss_da[0])


def _full_jacobian(f_prime):
    """Return the Jacobians of shape (n, k, k), where [n, i, j] is dy_i / dz_j."""
    if f_prime.ndim == 3:
        return f_prime
    return f_prime[:, :, None] * np.eye(f_prime.shape[1])


def _point(loss, output_activation, z, y):
    """Validate z and y as float64 arrays of one shape, or choose them."""
    z, y = (
        None if array is None else _numbers(name, array)
        for name, array in (("z", z), ("y", y))
    )
    if z is None:
        z = _suitable_z(loss, output_activation, (3,) if y is None else y.shape)
    if y is None:
        y = _suitable_y(loss, z.shape)
    if z.shape != y.shape:
        raise ValueError(
            f"y must have the shape of z, {z.shape}. Got the shape {y.shape}."
        )
    return z, y


def _numbers(name, array):
    require_numbers(array, name)
    with argument_named(name):
        array = np.array(array, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"{name} must have the shape {_SHAPES}. Got the shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite. Got NaN or infinity.")
    return array


def _suitable_z(loss, output_activation, shape):
    """Choose z of both signs, or with predictions near 0.2, 0.5 and 0.8."""
    takes_all = in_domain(loss, np.array([-np.inf, np.inf])).all()
    if takes_all or _core.activations()[output_activation]["rowwise"]:
        return np.resize([-1.5, 0.4, 1.5], shape)
    grid = np.linspace(-3, 3, 121).reshape(-1, 1)
    image = _core.activate(output_activation, grid)
    nearest = np.abs(image - [0.2, 0.5, 0.8]).argmin(axis=0)
    return np.resize(grid[nearest, 0].round(2), shape)


def _suitable_y(loss, shape):
    """Choose targets of a loss: both ends of its domain, or numbers near 1."""
    record = _core.losses()[loss] if isinstance(loss, str) else None
    if record is not None and record["rows_sum_to_one"]:
        rows = np.zeros(shape).reshape(-1, shape[-1])
        rows[np.arange(len(rows)), np.arange(len(rows)) % shape[-1]] = 1
        return rows.reshape(shape)
    if record is not None and np.isfinite(record["target_high"]):
        low, high = record["target_low"], record["target_high"]
        return np.resize([high, low, high], shape)
    return np.resize([1.5, 0.3, 0.7], shape)


@dataclass(repr=False, eq=False)
class DeltaExplanation(Tabular):
    """Result of `explain_delta`: delta at the output and its two factors.

    Arrays have the shape of z, (n_outputs,) or (n_samples, n_outputs).

    Attributes
    ----------
    loss : str or callable
    output_activation : str
    z, y, y_pred : ndarray
        Pre-activations, targets and predictions.
    dloss_dy : ndarray
        Gradient of a sample's loss at y_pred. Infinite where a saturated output
        overflows.
    jacobian : ndarray of shape (n_outputs, n_outputs) or (n_samples, ...)
        [..., i, j] is dy_i / dz_j: diagonal, except for softmax.
    product : ndarray
        jacobian^T dloss_dy, in floating point: NaN where it is 0 times infinity.
    delta : ndarray
        Gradient of a sample's loss at z, as the core computes it. At the default output
        activation of the loss it is computed from z without the product, and so it is
        finite at saturated outputs.
    y_minus : ndarray
        y_pred - y.
    is_canonical : bool
        Whether delta is y_pred - y at every point, by the core's list of losses.
    reason : str
        The reason, in sentences.
    formulas : dict of str or None
        Formulas of 'dloss_dy', 'jacobian' (g'(z), if it is diagonal) and 'delta', in
        Python. None where this package has no formula, for example for a callable.
    """

    loss: object
    output_activation: str
    z: np.ndarray
    y: np.ndarray
    y_pred: np.ndarray
    dloss_dy: np.ndarray
    jacobian: np.ndarray
    product: np.ndarray
    delta: np.ndarray
    y_minus: np.ndarray
    is_canonical: bool
    reason: str
    formulas: dict

    @property
    def max_difference(self):
        """Largest abs(delta - (y_pred - y)); NaN if delta has NaN."""
        return float(np.abs(self.delta - self.y_minus).max())

    def _tables(self):
        yield self._title(), *self._of_units()
        is_rowwise = _core.activations()[self.output_activation]["rowwise"]
        if is_rowwise and self.z.shape[-1] <= _MAX_UNITS:
            yield self._of_jacobian()

    def _title(self):
        loss, formula = self.loss, self.formulas
        is_it = "is" if self.is_canonical else "is not"
        if not isinstance(loss, str):
            loss, is_it = "a loss of your own", f"{is_it} known to be"
        lines = [
            f"delta of {loss} with {self.output_activation} {is_it} y_pred - y.",
            self.reason,
        ]
        for name, words in (
            ("dloss_dy", "dloss/dy"),
            ("jacobian", "dy/dz   "),
            ("delta", "delta   "),
        ):
            if formula[name] is not None:
                lines.append(f"    {words} = {formula[name]}")
        return "\n".join([*lines, *self._remarks()])

    def _remarks(self):
        if not self.is_canonical and self.max_difference < 1e-12:
            yield "At this point it happens to be y_pred - y all the same."
        if np.isnan(self.product).any() and not np.isnan(self.delta).any():
            yield (
                "The output is saturated: the product of Jacobian and dloss/dy is 0 "
                "times infinity, so delta is computed from z directly."
            )
        if not in_domain(self.loss, self.y_pred).all():
            record = _core.losses()[self.loss]
            low, high = record["prediction_low"], record["prediction_high"]
            yield (
                f"Some predictions do not lie between {low:g} and {high:g}: there "
                f"{self.loss} is not defined, and its numbers have no meaning."
            )
        n_samples, n_units = np.atleast_2d(self.z).shape
        if n_samples > self._n_printed():
            yield f"Of {n_samples} samples, the first {self._n_printed()}:"
        elif n_units > _MAX_ROWS:
            yield f"Of {n_units} units, the first {_MAX_ROWS}:"

    def _of_units(self):
        rowwise = _core.activations()[self.output_activation]["rowwise"]
        columns = ["unit", "z", "y", "y_pred", "dloss/dy"]
        columns += ([] if rowwise else ["dy/dz"]) + ["delta", "y_pred - y"]
        arrays = [self.z, self.y, self.y_pred, self.dloss_dy]
        arrays += [] if rowwise else [self.jacobian.diagonal(axis1=-2, axis2=-1)]
        arrays += [self.delta, self.y_minus]
        table = np.stack([np.atleast_2d(array) for array in arrays], axis=2)
        table += 0.0  # prints -0 as 0
        rows = [
            [sample, unit + 1, *map(float, numbers)]
            for sample, of_sample in enumerate(table[: self._n_printed()])
            for unit, numbers in enumerate(of_sample[:_MAX_ROWS])
        ]
        if self.z.ndim == 1:
            return columns, [row[1:] for row in rows]
        return ["sample", *columns], rows

    def _n_printed(self):
        return max(_MAX_ROWS // self.z.shape[-1], 1)

    def _of_jacobian(self):
        n_units = self.z.shape[-1]
        columns = ["dy/dz", *(f"z_{j + 1}" for j in range(n_units))]
        jacobians = self.jacobian.reshape(-1, n_units, n_units) + 0.0  # prints -0 as 0
        rows = [
            [sample, f"y_{i + 1}", *map(float, row)]
            for sample, of_sample in enumerate(jacobians[: self._n_printed()])
            for i, row in enumerate(of_sample)
        ]
        title = "The Jacobian: every output depends on every z."
        if self.z.ndim == 1:
            return title, columns, [row[1:] for row in rows]
        return title, ["sample", *columns], rows


def in_domain(loss, y_pred):
    """Tell which predictions lie in the domain of a loss."""
    if not isinstance(loss, str):
        return np.full(y_pred.shape, True)
    record = _core.losses()[loss]
    low, high = record["prediction_low"], record["prediction_high"]
    inside = (y_pred > low) & (y_pred < high)
    if record["prediction_ends_belong"]:
        inside |= (y_pred == low) | (y_pred == high)
    return inside

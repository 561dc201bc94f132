"""delta_table tests for each loss and output activation whether delta is y_pred - y."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pybackprop import _core
from pybackprop._reports import Tabular
from pybackprop.inspection.delta.explain_delta import (
    in_domain,
    output_trace,
    product_of,
    usual_parameter,
)
from pybackprop.inspection.delta.formulas import LOSS_GRADIENTS, formulas, is_canonical

_N_SAMPLES, _N_OUTPUTS = 100, 3


def delta_table():
    """Compare delta with y_pred - y for all pairs of a loss and an output activation.

    Each pair is evaluated at the same random points, with z between -3 and 3 and
    targets in the domain of the loss. Points whose prediction is outside of the domain
    of the loss are left out.

    Returns
    -------
    DeltaTable

    Examples
    --------
    >>> from pybackprop.inspection import delta_table
    >>> [(row.loss, row.output_activation) for row in delta_table().rows if row.equal]
    [('squared_error', 'identity'), ('binary_log_loss', 'logistic'), \
('log_loss', 'softmax'), ('poisson', 'exp')]
    """
    outputs = [name for name, row in _core.activations().items() if row["output"]]
    return DeltaTable([_row(loss, out) for loss in _core.losses() for out in outputs])


@dataclass(frozen=True)
class DeltaRow:
    """Delta of one pair of a loss and an output activation.

    Attributes
    ----------
    loss, output_activation : str
    is_canonical : bool
        Whether the core's list of losses names the output activation as canonical.
    equal : bool
        Whether J^T dloss/dy is y_pred - y at all points, up to rounding.
    difference : float
        Largest abs(J^T dloss/dy - (y_pred - y)); NaN if there is no point.
    n_points : int
        Number of points, of 300, whose prediction is in the domain of the loss.
    formula : str or None
        Formula of delta.
    """

    loss: str
    output_activation: str
    is_canonical: bool
    equal: bool
    difference: float
    n_points: int
    formula: object


@dataclass(repr=False, eq=False)
class DeltaTable(Tabular):
    """Result of `delta_table`: delta at the output, pair by pair.

    Attributes
    ----------
    rows : list of DeltaRow
    """

    rows: list

    def _tables(self):
        canonical = [row for row in self.rows if row.is_canonical]
        equal = sum(row.equal for row in self.rows)
        yield (
            f"Of {len(self.rows)} pairs {len(canonical)} are canonical. The product of "
            f"the Jacobian and dloss/dy is y_pred - y in {equal}.",
            ["loss", "output", "largest difference", "points"],
            [
                (row.loss, row.output_activation, row.difference, row.n_points)
                for row in canonical
            ],
        )
        columns = ["output", "canonical", "is y_pred - y", "largest difference"]
        columns += ["points", "delta"]
        for loss, rows in groupby(self.rows, key=lambda row: row.loss):
            gradient = LOSS_GRADIENTS.get(loss)
            yield (
                loss if gradient is None else f"{loss}: dloss/dy = {gradient}",
                columns,
                [
                    (
                        row.output_activation,
                        row.is_canonical,
                        row.equal,
                        row.difference,
                        row.n_points,
                        row.formula,
                    )
                    for row in rows
                ],
            )


def _row(loss, output):
    rng = np.random.RandomState(0)
    z = rng.uniform(-3, 3, (_N_SAMPLES, _N_OUTPUTS))
    y = _targets(_core.losses()[loss], rng)
    trace = output_trace(loss, output, z, y, usual_parameter(loss))
    # trace.delta at the default output is computed from z without this product.
    delta = product_of(trace)
    y_pred = trace.a[-1]
    taken = in_domain(loss, y_pred) & np.isfinite(delta)
    differences = np.abs(delta - (y_pred - y))[taken]
    difference = float(differences.max()) if differences.size else np.nan
    return DeltaRow(
        loss,
        output,
        is_canonical(loss, output),
        difference < 1e-12,
        difference,
        int(taken.sum()),
        formulas(loss, output)["delta"],
    )


def _targets(record, rng):
    """Draw random targets inside the domain of a loss."""
    low, high = max(record["target_low"], -3), min(record["target_high"], 3)
    y = rng.uniform(low, high, (_N_SAMPLES, _N_OUTPUTS))
    if record["rows_sum_to_one"]:
        y /= y.sum(axis=1, keepdims=True)
    return y

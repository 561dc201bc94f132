"""Every loss with every output activation: where delta is y_pred - y."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pybackprop import _core
from pybackprop._reports import Tabular
from pybackprop.inspection.delta.explain_delta import (
    output_trace,
    product_of,
    takes,
    usual_parameter,
)
from pybackprop.inspection.delta.formulas import SLOPES, formulas, is_canonical

_N_SAMPLES, _N_OUTPUTS = 100, 3


def delta_table():
    """All pairs of a loss and an output activation that ``Network`` takes.

    Each is asked at random points, always the same, with z between -3 and 3 and targets
    in the loss's domain. Points whose prediction the loss does not take are left out.

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
    """What delta of a pair is.

    Attributes
    ----------
    loss, output_activation : str
    is_canonical : bool
        By the core's list.
    equal : bool
        Whether the Jacobian made y_pred - y of the slope at all points, to rounding.
    difference : float
        Largest abs(J^T dloss/dy - (y_pred - y)); NaN without a point.
    n_points : int
        Units, of 300, whose predictions the loss takes.
    formula : str or None
        Of delta.
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
    """Where delta at the output is y_pred - y, pair by pair.

    Attributes
    ----------
    rows : list of DeltaRow
    """

    rows: list

    def _tables(self):
        canonical = [row for row in self.rows if row.is_canonical]
        equal = sum(row.equal for row in self.rows)
        yield (
            f"Of {len(self.rows)} pairs {len(canonical)} are canonical. The Jacobian "
            f"makes y_pred - y of the loss's slope in {equal}.",
            ["loss", "output", "largest difference", "points"],
            [
                (row.loss, row.output_activation, row.difference, row.n_points)
                for row in canonical
            ],
        )
        columns = ["output", "canonical", "is y_pred - y", "largest difference"]
        columns += ["points", "delta"]
        for loss, rows in groupby(self.rows, key=lambda row: row.loss):
            slope = SLOPES.get(loss)
            yield (
                loss if slope is None else f"{loss}: dloss/dy = {slope}",
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
    # Not trace.delta: at the default output that is taken in one step.
    delta = product_of(trace)
    y_pred = trace.a[-1]
    taken = takes(loss, y_pred) & np.isfinite(delta)
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
    """Random targets inside a loss's domain, where slopes have no kink."""
    low, high = max(record["target_low"], -3), min(record["target_high"], 3)
    y = rng.uniform(low, high, (_N_SAMPLES, _N_OUTPUTS))
    if record["rows_sum_to_one"]:
        y /= y.sum(axis=1, keepdims=True)
    return y

"""The solvers of the estimators, one record each.

The core's update rules work on batches of rows. A solver that is not an update rule
has its own entry in ``SOLVERS``; no other module compares its name.
"""

from dataclasses import asdict, dataclass, field

from pybackprop import _core


@dataclass(frozen=True)
class Solver:
    """Properties of a solver.

    Attributes
    ----------
    full_batch : bool
        Each iteration evaluates the objective on all rows and chooses its own step: no
        batches, no learning rate, no ``partial_fit``.
    resumable : bool
        ``fit(..., resume=True)`` can continue a fit.
    early_stopping : bool
        The parameter ``early_stopping`` has an effect.
    scale_invariant : bool
        The length of a step does not depend on the scale of the gradient, and so not
        on that of the targets.
    unit : {'epoch', 'iteration'}
        Unit of ``n_iter_`` and of the learning curves.
    excludes : dict
        Parameters that the solver cannot use, with the value that switches each off.
    """

    full_batch: bool
    resumable: bool
    early_stopping: bool
    scale_invariant: bool
    unit: str
    excludes: dict = field(default_factory=dict)

    @property
    def properties(self):
        """The attributes as a dict."""
        return asdict(self)


SOLVERS = {
    # SciPy's L-BFGS-B. It needs one smooth objective throughout the fit, and does not
    # expose its state. As in scikit-learn it ignores early_stopping.
    "lbfgs": Solver(
        full_batch=True,
        resumable=False,
        early_stopping=False,
        scale_invariant=False,
        unit="iteration",
        excludes={
            "l1_ratio": 0.0,
            "max_norm": None,
            "dropout": 0.0,
            "input_dropout": 0.0,
        },
    ),
    **{
        name: Solver(
            full_batch=False,
            resumable=True,
            early_stopping=True,
            scale_invariant=record["scale_invariant"],
            unit="epoch",
        )
        for name, record in _core.optimizers().items()
    },
}

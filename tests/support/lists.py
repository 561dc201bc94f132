"""Reads the core's lists of activations, losses, optimizers and schedules."""

from pybackprop import _core, catalogue

ACTIVATIONS = catalogue()["activations"]
HIDDEN = [name for name, row in ACTIVATIONS.items() if row["hidden"]]
OUTPUTS = [name for name, row in ACTIVATIONS.items() if row["output"]]
LOSSES = catalogue()["losses"]
# The solvers of the core; L-BFGS is SciPy's.
OPTIMIZERS = catalogue()["optimizers"]
SCHEDULES = catalogue()["schedules"]
INSTRUCTION_SETS = _core.instruction_sets()

activate = _core.activate
log_activate = _core.log_activate
schedule_rate = _core.schedule_rate

"""Looking at backpropagation: two recipes side by side, deltas explained, gradients
checked, trainings examined."""

from pybackprop.inspection._delta_table import DeltaRow, DeltaTable, delta_table
from pybackprop.inspection._explain_delta import DeltaExplanation, explain_delta
from pybackprop.inspection._formulations import Comparison, Formulations, formulations

__all__ = [
    "Comparison",
    "DeltaExplanation",
    "DeltaRow",
    "DeltaTable",
    "Formulations",
    "delta_table",
    "explain_delta",
    "formulations",
]

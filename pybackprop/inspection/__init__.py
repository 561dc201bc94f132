"""Looking at backpropagation: two recipes side by side, deltas explained, gradients
checked, trainings examined."""

from pybackprop.inspection._check_gradients import GradientCheck, check_gradients
from pybackprop.inspection._check_training import TrainingCheck, check_training
from pybackprop.inspection._delta_table import DeltaRow, DeltaTable, delta_table
from pybackprop.inspection._explain_delta import DeltaExplanation, explain_delta
from pybackprop.inspection._formulations import Comparison, Formulations, formulations
from pybackprop.inspection._layer_monitor import LayerMonitor

__all__ = [
    "Comparison",
    "DeltaExplanation",
    "DeltaRow",
    "DeltaTable",
    "Formulations",
    "GradientCheck",
    "LayerMonitor",
    "TrainingCheck",
    "check_gradients",
    "check_training",
    "delta_table",
    "explain_delta",
    "formulations",
]

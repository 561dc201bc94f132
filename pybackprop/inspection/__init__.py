"""Checks gradients, explains delta, compares two courses' backpropagation, and
examines trainings."""

import sys
from importlib import import_module

from pybackprop.inspection.delta.delta_table import DeltaRow, DeltaTable, delta_table
from pybackprop.inspection.delta.explain_delta import DeltaExplanation, explain_delta
from pybackprop.inspection.delta.formulations import (
    Comparison,
    Formulations,
    formulations,
)
from pybackprop.inspection.gradients.check_gradients import (
    GradientCheck,
    check_gradients,
)
from pybackprop.inspection.training.check_training import TrainingCheck, check_training
from pybackprop.inspection.training.layer_monitor import LayerMonitor

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

# Older pickles and joblib caches name the modules in which these classes were first.
for _old, _new in {
    "_check_gradients": "gradients.check_gradients",
    "_check_training": "training.check_training",
    "_comparison": "gradients.comparison",
    "_delta_table": "delta.delta_table",
    "_explain_delta": "delta.explain_delta",
    "_formulations": "delta.formulations",
    "_in_float64": "delta.float64_copy",
    "_layer_monitor": "training.layer_monitor",
    "_layer_statistics": "training.layer_statistics",
}.items():
    sys.modules[f"{__name__}.{_old}"] = import_module(f"{__name__}.{_new}")

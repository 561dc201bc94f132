"""Plots of trainings and networks, as Display classes by scikit-learn's convention.

matplotlib is imported when a Display is drawn, and not before.
"""

from pybackprop.plotting.decision_surface import DecisionSurfaceDisplay
from pybackprop.plotting.first_layer import FirstLayerDisplay
from pybackprop.plotting.formulations import FormulationsDisplay
from pybackprop.plotting.gradient_flow import GradientFlowDisplay
from pybackprop.plotting.loss_curve import LossCurveDisplay
from pybackprop.plotting.network_drawing import NetworkDisplay

__all__ = [
    "DecisionSurfaceDisplay",
    "FirstLayerDisplay",
    "FormulationsDisplay",
    "GradientFlowDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
]

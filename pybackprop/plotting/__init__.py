"""Pictures of trainings and networks: Displays by scikit-learn's convention.

matplotlib is imported when something is drawn, and not before.
"""

from pybackprop.plotting.decision_surface import DecisionSurfaceDisplay
from pybackprop.plotting.first_layer import FirstLayerDisplay
from pybackprop.plotting.loss_curve import LossCurveDisplay

__all__ = ["DecisionSurfaceDisplay", "FirstLayerDisplay", "LossCurveDisplay"]

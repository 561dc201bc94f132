"""Looking at backpropagation: two recipes side by side, deltas explained, gradients
checked, trainings examined."""

from pybackprop.inspection._formulations import Comparison, Formulations, formulations

__all__ = ["Comparison", "Formulations", "formulations"]

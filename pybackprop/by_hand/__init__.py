"""Backpropagation in plain NumPy, as documentation and as the reference of the tests.

``backprop`` is the algorithm; ``activations`` and ``losses`` are the functions that it
uses, with their derivatives.
"""

from pybackprop.by_hand import activations, backprop, losses

__all__ = ["activations", "backprop", "losses"]

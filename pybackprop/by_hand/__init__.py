"""Backpropagation in plain NumPy: documentation, and the oracle of the tests.

``backprop`` is the algorithm, ``activations`` and ``losses`` are the functions that it
takes, with their derivatives.
"""

from pybackprop.by_hand import activations, backprop, losses

__all__ = ["activations", "backprop", "losses"]

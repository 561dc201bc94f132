"""A fitted estimator in other hands: scikit-learn's objects, ONNX graphs, C files."""

from pybackprop.export.c import to_c
from pybackprop.export.onnx import register_skl2onnx, to_onnx
from pybackprop.export.sklearn import from_sklearn, to_sklearn

__all__ = ["from_sklearn", "register_skl2onnx", "to_c", "to_onnx", "to_sklearn"]

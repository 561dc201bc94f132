"""Converts fitted estimators to scikit-learn estimators, ONNX models and C files."""

from pybackprop.export.c import to_c
from pybackprop.export.onnx import register_skl2onnx, to_onnx
from pybackprop.export.sklearn import from_sklearn, to_sklearn

__all__ = ["from_sklearn", "register_skl2onnx", "to_c", "to_onnx", "to_sklearn"]

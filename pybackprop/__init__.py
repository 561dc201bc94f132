"""Multi-layer perceptrons for scikit-learn with one backpropagation, in C."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

if find_spec("pybackprop._core") is None:
    raise ImportError(
        f"{__path__[0]} is the source of pybackprop and has not been compiled. To use "
        "an installed pybackprop, start Python in another folder; to compile this one "
        "where it is, run: python setup.py build_ext --inplace"
    )

from pybackprop.classifier import MLPClassifier
from pybackprop.network import Network
from pybackprop.regressor import MLPRegressor
from pybackprop.trace import Trace

try:
    __version__ = version("pybackprop")
except PackageNotFoundError:  # built in place, not installed
    __version__ = "unknown"

__all__ = ["MLPClassifier", "MLPRegressor", "Network", "Trace"]

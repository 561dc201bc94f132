"""Multi-layer perceptrons for scikit-learn with one backpropagation, in C."""

from importlib.metadata import PackageNotFoundError, version

from pybackprop.estimators import MLPClassifier, MLPRegressor
from pybackprop.network import Network, Trace

try:
    __version__ = version("pybackprop")
except PackageNotFoundError:  # built in place, not installed
    __version__ = "unknown"

__all__ = ["MLPClassifier", "MLPRegressor", "Network", "Trace"]

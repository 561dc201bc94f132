"""Multi-layer perceptrons for scikit-learn with one backpropagation, in C."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

if find_spec("pybackprop._core") is None:
    raise ImportError(
        f"{__path__[0]} is the source of pybackprop without its compiled core, and it "
        "hides any installed pybackprop. To compile it in place, run in the folder "
        "above it: pip install -e . To use the installed one, start Python in another "
        "folder."
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

"""Multi-layer perceptrons for scikit-learn, with backpropagation in C.

Estimators
    MLPClassifier, MLPRegressor: as in scikit-learn, with more losses, activations,
    solvers and schedules; ``catalogue()`` lists their names and properties.

Network
    Network: the network of the estimators, with every number of a forward and a
    backward pass in a Trace.

Modules, imported when they are first used
    inspection: explains and checks gradients and trainings, for example
        ``inspection.explain_delta`` and ``inspection.check_gradients``
    plotting: draws learning curves, decision surfaces and networks; needs matplotlib
    export: writes a fitted estimator as C, ONNX or a scikit-learn estimator
    by_hand: backpropagation, activations and losses in plain NumPy
    dask: the estimators for Dask collections; needs Dask
    exceptions: the warnings of this package

Everything else, and every name that begins with an underscore, is private.
"""

from importlib import import_module as _import_module
from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version
from importlib.util import find_spec as _find_spec

if _find_spec("pybackprop._core") is None:
    raise ImportError(
        f"{__path__[0]} is the source of pybackprop without its compiled core, and it "
        "hides any installed pybackprop. To compile it in place, run in the folder "
        "above it: pip install -e . To use the installed one, start Python in another "
        "folder."
    )

from pybackprop._catalogue import catalogue
from pybackprop.classifier import MLPClassifier
from pybackprop.network import Network
from pybackprop.regressor import MLPRegressor
from pybackprop.trace import Trace

try:
    __version__ = _version("pybackprop")
except _PackageNotFoundError:  # built in place, not installed
    __version__ = "unknown"

_MODULES = ("by_hand", "exceptions", "export", "inspection", "plotting")

# Without dask, so that "from pybackprop import *" neither needs nor imports Dask.
__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Trace",
    "by_hand",
    "catalogue",
    "exceptions",
    "export",
    "inspection",
    "plotting",
]


def __getattr__(name):
    if name in (*_MODULES, "dask"):
        return _import_module(f"pybackprop.{name}")
    raise AttributeError(f"module 'pybackprop' has no attribute {name!r}")


def __dir__():
    has_dask = _find_spec("distributed") is not None
    return sorted([*__all__, "__version__", *["dask"] * has_dask])

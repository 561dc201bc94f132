"""Collects the private objects of the package that tests of several parts use."""

from pybackprop import _core
from pybackprop._data.dataset import sample_rows
from pybackprop._data.labels import ClassLabels
from pybackprop._model.optimizer import Optimizer
from pybackprop._threads import default_n_threads, effective_n_threads, one_blas_thread

CoreNetwork = _core.Network
Samples = _core.Samples
Targets = _core.Targets
Training = _core.Training
all_finite = _core.all_finite

__all__ = [
    "ClassLabels",
    "CoreNetwork",
    "Optimizer",
    "Samples",
    "Targets",
    "Training",
    "all_finite",
    "default_n_threads",
    "one_blas_thread",
    "sample_rows",
    "effective_n_threads",
]

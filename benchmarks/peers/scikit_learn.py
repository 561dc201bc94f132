"""scikit-learn's MLPClassifier and MLPRegressor.

The objective needs no conversion. The environment of the process sets the number of
threads of OpenBLAS.
"""

import sklearn.neural_network
from estimator import EstimatorTraining

NAME = "scikit-learn"
PACKAGES = ["scikit-learn", "numpy", "scipy"]


def can_run(workload):
    return True


def prepare(workload, table, dtype, n_threads):
    return EstimatorTraining(sklearn.neural_network, workload, table, n_threads)

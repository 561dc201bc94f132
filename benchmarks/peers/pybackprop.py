"""pybackprop, whose losses are the reference for every other peer."""

from estimator import EstimatorTraining

import pybackprop

NAME = "pybackprop"
PACKAGES = ["pybackprop"]


def can_run(workload):
    return True


def prepare(workload, table, dtype, n_threads):
    return EstimatorTraining(pybackprop, workload, table, n_threads)

"""pybackprop itself: the losses of every other peer are held against these."""

from estimator import EstimatorTraining

import pybackprop

NAME = "pybackprop"
PACKAGES = ["pybackprop"]


def can_run(workload):
    return True


def prepare(workload, table, dtype, n_threads):
    return EstimatorTraining(pybackprop, workload, table, n_threads)

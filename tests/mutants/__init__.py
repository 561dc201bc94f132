"""Planted bugs, each of which the suite must catch: the tests of the tests."""

from mutants import (
    in_base,
    in_batches,
    in_dask,
    in_inspection,
    in_kernels,
    in_network,
    in_package,
)

MUTANTS = (
    *in_base.MUTANTS,
    *in_kernels.MUTANTS,
    *in_network.MUTANTS,
    *in_package.MUTANTS,
    *in_batches.MUTANTS,
    *in_dask.MUTANTS,
    *in_inspection.MUTANTS,
)

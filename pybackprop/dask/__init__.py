"""Trains one large fit on a Dask cluster, with the bits of the local estimators.

The data stays on the workers; parameters and partial sums travel.  Needs Dask with its
scheduler: ``pip install pybackprop[dask]``.
"""

try:
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "pybackprop.dask needs Dask and its scheduler: pip install pybackprop[dask]. "
        f"Got: {error}"
    ) from error

from pybackprop.dask.estimators import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

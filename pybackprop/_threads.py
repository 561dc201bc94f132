"""How many threads a fit or a prediction may use, and what threadpoolctl sees of it.

The number changes no bit of any result.  An ``n_jobs`` that the user gave is taken
as it is; without one the environment decides.  Most of other people's workers need no
rule of their own here: loky tells its by OMP_NUM_THREADS, those of multiprocessing
are daemons, and among threads the pool in C sees how many call it.  A worker of Dask
is asked how many threads it was given: it may share this process with others.
"""

import os
import sys
import threading
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import current_process

import joblib
import threadpoolctl

from pybackprop import _core

VARIABLE = "PYBACKPROP_NUM_THREADS"


def effective_n_threads(n_jobs):
    """Most threads to use for a valid ``n_jobs``.

    Parameters
    ----------
    n_jobs : int or None
        Positive: itself.  None: what the environment grants.  -1: the same, -2: one
        less, and so on, but at least 1.
    """
    if n_jobs is None:
        return default_n_threads()
    if n_jobs > 0:
        return int(n_jobs)
    return max(1, default_n_threads() + 1 + int(n_jobs))


def default_n_threads():
    """Threads that the environment grants, at least 1.

    The fewest that any of these says: PYBACKPROP_NUM_THREADS, OMP_NUM_THREADS,
    a limit set through threadpoolctl, the processors that this process may use,
    the threads of the Dask worker whose task this is, and 1 in a worker of
    multiprocessing.
    """
    limit = _core.thread_limit()
    return min(limit, _default_without_limit()) if limit else _default_without_limit()


def _default_without_limit():
    bounds = [_core.MAX_THREADS, _processors()]
    own = os.environ.get(VARIABLE)
    if own is not None:
        bounds.append(_positive(own))
        if bounds[-1] is None:
            raise ValueError(
                f"The environment variable {VARIABLE} must be an int >= 1. Got {own!r}."
            )
    # A list is one number a nested level.  What OpenMP cannot read it ignores.
    openmp = _positive(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    if openmp is not None:
        bounds.append(openmp)
    if current_process().daemon:
        bounds.append(1)
    bounds.extend(_of_dask_worker())
    return min(bounds)


def _positive(text):
    """The positive int that a text says, or None."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number > 0 else None


def _of_dask_worker():
    """A list of the threads that the worker was given whose task this is, or empty."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return []
    try:
        return [distributed.get_worker().state.nthreads]
    except ValueError:  # no task
        return []


def _processors():
    # The affinity may change from one call to the next.
    has_affinity = hasattr(os, "sched_getaffinity")
    affinity = len(os.sched_getaffinity(0)) if has_affinity else None
    return _processors_within(affinity, os.environ.get("LOKY_MAX_CPU_COUNT"))


@lru_cache(maxsize=8)
def _processors_within(affinity, loky_limit):
    """joblib's count, which knows the control group's quota but reads files for it."""
    return joblib.cpu_count()


class _Pool(threadpoolctl.LibController):
    """The pool as threadpoolctl finds it among the loaded libraries."""

    user_api = "pybackprop"
    internal_api = "pybackprop"
    filename_prefixes = ("_core",)
    # Other packages have a _core as well.
    check_symbols = ("pb_thread_limit", "pb_set_thread_limit")

    def get_num_threads(self):
        return default_n_threads()

    def set_num_threads(self, num_threads):
        # threadpoolctl ends a limit by setting the number that it found.
        no_limit = num_threads >= _default_without_limit()
        _core.set_thread_limit(0 if no_limit else num_threads)

    def get_version(self):
        return None


threadpoolctl.register(_Pool)


# ---- Threads of the BLAS that SciPy's L-BFGS calls -----------------------------------


class _OneBlasThread:
    """A limit that all who want it at a time share: the last one to leave lifts it.

    Limits of threadpoolctl's own that overlap in different threads would each put back
    what they found, and the last might find another one's 1.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._libraries = None
        self._limit = None

    @contextmanager
    def __call__(self):
        with self._lock:
            if self._n_inside == 0:
                if self._libraries is None:  # looking for them takes milliseconds
                    found = threadpoolctl.ThreadpoolController()
                    self._libraries = found.select(user_api="blas")
                self._limit = self._libraries.limit(limits=1)
            self._n_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0:
                    self._limit.restore_original_limits()

    def forked(self):
        """Start over in a child: whoever was inside, or had the lock, stayed behind."""
        if self._n_inside > 0:
            self._limit.restore_original_limits()
        self._lock = threading.Lock()
        self._n_inside = 0


# Its vectors are long and its matrices 10 x 10: more threads would wait most of the
# time, for milliseconds where they first have to wake up, and spin on after the fit.
one_blas_thread = _OneBlasThread()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=one_blas_thread.forked)

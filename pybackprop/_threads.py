"""Chooses the number of threads, and registers the thread pool with threadpoolctl.

The number changes no bit of any result.  A positive ``n_jobs`` of the user is used as
given; otherwise the environment decides.  Workers of other libraries are recognized:
loky sets OMP_NUM_THREADS for its processes, multiprocessing's processes are daemons,
and for threads the pool in C counts its callers.  A Dask worker may share this process
with others, so its number of threads is read from it.
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
    """Return the maximum number of threads for a valid ``n_jobs``, as joblib does.

    Parameters
    ----------
    n_jobs : int or None
        A positive number is returned.  None and -1 give ``default_n_threads()``, -2 one
        less, and so on, but at least 1.
    """
    if n_jobs is None:
        return default_n_threads()
    if n_jobs > 0:
        return int(n_jobs)
    return max(1, default_n_threads() + 1 + int(n_jobs))


def default_n_threads():
    """Return the number of threads that the environment allows, at least 1.

    It is the minimum of PYBACKPROP_NUM_THREADS, OMP_NUM_THREADS, a limit set through
    threadpoolctl, the number of processors that this process may use, the number of
    threads of the Dask worker that runs this task, and 1 in a process of
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
    # A list has one number per nested level.  OpenMP ignores an invalid value.
    openmp = _positive(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    if openmp is not None:
        bounds.append(openmp)
    if current_process().daemon:
        bounds.append(1)
    bounds.extend(_threads_of_dask_worker())
    return min(bounds)


def _positive(text):
    """Return the positive int in a text, or None."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number > 0 else None


def _threads_of_dask_worker():
    """Return a list with the threads of the Dask worker that runs this task, if any."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return []
    try:
        return [distributed.get_worker().state.nthreads]
    except ValueError:  # this thread runs no task of a worker
        return []


def _processors():
    # The affinity may change from one call to the next.
    has_affinity = hasattr(os, "sched_getaffinity")
    affinity = len(os.sched_getaffinity(0)) if has_affinity else None
    return _processors_within(affinity, os.environ.get("LOKY_MAX_CPU_COUNT"))


@lru_cache(maxsize=8)
def _processors_within(affinity, loky_limit):
    """Cache joblib's count, which reads files to respect the quota of the cgroup."""
    return joblib.cpu_count()


class _Pool(threadpoolctl.LibController):
    """Makes the limits of threadpoolctl apply to the thread pool in C."""

    user_api = "pybackprop"
    internal_api = "pybackprop"
    filename_prefixes = ("_core",)
    # Extension modules of other packages are named _core as well.
    check_symbols = ("pb_thread_limit", "pb_set_thread_limit")

    def get_num_threads(self):
        return default_n_threads()

    def set_num_threads(self, num_threads):
        # threadpoolctl ends a limit by setting the number it found before the limit.
        no_limit = num_threads >= _default_without_limit()
        _core.set_thread_limit(0 if no_limit else num_threads)

    def get_version(self):
        return None


threadpoolctl.register(_Pool)


# ---- Threads of the BLAS that SciPy's L-BFGS calls -----------------------------------


class _OneBlasThread:
    """Context manager that limits BLAS to one thread, shared by concurrent fits.

    The last fit to leave lifts the limit.  If each fit had a limit of threadpoolctl of
    its own, one that starts during another would restore the limit of the other, 1.
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
                if self._libraries is None:  # the search takes milliseconds
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

    def reset_after_fork(self):
        """Lift the limit in a child process, where no fit is running."""
        if self._n_inside > 0:
            self._limit.restore_original_limits()
        self._lock = threading.Lock()
        self._n_inside = 0


# L-BFGS calls BLAS for vector products and 10 x 10 matrices, which gain nothing from
# threads; waking the threads takes milliseconds, and they spin after the fit.
one_blas_thread = _OneBlasThread()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=one_blas_thread.reset_after_fork)

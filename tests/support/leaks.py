"""Finds calls that leak memory, and objects that only the garbage collector frees."""

import ctypes
import gc
import sys
import sysconfig
from contextlib import contextmanager

import numpy as np


class MallocInfo(ctypes.Structure):
    """struct mallinfo2 of glibc, malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks "
        "fordblks keepcost".split()
    ]


def c_bytes():
    """Return the bytes in use in the C heap, or 0 if the C library does not tell."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, TypeError, OSError):
        return 0
    mallinfo.restype = MallocInfo
    info = mallinfo()
    return info.uordblks + info.hblkhd


def in_use():
    """Return the numbers of objects, of blocks of Python and of bytes of C."""
    gc.collect()
    return len(gc.get_objects()), sys.getallocatedblocks(), c_bytes()


# A free-threaded Python's count of blocks drifts by dozens each time it is taken.
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
FEW_CALLS = 200 if IS_FREE_THREADED else 10


def leaks(call, n_calls=FEW_CALLS, n_rounds=40):
    """Return whether objects, blocks or bytes grow in every round of calls.

    A leak grows in every round. Caches stop growing after hundreds of calls, and other
    threads allocate and free: sooner or later, some round shows no growth.
    """
    # Half of the growth by one block per call; C's smallest block has 24 bytes.
    lost = np.array([n_calls / 2, n_calls / 2, 8 * n_calls])
    always = np.array([True, True, True])
    gc.freeze()  # objects that exist already need not be visited in every collection
    try:
        for _ in range(10):
            call()
        before = in_use()
        for _ in range(n_rounds):
            for _ in range(n_calls):
                call()
            now = in_use()
            always &= np.subtract(now, before) >= lost
            before = now
            if not always.any():
                return False
    finally:
        gc.unfreeze()
    return True


@contextmanager
def without_collection():
    """Disable the garbage collector; the yielded list gets the cycles that are left."""
    # Objects that exist already need not be visited, cycles among them included.
    gc.freeze()
    left = []
    gc.disable()
    try:
        yield left
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()

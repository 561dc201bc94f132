"""Runs another thread's work before each line of a call, and compares the results."""

import os
import sys

import numpy as np
import pandas as pd
import pytest

import pybackprop
from pybackprop import MLPClassifier

X = np.random.RandomState(0).normal(size=(40, 4))
PACKAGE = os.path.dirname(pybackprop.__file__)


def bits_of(result):
    """Return the result of a method as an object that can be compared."""
    if isinstance(result, (list, tuple)):
        return tuple(bits_of(item) for item in result)
    if isinstance(result, (pd.DataFrame, np.ndarray)):
        array = np.asarray(result)
        is_text = array.dtype.kind in "OU"
        return array.shape, str(array.tolist()) if is_text else array.tobytes()
    if isinstance(result, MLPClassifier):
        fitted = result.coefs_, result.intercepts_, result.predict_proba(X)
        return bits_of(fitted), str(result.classes_), result.n_iter_
    return result


def interleaved(call, act, within=PACKAGE):
    """Return the results of call() with act() before its first line of the package, ...

    This is what happens if another thread gets the interpreter at that line.
    """
    for number in range(5000):
        left = [number]

        def trace(frame, event, _, left=left):
            if not frame.f_code.co_filename.startswith(within):
                return None
            if event == "line":
                left[0] -= 1
                if left[0] == -1:
                    act()
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            result = call()
        finally:
            sys.settrace(before)
        if left[0] >= 0:
            return
        yield result
    pytest.fail("a call of so many lines")

"""Reads models that were saved by earlier releases."""

import pickle
from importlib.util import find_spec

import pytest


def unpickled(path):
    """Return the object of a pickle; skip the test if NumPy is too old to read it."""
    content = path.read_bytes()
    if b"numpy._core" in content and find_spec("numpy._core") is None:
        pytest.skip("saved with NumPy 2, whose pickles NumPy reads since 1.26")
    return pickle.loads(content)

"""Reads the models that earlier releases have saved."""

import pickle
from importlib.util import find_spec

import pytest


def unpickled(path):
    """What a pickle holds, if NumPy is not older than its own change of names."""
    content = path.read_bytes()
    if b"numpy._core" in content and find_spec("numpy._core") is None:
        pytest.skip("saved with NumPy 2, whose pickles NumPy reads since 1.26")
    return pickle.loads(content)

"""Runs scikit-learn's own tests of callbacks on our estimator.

A test module is loaded from the installed package with its toy ``MaxIterEstimator``
replaced, and each of its tests becomes a test of this file.
"""

import os
import sys
from pathlib import Path
from unittest import mock

import pytest

from support.iterating_estimator import MaxIterEstimator

_utils = pytest.importorskip("sklearn.callback.tests._utils")
pytest.importorskip("rich")
pytestmark = pytest.mark.slow
SUITES = "callback_context callback_support pickle progressbar scoring_monitor".split()
# The toy puts numbers into the names of tasks; ours have a separate number.
RENAMED = {
    'f"iteration {i}"': '"epoch"',
    'startswith("iteration")': 'startswith("epoch")',
}
# Fits scikit-learn's toy in a separate script.
EXCLUDED = {"test_progressbar_outside_main_module"}


def load(suite):
    path = Path(_utils.__file__).with_name(f"test_{suite}.py")
    source = path.read_text("utf-8")
    for theirs, ours in RENAMED.items():
        source = source.replace(theirs, ours)
    namespace = {"__name__": f"sklearn_test_{suite}", "__file__": str(path)}
    with mock.patch.object(_utils, "MaxIterEstimator", MaxIterEstimator):
        exec(compile(source, path, "exec"), namespace)
    return namespace


NAMESPACES = {suite: load(suite) for suite in SUITES}
globals().update(
    {
        f"test_{suite}_{name.removeprefix('test_')}": test
        for suite, namespace in NAMESPACES.items()
        for name, test in namespace.items()
        if name.startswith("test_") and name not in EXCLUDED
    }
)


@pytest.fixture(autouse=True)
def _workers_find_what_we_found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def test_our_estimator_is_the_one_that_is_tested():
    for namespace in NAMESPACES.values():
        assert namespace["MaxIterEstimator"] is MaxIterEstimator
    assert _utils.MaxIterEstimator is not MaxIterEstimator

"""Runs scikit-learn's own tests of multi-layer perceptrons on our estimators.

Its test module is loaded from the installed package, with our classes in place of its
own before the module is executed, since its parametrisations bind at import. Each of
its tests becomes a test of this file.
"""

import importlib.util
from pathlib import Path
from unittest import mock

import pytest
from sklearn import neural_network

import pybackprop
from support.checkout import TESTS

pytestmark = pytest.mark.filterwarnings("ignore::pybackprop.exceptions.ScalingWarning")
# Tests that are left out since they use private state: the reason, and our test.
EXCLUDED = {
    "test_gradient": (
        "calls _loss_grad_lbfgs with the arrays of scikit-learn's own backpropagation",
        "network/test_gradients.py::test_gradient_matches_finite_differences",
    ),
}


def load_suite():
    path = Path(neural_network.__file__).parent / "tests" / "test_mlp.py"
    spec = importlib.util.spec_from_file_location("sklearn_test_mlp", path)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(
        neural_network,
        MLPClassifier=pybackprop.MLPClassifier,
        MLPRegressor=pybackprop.MLPRegressor,
    ):
        spec.loader.exec_module(module)
    return {name: test for name, test in vars(module).items() if name[:5] == "test_"}


SUITE = load_suite()
globals().update({name: SUITE[name] for name in SUITE if name not in EXCLUDED})


@pytest.fixture(params=[0, 42, 99])
def global_random_seed(request):
    """The fixture of scikit-learn's conftest: any seed from 0 to 99 must pass."""
    return request.param


def test_our_classes_are_the_ones_that_are_tested():
    for test in SUITE.values():
        namespace = getattr(test, "__wrapped__", test).__globals__
        assert namespace["MLPClassifier"] is pybackprop.MLPClassifier
        assert namespace["MLPRegressor"] is pybackprop.MLPRegressor
    assert neural_network.MLPClassifier is not pybackprop.MLPClassifier


@pytest.mark.parametrize("name", EXCLUDED)
def test_tests_left_out_exist_and_are_replaced(name):
    assert name in SUITE
    file, replacement = EXCLUDED[name][1].split("::")
    assert f"\ndef {replacement}(" in (TESTS / file).read_text()

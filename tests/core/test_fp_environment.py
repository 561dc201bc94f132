"""Tests that a caller's rounding mode changes no bit and is left as it was.

NumPy (the initial weights of a new fit) rounds in the caller's mode;
the core always rounds to nearest.  Flushing subnormal numbers to
zero, and traps, are tried in tests/c/test_caller_environment.c.
"""

import ctypes
import ctypes.util
import platform
import warnings
from contextlib import contextmanager

import golden_bits
import numpy as np
import pytest

from pybackprop import MLPClassifier, Network
from support.lists import ACTIVATIONS, activate, log_activate

# The constants of <fenv.h>, which Python does not define.
MODES = {
    "x86_64": {"upward": 0x800, "downward": 0x400, "toward zero": 0xC00},
    "aarch64": {"upward": 0x400000, "downward": 0x800000, "toward zero": 0xC00000},
}.get(platform.machine(), {})

pytestmark = pytest.mark.skipif(
    not MODES or platform.system() != "Linux",
    reason="the numbers of <fenv.h> are known for Linux on x86-64 and AArch64",
)


@contextmanager
def rounding(mode):
    """Set the rounding mode of this thread; check that the core leaves it set."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    before = libm.fegetround()
    assert libm.fesetround(MODES[mode]) == 0
    try:
        yield
        after = libm.fegetround()
    finally:
        libm.fesetround(before)
    assert after == MODES[mode]


def network_bits(network, X, y, weights):
    trace = network.backprop(X, y, weights)
    return golden_bits.digest(
        trace.loss,
        network.objective(X, y, weights),
        *trace.z,
        *trace.delta,
        *trace.coef_grads,
        *trace.intercept_grads,
        network.predict(X),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["upward", "downward", "toward zero"])
def test_a_network_in_another_rounding_mode(mode, dtype):
    network = Network(
        (19, 33, 5),
        activation="tanh",
        output_activation="softmax",
        loss="log_loss",
        alpha=0.3,
        dtype=dtype,
        random_state=0,
    )
    X = golden_bits.samples(700, 19, dtype)
    y = np.eye(5, dtype=dtype)[golden_bits.below(5, 1, 700)]
    arguments = network, X, y, golden_bits.weights_of(700)
    expected = network_bits(*arguments)
    with rounding(mode):
        bits = network_bits(*arguments)
    assert bits == expected


@pytest.mark.promise(
    "Extreme values",
    "Another rounding mode of the calling thread changes no bit of the core's "
    "results, and is unchanged afterwards.",
)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("mode", ["upward", "downward", "toward zero"])
def test_training_continues_in_another_rounding_mode(mode, solver):
    X = golden_bits.samples(500, 11, np.float64)
    y = golden_bits.targets("multiclass", 500, np.float64)

    def trained(when):
        model = MLPClassifier(
            (20, 7),
            solver=solver,
            learning_rate="adaptive",
            max_iter=3,
            random_state=0,
            warm_start=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(X, y, classes=np.unique(y))
            with when:
                model.partial_fit(X, y).fit(X, y)
                predicted = golden_bits.predicted(model, X)
        return golden_bits.fitted(model), predicted

    assert trained(rounding(mode)) == trained(warnings.catch_warnings())


@pytest.mark.parametrize("mode", ["upward", "downward", "toward zero"])
def test_single_functions_in_another_rounding_mode(mode):
    z = golden_bits.fractions(1, (50, 20), np.float64) * 16

    def values():
        return [
            function(name, z)
            for name, record in ACTIVATIONS.items()
            for function in (activate, log_activate)
            if function is activate or record["has_log"]
        ]

    expected = golden_bits.digest(*values())
    with rounding(mode):
        bits = golden_bits.digest(*values())
    assert bits == expected

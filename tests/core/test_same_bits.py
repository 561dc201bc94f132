"""Tests that no instruction set changes a bit, and that a build describes itself."""

import hashlib
import os
import subprocess
import sys

import pytest

from support.lists import INSTRUCTION_SETS

PROGRAM = """
import hashlib
import numpy as np
import scipy.sparse
from pybackprop import MLPClassifier, MLPRegressor

digest = hashlib.sha256()
# Integers and halvings are exact on every machine.
X = (np.arange(310 * 19) * 7919 % 257).reshape(310, 19) / 128.0 - 1.0
y = np.arange(310) * 31 % 3
weights = 0.5 + np.arange(310) % 4
for dtype in (np.float64, np.float32):
    for activation in ("identity", "logistic", "tanh", "relu"):
        for solver in ("sgd", "adam"):
            model = MLPClassifier(
                (17, 9), activation=activation, solver=solver, max_iter=3,
                batch_size=67, shuffle=False, random_state=0,
            )
            model.fit(X.astype(dtype), y, weights)
            digest.update(np.array(model.loss_curve_).tobytes())
            digest.update(model.predict_proba(X.astype(dtype)).tobytes())
    for loss in ("squared_error", "poisson"):
        model = MLPRegressor(loss, (33,), max_iter=3, batch_size=300, random_state=0)
        sparse = scipy.sparse.csr_matrix(X.astype(dtype))
        model.fit(sparse, np.stack([y, y * y], axis=1))
        digest.update(model.coefs_[0].tobytes())
print(digest.hexdigest())
"""


def run(isa, program=PROGRAM):
    environment = {**os.environ, "PYBACKPROP_ISA": isa}
    environment["PYTHONWARNINGS"] = "ignore"
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_every_instruction_set_gives_the_same_bits(drawn):
    sets = drawn([name for name, runs in INSTRUCTION_SETS.items() if runs], 2)
    results = {isa: run(isa) for isa in sets}
    for isa, result in results.items():
        assert result.returncode == 0, (isa, result.stderr)
        assert len(result.stdout.strip()) == len(hashlib.sha256().hexdigest())
    assert len({result.stdout for result in results.values()}) == 1, results


@pytest.mark.parametrize(
    ("isa", "message"),
    [
        ("nonsense", "names no instruction set"),
        pytest.param(None, "cannot run", marks=pytest.mark.full),
    ],
)
def test_an_unavailable_instruction_set_is_refused_by_name(isa, message):
    if isa is None:
        absent = [name for name, runs in INSTRUCTION_SETS.items() if not runs]
        isa = absent[0]  # no machine has the instruction sets of both ARM and Intel
    result = run(isa, "import pybackprop; pybackprop.Network([1, 1])")
    assert result.returncode != 0
    assert "PYBACKPROP_ISA" in result.stderr
    assert message in result.stderr


def test_running_the_module_describes_the_build():
    result = run(
        "baseline", "import runpy; runpy.run_module('pybackprop', None, '__main__')"
    )
    assert result.returncode == 0, result.stderr
    for word in (
        "pybackprop",
        "baseline",
        "threads",
        "compiler",
        "numpy",
        "scikit-learn",
    ):
        assert word in result.stdout

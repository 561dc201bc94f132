"""Compares the bits of fits and predictions with tests/golden_bits.txt.

golden_bits.py computes them, in one process per instruction set, since a process
chooses its instruction set once.  `make check-c` does the same for the core alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import golden_bits
import numpy as np
import pytest

from support.checkout import ROOT, TESTS
from support.lists import ACTIVATIONS, INSTRUCTION_SETS, LOSSES, OPTIMIZERS

RECORDED = TESTS / "golden_bits.txt"
RUNNABLE = [name for name, runs in INSTRUCTION_SETS.items() if runs]


def check(*options, isa=None, **environment):
    environment = {**os.environ, **environment}
    if isa is not None:
        environment["PYBACKPROP_ISA"] = isa
    result = subprocess.run(
        [sys.executable, TESTS / "golden_bits.py", "--check", RECORDED, *options],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "other bits" not in result.stdout


def test_fits_and_predictions_have_the_recorded_bits():
    check()


def test_threads_and_earlier_work_of_the_process_change_no_bit():
    check("--threads", "3", "--after-other-work")


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("isa", RUNNABLE)
def test_every_instruction_set_and_number_of_threads(isa):
    check("--threads", "1", "2", "3", "7", isa=isa)


@pytest.mark.full
@pytest.mark.slow
def test_compiler_flags_of_the_user_change_no_bit(tmp_path):
    """Flags that setup.py appends undo -Ofast, in compiling and linking."""
    if not (ROOT / "csrc").exists():
        pytest.skip("needs the source tree")
    if os.name != "posix":
        pytest.skip("these are flags of gcc and clang")
    tree, installed = tmp_path / "tree", tmp_path / "installed"
    ignored = shutil.ignore_patterns("*.so", "__pycache__", ".*", "build", "dist")
    shutil.copytree(ROOT, tree, ignore=ignored)
    build = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        + [installed, tree],
        env={**os.environ, "CFLAGS": "-Ofast -march=native"},
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    environment = {"PYTHONPATH": str(installed)}
    program = "import pybackprop; print(pybackprop.__file__)"
    module = subprocess.check_output(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        cwd=tmp_path,  # Python would find the checkout's package before this build
        text=True,
    )
    assert Path(module).is_relative_to(installed)
    check("--threads", "2", **environment)


# --- Differences are found ------------------------------------------------------------


def test_every_data_type_and_kind_of_line_is_recorded():
    names = golden_bits.read(RECORDED.read_text("utf-8"))
    for dtype in ("float32", "float64"):
        recorded = {name for name, its_dtype in names if its_dtype == dtype}
        for name in ACTIVATIONS:
            assert f"activate/{name}" in recorded
        for loss in LOSSES:
            for output, record in ACTIVATIONS.items():
                assert f"loss/{loss}/{output}" in recorded or not record["output"]
        for rule in OPTIMIZERS:
            assert f"train/{rule}/usual/batch-32" in recorded
        for part in ("forward", "backward", "objective", "estimator"):
            assert any(name.startswith(part + "/") for name in recorded)


def test_every_difference_from_the_file_is_named():
    recorded = {
        ("kept", "float64"): "0",
        ("turned", "float64"): "1",
        ("gone", "f"): "2",
    }
    computed = {("kept", "float64"): "0", ("turned", "float64"): "7", ("new", "f"): "3"}
    assert golden_bits.compare(recorded, recorded) == []
    other, new, gone = golden_bits.compare(recorded, computed)
    assert other == "other bits: turned float64"
    assert new.endswith(": new f") and "make golden-bits" in new
    assert gone.endswith("nothing computes it: gone f")


def test_a_digest_depends_on_the_sign_of_zero_and_not_on_the_nan():
    zeros = np.zeros(3)
    nans = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64)
    assert golden_bits.digest(zeros) != golden_bits.digest(-zeros)
    assert golden_bits.digest(nans[:1].view(float)) == golden_bits.digest(
        nans[1:].view(float)
    )

"""Compares the detected instruction sets with those that Linux reports.

csrc/base/cpu.c asks the processor for its instruction sets; this test asks
Linux, which detects them independently.
"""

import platform
from pathlib import Path

import pytest

from support.lists import INSTRUCTION_SETS

NEEDED = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx2", "fma"}}


def flags_of_every_processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    words = [line.split(":")[1].split() for line in lines if line.startswith("flags")]
    return set.intersection(*map(set, words))


def test_the_sets_that_run_are_those_that_linux_reports():
    sets = INSTRUCTION_SETS
    if platform.machine() == "aarch64":
        assert {name for name, runs in sets.items() if runs} == {"baseline", "neon"}
        return
    if platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists():
        pytest.skip("needs Linux on x86-64 or AArch64")
    flags = flags_of_every_processor()
    expected = {name for name, needed in NEEDED.items() if needed <= flags}
    assert {name for name, runs in sets.items() if runs} == {"baseline", *expected}

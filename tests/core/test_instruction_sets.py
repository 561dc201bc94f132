"""The instruction sets that run here are those that the operating system names.

What a processor can do is asked of the processor by csrc/base/cpu.c, and here of
Linux, which asked it on its own.
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


def test_every_set_that_the_operating_system_names_runs_and_no_other():
    sets = INSTRUCTION_SETS
    if platform.machine() == "aarch64":
        assert {name for name, runs in sets.items() if runs} == {"baseline", "neon"}
        return
    if platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists():
        pytest.skip("needs Linux on x86-64 or AArch64")
    flags = flags_of_every_processor()
    expected = {name for name, needed in NEEDED.items() if needed <= flags}
    assert {name for name, runs in sets.items() if runs} == {"baseline", *expected}

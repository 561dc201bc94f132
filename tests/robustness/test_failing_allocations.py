"""A failed allocation, in the core or in NumPy, raises MemoryError and changes nothing.

failing_allocations.py runs every public operation and lets each allocation fail in
turn. The process preloads an allocator that fails on demand, c/failing_allocator.c,
so that the unchanged extension module is tested.
"""

import os
import platform
import shutil
import subprocess
import sys

import pytest

from support.checkout import TESTS

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

pytestmark = [
    pytest.mark.skipif(
        platform.libc_ver()[0] != "glibc", reason="takes the place of glibc's malloc"
    ),
    pytest.mark.skipif(CC is None, reason="no C compiler"),
]


@pytest.fixture(scope="module")
def allocator(tmp_path_factory):
    library = tmp_path_factory.mktemp("allocator") / "failing_allocator.so"
    source = TESTS / "c" / "failing_allocator.c"
    subprocess.run([CC, "-shared", "-fPIC", source, "-o", library], check=True)
    return library


def run(*arguments, **environment):
    """Return the lines that the program prints."""
    result = subprocess.run(
        [sys.executable, TESTS / "support" / "failing_allocations.py", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-500:] + result.stderr
    return result.stdout.splitlines()


def refusals(allocator, operations):
    """Return a dict from operations to numbers of failures and growth of memory."""
    # Free blocks count as free, not as cached.
    tunables = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
    lines = run(*operations, LD_PRELOAD=str(allocator), GLIBC_TUNABLES=tunables)
    found = {}
    for line in lines:
        name, n_failed, grown = line.split("\t")
        found[name] = int(n_failed), int(grown)
    assert list(found) == operations
    return found


def check(found):
    for name, (n_failed, grown) in found.items():
        # Growth is measured over the last 32 failures or more: a leak of the smallest
        # refused block after each failure would be as much.
        assert n_failed > 32 and grown < 32 * 256, (name, n_failed, grown)


@pytest.mark.full
def test_some_operations(allocator):
    operations = ["partial_fit next", "predict row", "pickle early", "Network.backprop"]
    check(refusals(allocator, operations))


@pytest.mark.slow
@pytest.mark.promise(
    "A call that raises changes nothing",
    "If an allocation of the core or of NumPy's data fails, the call raises "
    "MemoryError and leaves every object unchanged; repeated with enough memory, it "
    "succeeds with the same bits.",
)
def test_every_operation_at_every_allocation(allocator, drawn):
    every_operation = run("--names")
    assert len(every_operation) > 100
    operations = drawn(every_operation, 8)
    found = refusals(allocator, operations)
    if operations == every_operation:  # the average of a sample varies
        assert sum(n_failed for n_failed, _ in found.values()) > 50 * len(operations)
    check(found)

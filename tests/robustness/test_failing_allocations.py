"""Memory may run out at any moment: in the core, and in NumPy for data.

failing_allocations.py runs every public operation without each of its allocations in
turn, in a process whose allocator refuses when it is told to: c/failing_allocator.c,
which is preloaded, so that the extension module is tested as it is.
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


def refusals(allocator, *beginnings):
    """A dict from operations to how often they failed, and by how much memory grew."""
    environment = {
        "LD_PRELOAD": str(allocator),
        "PYTHONPATH": os.pathsep.join(sys.path),
        # Blocks that are free count as free, and not as kept for later.
        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
    }
    run = subprocess.run(
        [sys.executable, TESTS / "support" / "failing_allocations.py", *beginnings],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout[-500:] + run.stderr
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    return {name: (int(n_failed), int(grown)) for name, n_failed, grown in rows}


def check(found):
    for name, (n_failed, grown) in found.items():
        # Growth is that in the last 32 failures or more: the smallest block that is
        # refused, kept after each, would be as much.
        assert n_failed > 32 and grown < 32 * 256, (name, n_failed, grown)


def test_some_operations(allocator):
    found = refusals(allocator, "predict r", "pickle e", "partial_fit n", "Network.b")
    assert len(found) == 5
    check(found)


@pytest.mark.slow
@pytest.mark.promise(
    "A call that raises changes nothing",
    "If an allocation of the core or of NumPy's data fails, the call raises "
    "MemoryError and leaves every object unchanged; repeated with enough memory, it "
    "succeeds with the same bits.",
)
def test_every_operation_at_every_allocation(allocator):
    found = refusals(allocator)
    assert len(found) > 100
    assert sum(n_failed for n_failed, _ in found.values()) > 5000
    check(found)

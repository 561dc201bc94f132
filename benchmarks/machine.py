"""Describes the machine of a result, without host names and paths."""

import importlib.metadata
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from runner import HERE, all_threads, thread_counts


def describe():
    with Peak() as peak:
        peaks = {str(n): peak.measure(n, tries=8) for n in thread_counts()}
    return {
        "cpu": cpu_model(),
        "cores": all_threads(),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "openblas_kernel": openblas_kernel(),
        "peak_gflops": peaks,
    }


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    record = {}
    for line in lines:
        key, _, value = line.partition(":")
        record.setdefault(key.strip(), value.strip())
    name = record.get("model name", "unknown")
    if "cpu family" in record:  # the model name of a virtual machine may be vague
        name += f" (family {record['cpu family']}, model {record.get('model')})"
    wide = [s for s in ("avx2", "avx512f") if s in record.get("flags", "").split()]
    return ", ".join([name, *wide])


def memory_gb():
    try:
        first = Path("/proc/meminfo").read_text().splitlines()[0]
    except OSError:
        return None
    return round(int(first.split()[1]) / 2**20)


def openblas_kernel():
    """Return the kernel that OpenBLAS chose; scikit-learn's speed depends on it."""
    import numpy  # noqa: F401  (loads OpenBLAS)
    from threadpoolctl import threadpool_info

    kernels = {pool.get("architecture") for pool in threadpool_info()} - {None}
    return ", ".join(sorted(kernels)) or None


class Peak:
    """Measures the peak of the processor with peak.c, which it compiles once."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.program = Path(self.directory.name, "peak")
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        source = [str(HERE / "peak.c"), "-o", str(self.program)]
        if compiler is not None:
            subprocess.run([compiler, "-O2", "-pthread", *source])
        return self

    def __exit__(self, *exception):
        self.directory.cleanup()

    def measure(self, n_threads, tries=1):
        """Return GF/s per data type; None without compiler or for other processors."""
        if not self.program.exists():
            return None
        run = subprocess.run(
            [str(self.program), str(n_threads), str(tries)],
            capture_output=True,
            text=True,
        )
        words = run.stdout.split()
        if run.returncode != 0 or not words:
            return None
        return {words[0]: float(words[1]), words[2]: float(words[3])}

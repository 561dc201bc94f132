"""Plants each mutant into a copy of the tree, and checks that a test detects it.

    python tests/mutants/run.py --own             all of them, each by its own test
    python tests/mutants/run.py --own dropout     those with this word in name or test
    python tests/mutants/run.py                   by the whole suite, if its own passes
    python tests/mutants/run.py --markdown        prints the list as a table

The copy is built once; a mutant in C then compiles the files that it touches. Its own
test runs as in the short run, with a new sample. A crash or a hang counts as detected.

Needs gcc, make, Cython and what the suite needs: nothing is installed, and this tree is
not changed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from mutants import MUTANTS  # noqa: E402

OUT, HEALTHY = "build/c/mutants", "build/c/healthy"
MODULE = f"pybackprop/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
LEFT_OUT = shutil.ignore_patterns(".git", "build", "dist", "__pycache__", ".*", "*.so")
# Tests of the sources themselves, and of the recorded bits, do not say what is wrong.
NOT_IN_SUITE = ("repository", "golden_bits")
PLUGINS = ("-p", "no:cacheprovider", "-p", "mutants.no_shrinking")
SECONDS_OF_A_TEST, SECONDS_OF_ALL = 300, 3000


class Broken(Exception):
    """A command that has to succeed has failed: a mutant does not compile, say."""


class Tree:
    """A built copy of the tree."""

    def __init__(self, root):
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT, dirs_exist_ok=True)
        self.said = ""
        self.build()
        shutil.copytree(root / OUT, root / HEALTHY)
        shutil.copy2(root / MODULE, root / HEALTHY)

    def run(self, command, limit):
        """Return what is wrong with a command in one word; None if it succeeds."""
        paths = os.pathsep.join((str(self.root), str(self.root / "tests")))
        environment = os.environ | {"PYTHONPATH": paths}
        environment.setdefault("MAKEFLAGS", "-j2")
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said = process.communicate(timeout=limit)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)  # and what the test has started
                return "hangs"
        self.said = said.decode(errors="replace")
        if process.returncode == 0:
            return None
        return "fails" if process.returncode > 0 else "crashes"

    def require(self, *command):
        if self.run(command, SECONDS_OF_ALL) is not None:
            raise Broken(f"{' '.join(command)[:200]}\n{self.said[-2000:]}")

    def build(self):
        """Build the extension module, by -O1: the same bits, and sooner compiled."""
        import numpy

        self.require(
            *("make", "CC=gcc", f"C_OUT={OUT}", "C_OPTIMIZE=-O1"),
            *("C_EXTRA=-fPIC -w", f"{OUT}/libpybackprop.a"),
        )
        generated, binding = f"{OUT}/_core.c", f"{OUT}/_core.o"
        parts = [*self.root.glob("pybackprop/**/*.p[yx][xdi]")]
        made = self.root / binding
        if not made.exists() or made.stat().st_mtime < max(map(_changed, parts)):
            source = "pybackprop/_core.pyx"
            self.require(sys.executable, "-m", "cython", "-3", source, "-o", generated)
            self.require(
                *("gcc", "-O0", "-fPIC", "-w", "-Icsrc", "-c", generated),
                *("-o", binding, f"-I{numpy.get_include()}"),
                f"-I{sysconfig.get_path('include')}",
                "-DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION",
            )
        self.require(
            *("gcc", "-shared", "-pthread", binding, f"{OUT}/libpybackprop.a"),
            *("-o", MODULE, "-lm"),
        )

    def restore(self, path, text, times):
        """Undo a mutant: nothing has to be compiled for the next one."""
        path.write_text(text, "utf-8")
        if path.suffix != ".py":
            os.utime(path, ns=times)
            shutil.rmtree(self.root / OUT)
            shutil.copytree(self.root / HEALTHY, self.root / OUT)
            shutil.copy2(self.root / HEALTHY / Path(MODULE).name, self.root / MODULE)

    def pytest(self, *tests, limit=SECONDS_OF_A_TEST):
        """Return (first test that fails, in what way), or None."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", *PLUGINS]
        did = self.run([*command, *(f"tests/{test}" for test in tests)], limit)
        failed = re.search(r"^(?:FAILED|ERROR) tests/(.*?)(?: - |$)", self.said, re.M)
        return did and (failed[1] if failed else tests[0], did)

    def detect(self, mutant, own_only):
        """Plant a mutant, and return the first test that detects it, or None."""
        places = mutant.places(self.root)
        times = [path.stat() for path, _ in places][0]
        path, text = mutant.plant(self.root)
        try:
            if path.suffix != ".py":
                self.build()
            found = self.pytest(mutant.test)
            return (
                found if own_only else found or self.pytest(*self.suite(), limit=3000)
            )
        finally:
            self.restore(path, text, (times.st_atime_ns, times.st_mtime_ns))

    def suite(self):
        return [
            path.relative_to(self.root / "tests").as_posix()
            for path in sorted(self.root.glob("tests/*/test_*.py"))
            if not any(word in str(path) for word in NOT_IN_SUITE)
        ]


def _changed(path):
    return path.stat().st_mtime


def markdown(mutants):
    """Return the list as a table."""
    lines = ["| mutant | detected by |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {m.name} | `{m.test}` |" for m in mutants)])


def run_all(tree, mutants, own_only):
    """Print a row per mutant; return the names of those that no test detects."""
    survivors = []
    for number, mutant in enumerate(mutants, 1):
        began = time.monotonic()
        try:
            test, did = tree.detect(mutant, own_only) or (mutant.test, "SURVIVES")
        except Broken as problem:
            test, did = str(problem), "BROKEN"
        if did in ("SURVIVES", "BROKEN"):
            survivors.append(mutant.name)
        seconds = f"{time.monotonic() - began:.0f} s"
        print(f"{number:3} {mutant.name:62} {did:8} {seconds:>5}  {test}", flush=True)
    print(f"{len(mutants)} planted, {len(mutants) - len(survivors)} detected")
    print("not detected:", "; ".join(survivors) or "none")
    return survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="of names or tests; all without one")
    parser.add_argument("--own", action="store_true", help="only each one's own test")
    parser.add_argument("--markdown", action="store_true", help="print the list")
    arguments = parser.parse_args()
    words = arguments.words or [""]
    mutants = [m for m in MUTANTS if any(w in f"{m.name} {m.test}" for w in words)]
    if arguments.markdown:
        print(markdown(mutants))
        return 0
    lost = [m.name for m in mutants if len(m.places(ROOT)) != 1]
    if lost or not mutants:
        print("not exactly once in the tree:", "; ".join(lost) or "nothing was asked")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder) / "tree")
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
        # A test that fails without a mutant detects nothing.
        tests = sorted({m.test for m in mutants})
        if wrong := tree.pytest(*tests, limit=SECONDS_OF_ALL):
            raise Broken(f"{wrong} without a mutant:\n{tree.said[-2000:]}")
        print(f"all tests pass, {time.monotonic() - began:.0f} s", flush=True)
        survivors = run_all(tree, mutants, arguments.own)
        print(f"{time.monotonic() - began:.0f} s in all")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())

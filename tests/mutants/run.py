"""Plant each bug of the list into a copy of the tree, and see which test catches it.

    python tests/mutants/run.py                   all of them
    python tests/mutants/run.py "dropout" ...     those with such a word in name or file
    python tests/mutants/run.py --own             each by its own test alone
    python tests/mutants/run.py --markdown        prints the list, as a table

The copy is built once, then what each bug touches.  Its own test has the first turn,
then all of C's, then the fast part of the suite; the recorded bits come last, since a
hash that differs does not say what is wrong.  A crash, or a hang, counts as caught.

Needs gcc, make and an interpreter that has what the suite needs: no package is
installed, and this tree is not changed.
"""

import argparse
import os
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

OUT = "build/c/mutants"
LEFT_OUT = shutil.ignore_patterns(".git", "build", "dist", "__pycache__", ".*", "*.so")
# Tests of the recorded bits, those that look at the sources, and those of this list.
NOT_IN_SUITE = ("golden_bits", "architecture", "benchmarks", "documentation", "mutants")
# Seconds that a program or the suite may take before it counts as hanging.
LIMIT_OF_PROGRAM, LIMIT_OF_SUITE = 120, 3000


class Broken(Exception):
    """The tree, and no test, is at fault: a bug that does not compile, say."""


class Tree:
    """A copy of the tree, and what can be done with it."""

    def __init__(self, root):
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT, dirs_exist_ok=True)
        self.programs = sorted(p.stem for p in (root / "tests/c").glob("test_*.c"))
        self.suite = [
            p.relative_to(root).as_posix()
            for p in sorted((root / "tests").glob("*/test_*.py"))
            if not any(word in p.name for word in NOT_IN_SUITE)
        ]

    def run(self, command, limit):
        """None if a command succeeds, else in a word what it did."""
        environment = os.environ | {"PYTHONPATH": str(self.root)}
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                self.said = process.communicate(timeout=limit)[0].decode(
                    errors="replace"
                )
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)  # and what the test has started
                return "hangs"
        if process.returncode == 0:
            return None
        return "fails" if process.returncode > 0 else "crashes"

    def require(self, *command):
        if self.run(command, LIMIT_OF_SUITE) is not None:
            raise Broken(f"{' '.join(command)[:200]}\n{self.said[-2000:]}")

    def make(self, *programs):
        """Build programs of C; -O1 computes the same bits, and compiles faster."""
        self.require(
            *("make", "-j2", "CC=gcc", f"C_OUT={OUT}", "C_OPTIMIZE=-O1"),
            "C_EXTRA=-fPIC -w",
            *(f"{OUT}/{program}" for program in programs),
        )

    def make_extension(self):
        """Build the extension module on the library that the tests of C use."""
        import numpy

        source, generated = "pybackprop/_core.pyx", f"{OUT}/_core.c"
        binding = f"{OUT}/_core.o"
        self.make("libpybackprop.a")
        if _is_newer(self.root / source, self.root / binding):
            self.require(
                sys.executable, "-m", "cython", "-3", source, "-o", f"{OUT}/_core.c"
            )
            self.require(
                *("gcc", "-O0", "-fPIC", "-w", "-Icsrc", "-c", generated),
                *("-o", binding, f"-I{numpy.get_include()}"),
                f"-I{sysconfig.get_path('include')}",
                "-DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION",
            )
        module = f"pybackprop/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        self.require(
            *("gcc", "-shared", "-pthread", binding, f"{OUT}/libpybackprop.a"),
            *("-o", module, "-lm"),
        )

    # ---- catchers: each returns (test, what it did), or None

    def program(self, name):
        self.make(f"tests/c/{name}")
        did = self.run([f"{OUT}/tests/c/{name}"], LIMIT_OF_PROGRAM)
        return did and (f"tests/c/{name}.c", did)

    def pytest(self, *files):
        self.make_extension()
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        did = self.run([*command, "-m", "not slow", *map(str, files)], LIMIT_OF_SUITE)
        return did and (_first_failure(self.said) or str(files[0]), did)

    def golden(self):
        self.make("tests/c/golden_bits")
        command = [f"{OUT}/tests/c/golden_bits", "2", "--check"]
        did = self.run([*command, "tests/golden_bits.txt"], LIMIT_OF_PROGRAM)
        if did is None:
            return self.pytest("tests/core/test_golden_bits.py")
        return "golden bits", did

    def catch(self, mutant, own_only=False):
        """The first test that sees it, and what the test did."""
        own = Path(mutant.test)
        caught = self.program(own.stem) if own.suffix == ".c" else self.pytest(own)
        if caught or own_only:
            return caught
        for name in self.programs if mutant.is_c else ():
            if name != own.stem:
                caught = caught or self.program(name)
        return caught or self.pytest(*self.suite) or self.golden()


def _is_newer(path, other):
    return not other.exists() or path.stat().st_mtime > other.stat().st_mtime


def _first_failure(said):
    for line in said.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split()[1]
    return None


def markdown(mutants):
    """The list as a table."""
    lines = ["| planted bug | file | what would go wrong | caught by |"]
    lines += ["| --- | --- | --- | --- |"]
    lines += [f"| {m.name} | `{m.file}` | {m.wrong} | `{m.test}` |" for m in mutants]
    return "\n".join(lines)


def run_all(tree, mutants, own_only):
    """Print a row a bug; the names of those that nothing catches."""
    survivors, only_bits = [], []
    for number, mutant in enumerate(mutants, 1):
        began = time.monotonic()
        path = tree.root / mutant.file
        healthy = mutant.plant(tree.root)
        try:
            test, did = tree.catch(mutant, own_only) or ("", "SURVIVES")
        except Broken as problem:
            test, did = str(problem), "BROKEN"
        finally:
            path.write_text(healthy, "utf-8")
        seconds = time.monotonic() - began
        if did in ("SURVIVES", "BROKEN"):
            survivors.append(mutant.name)
        if "golden" in test:
            only_bits.append(mutant.name)
        print(
            f"{number:3} {mutant.name:62} {did:8} {test}  {seconds:.0f} s", flush=True
        )
    print(f"{len(mutants)} planted, {len(mutants) - len(survivors)} caught")
    print("only by golden bits:", "; ".join(only_bits) or "none")
    print("by nothing:", "; ".join(survivors) or "none")
    return survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="of names or files; all without one")
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    words = arguments.words or [""]
    mutants = [m for m in MUTANTS if any(w in f"{m.name} {m.file}" for w in words)]
    if arguments.markdown:
        print(markdown(mutants))
        return 0
    lost = [m.name for m in mutants if m.occurrences(ROOT) != 1]
    if lost or not mutants:
        print("not exactly once in the tree:", "; ".join(lost) or "nothing was asked")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder) / "tree")
        # A test that fails without a bug catches nothing.
        for test in sorted({m.test for m in mutants}):
            name = Path(test).stem
            if tree.program(name) if test.endswith(".c") else tree.pytest(test):
                raise Broken(f"{test} fails in a healthy tree:\n{tree.said[-2000:]}")
        return bool(run_all(tree, mutants, arguments.own))


if __name__ == "__main__":
    sys.exit(main())

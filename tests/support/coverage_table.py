"""Prints the test coverage of the core and of its binding, from gcov's counts.

    python coverage_table.py DIRECTORY --lines 98 --branches 95

DIRECTORY has the counts of programs that gcc built with --coverage.  A kernel is
compiled once for each instruction set and data type: a line counts as run if it ran
in one of these variants, and so does each branch.  Where variants of a line have
different branches (a vector of one lane needs no loop), the variant with the highest
coverage counts.  For the binding only lines count: in the C code that Cython writes,
every call into Python has a branch for its failure.

The exit status is 1 if csrc/ is below one of the two limits.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE, BINDING = "csrc/", "pybackprop/_core.pyx"


def lines_of_binding(path):
    """Return the line of the binding for each line of the C code that Cython wrote."""
    line = None
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if mark := re.match(rf'\s*/\* "{BINDING}":(\d+)$', text):
            line = int(mark[1])
        elif re.match(r"(static|PyMODINIT_FUNC) .*\{", text) or "exit code" in text:
            line = None
        yield number, line


def counts(directory):
    """Return how often each line (file, number) ran, and for each variant of the line
    a tuple that tells which branches were taken."""
    lines, branches = collections.Counter(), collections.defaultdict(list)
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities"]
    files = sorted(Path(directory).resolve().rglob("*.gcda"))
    output = subprocess.run(
        [*command, *files], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for report in map(json.loads, filter(None, output.splitlines())):
        for file in report["files"]:
            marks = {}
            if file["file"].endswith("_core.c"):
                marks = dict(lines_of_binding(ROOT / file["file"]))
            for line in file["lines"]:
                place = file["file"], line["line_number"]
                if marks:
                    place = BINDING, marks[line["line_number"]]
                if place[1] is None:
                    continue
                lines[place] += line["count"]
                taken = tuple(branch["count"] > 0 for branch in line["branches"])
                branches[(*place, line.get("function_name"))].append(taken)
    return lines, branches


def merged(variants):
    """Return which branches were taken in variants with the same number of branches,
    for the number with the fewest branches missing."""
    shapes = collections.defaultdict(list)
    for taken in variants:
        shapes[len(taken)].append(taken)
    unions = [list(map(any, zip(*shape, strict=True))) for shape in shapes.values()]
    return min(unions, key=lambda union: (union.count(False), -len(union)))


def share(some, total):
    return 100 * some / total if total else 100.0


def row(name, lines, branches):
    cells = [f"{name:36}"]
    for counted in (lines, branches):
        ran = sum(counted)
        cells.append(f"{ran:6} of {len(counted):5} {share(ran, len(counted)):6.1f} %")
    return "  ".join(cells)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--lines", type=float, default=0.0, help="per cent")
    parser.add_argument("--branches", type=float, default=0.0, help="per cent")
    options = parser.parse_args(arguments)
    line_counts, variants = counts(options.directory)
    lines, branches = collections.defaultdict(list), collections.defaultdict(list)
    missing = []
    for (file, number), count in sorted(line_counts.items()):
        lines[file].append(count > 0)
        if count == 0:
            missing.append((file, number, "not run"))
    for (file, number, function), its_variants in variants.items():
        if file.startswith(CORE):
            taken = merged(its_variants)
            branches[file] += taken
            if not all(taken) and line_counts[file, number] > 0:
                what = f"{taken.count(False)} of {len(taken)} branches not taken"
                missing.append((file, number, f"{what}, {function}"))
    core = sorted(file for file in lines if file.startswith(CORE))
    print(f"{'':36}  {'lines':24}  branches")
    for file in core:
        print(row(file, lines[file], branches[file]))
    core_lines = [ran for file in core for ran in lines[file]]
    core_branches = [ran for file in core for ran in branches[file]]
    print(row(CORE, core_lines, core_branches))
    print(row(BINDING, lines[BINDING], []))
    shown = [place for place in missing if place[0].startswith((CORE, BINDING))]
    for file, number, what in sorted(shown):
        text = (ROOT / file).read_text("utf-8").splitlines()[number - 1].strip()
        print(f"{file}:{number}: {what}: {text}")
    reached = (
        share(sum(core_lines), len(core_lines)) >= options.lines
        and share(sum(core_branches), len(core_branches)) >= options.branches
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

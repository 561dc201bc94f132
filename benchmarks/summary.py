"""Writes a summary of benchmark runs: what the reports need, one line per cell.

    python benchmarks/summary.py [DIRECTORY]

Reads full.json and sweep.json of run.py from DIRECTORY (default: build/benchmarks) and
writes results/summary-VERSION.json, VERSION being that of the measured pybackprop.
Git tracks the summaries and not the runs, which are ten times as large: a run stores
every turn of every record.
"""

import json
import re
import sys
from pathlib import Path

from runner import HERE, spread

RESULTS = HERE / "results"
RUNS = HERE.parent / "build" / "benchmarks"

TIMES = ["median", "q1", "q3"]


def spread_of(name):
    return [f"{name}.{part}" for part in TIMES]


CELL = ["workload", "dtype", "peer", "threads"]
# Columns of each list of records in a run; "epoch.median" is record["epoch"]["median"].
# A record without a column's value has null there.
COLUMNS = {
    "epochs.workloads": ["name", "rows", "features", "hidden", "batch", "classes"],
    "epochs.records": [
        *CELL,
        "epoch.median",
        *spread_of("times_ours"),
        "gflops",
        "share_of_peak",
        "warm_up",
        "cores",
        "error",
    ],
    "epochs.best": ["workload", "dtype", "peer", *spread_of("ratio")],
    "lbfgs": ["dtype", "peer", "threads", "evaluations", "evaluation.median"]
    + [*spread_of("evaluation_times_ours"), "fit.median", *spread_of("fit_times_ours")],
    "latency": ["dtype", "method", "rows", "peer", "threads", "seconds.median"]
    + spread_of("times_ours"),
    "first_fit": [*CELL, "epochs", "import.median", "fit.median", "both.median"]
    + [*spread_of("fit_times_ours"), *spread_of("both_times_ours"), "error"],
    "grid_search": ["dtype", "peer", "backend", "threads", "seconds.median"]
    + ["best_score"],
    "sweep.cells": ["name", "rows", "features", "hidden", "batch", "rows_of"],
    "sweep.verdicts": ["workload", "dtype", "peer", *spread_of("ratio")]
    + ["our_threads", "their_threads", "all_to_one"],
    "sweep.failed": [*CELL, "error"],
    "growth": ["axis", "peer", "threads", "dtype", "values", "exponent"]
    + ["exponent_of_flops"],
    "memory": ["dtype", "peer", "fit", "system", "traced", "formula", "predict"],
}
# What describes a run as a whole.
HEAD = ["form", "machine", "peers", "absent", "turns"]


def best(records):
    """Return the record with the fastest number of threads."""
    return min(records, key=lambda record: record["epoch"]["median"])


def best_ratios(records):
    """Divide the epoch of each peer by ours, both with the best number of threads.

    Turns are paired, so this needs a run, not a summary.
    """
    groups = {}
    for record in records:
        if "error" not in record:
            group = groups.setdefault((record["workload"], record["dtype"]), {})
            group.setdefault(record["peer"], []).append(record)
    ratios = []
    for (workload, dtype), peers in groups.items():
        ours = best(peers["pybackprop"])["epoch"]["turns"]
        for peer, theirs in peers.items():
            theirs = best(theirs)["epoch"]["turns"]
            ratio = spread([a / b for a, b in zip(theirs, ours, strict=False)])
            row = {"workload": workload, "dtype": dtype, "peer": peer, "ratio": ratio}
            if peer != "pybackprop":
                ratios.append(row)
    return ratios


def value_at(record, path):
    for key in path.split("."):
        if not isinstance(record, dict) or key not in record:
            return None
        record = record[key]
    return record


def set_at(record, path, value):
    *parents, last = path.split(".")
    for key in parents:
        record = record.setdefault(key, {})
    record[last] = value


def keep_columns(records, columns):
    """Return records with only these columns, without columns that have no value."""
    kept = []
    for record in records:
        kept.append({})
        for column in columns:
            value = value_at(record, column)
            if value is not None:
                set_at(kept[-1], column, six_digits(value))
    return kept


def six_digits(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


def summarize(run):
    """Return a run without the data that no report needs, such as turns and losses."""
    run = dict(run)
    if "epochs" in run:
        run["epochs"] = dict(run["epochs"], best=best_ratios(run["epochs"]["records"]))
    if "sweep" in run:
        failed = [r for r in run["sweep"]["records"] if "error" in r]
        run["sweep"] = dict(run["sweep"], failed=failed)
    summary = {key: run[key] for key in HEAD}
    for path, columns in COLUMNS.items():
        records = value_at(run, path)
        if records is not None:
            set_at(summary, path, keep_columns(records, columns))
    return summary


# ------------------------------------------------------------------- files
def as_text(version, runs):
    """Format summarized runs as JSON: names of columns, then one line per record."""
    lines = ["{", f' "version": {json.dumps(version)},', ' "runs": [']
    for number, run in enumerate(runs):
        entries = [f"   {json.dumps(key)}: {json.dumps(run[key])}" for key in HEAD]
        for path, columns in COLUMNS.items():
            records = value_at(run, path)
            if records is not None:
                rows = [[value_at(record, c) for c in columns] for record in records]
                rows = ",\n".join(f"    {json.dumps(row)}" for row in [columns, *rows])
                entries.append(f'   "{path}": [\n{rows}\n   ]')
        end = "  }," if number < len(runs) - 1 else "  }"
        lines += ["  {", ",\n".join(entries), end]
    return "\n".join([*lines, " ]", "}"]) + "\n"


def from_text(text):
    """Return the version and the runs of a text from ``as_text``."""
    content = json.loads(text)
    runs = []
    for entries in content["runs"]:
        run = {key: entries.pop(key) for key in HEAD}
        for path, (columns, *rows) in entries.items():
            records = [dict(zip(columns, row, strict=True)) for row in rows]
            nested = []
            for record in records:
                nested.append({})
                for column, value in record.items():
                    if value is not None:
                        set_at(nested[-1], column, value)
            set_at(run, path, nested)
        runs.append(run)
    return content["version"], runs


def of_runs(directory):
    """Return the summaries of the runs in a directory, by form."""
    found = {}
    for form in ("short", "full", "sweep"):
        path = Path(directory, f"{form}.json")
        if path.exists():
            found[form] = summarize(json.loads(path.read_text("utf-8")))
    return found


def newest(results=RESULTS):
    """Return the runs in the summary of the highest version, by form."""
    files = {}
    for path in Path(results).glob("summary-*.json"):
        numbers = re.fullmatch(r"summary-(\d+)\.(\d+)\.(\d+)\.json", path.name).groups()
        files[tuple(map(int, numbers))] = path
    if not files:
        return {}
    _, runs = from_text(files[max(files)].read_text("utf-8"))
    return {run["form"]: run for run in runs}


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else RUNS
    runs = of_runs(directory)
    if "full" not in runs:
        sys.exit(f"{directory} has no full.json: make benchmark-full")
    versions = runs["full"]["peers"]["pybackprop"]["versions"]
    version = versions["pybackprop"]
    path = RESULTS / f"summary-{version}.json"
    kept = [runs[form] for form in ("full", "sweep") if form in runs]
    path.write_text(as_text(version, kept), "utf-8")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

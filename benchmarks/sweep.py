"""Measures epochs over many shapes, activations and solvers.

Varies each dimension of three centres separately, and adds random combinations drawn
with a fixed seed. A cell that would take too long is trained on fewer rows;
``rows_of`` then is the original number.
"""

import random
from dataclasses import replace

import epochs
from runner import spread
from workloads import Workload

CENTRES = [
    Workload("small", 500, 10, (20,), batch=50),
    Workload("middle", 5_000, 50, (100, 50), batch=200, classes=5),
    Workload("large", 50_000, 200, (512, 256), batch=500, classes=10),
]
ONE_AT_A_TIME = {
    "rows": [20, 200, 2_000, 20_000, 200_000, 1_000_000],
    "features": [1, 3, 30, 300, 1_000],
    "width": [1, 2, 8, 33, 128, 500, 2_048],
    "depth": [1, 2, 4, 8],
    "batch": [1, 4, 32, 256, 2_000, "full"],
    "classes": [0, 2, 3, 100],
    "activation": ["identity", "logistic", "tanh", "relu"],
    "solver": ["adam", "sgd", "lbfgs"],
    "density": [0.001, 0.01, 0.1, 0.5],
}
AT_RANDOM = 36
SECONDS_PER_EPOCH = 0.2
# Maximum size of a table: 1.6 GB per process in float64.
MAX_ELEMENTS = 2e8
# Larger networks lose layers: a step of scikit-learn would take seconds.
MAX_PARAMETERS = 1e7


def vary(cell, dimension, value):
    """Return a cell with another value of one dimension."""
    if dimension == "width":
        return replace(cell, hidden=(value,) * len(cell.hidden))
    if dimension == "depth":
        return replace(cell, hidden=(cell.hidden[0],) * value)
    if dimension == "batch" and value == "full":
        value = cell.rows
    cell = replace(cell, **{dimension: value})
    if cell.solver == "lbfgs":
        cell = replace(cell, batch=cell.rows)
    return replace(cell, batch=min(cell.batch, cell.rows))


def cells():
    """Return all distinct cells, named by what was varied."""
    found = {}

    def add(name, cell):
        while cell.n_parameters > MAX_PARAMETERS:
            cell = replace(cell, hidden=cell.hidden[:-1])
        max_rows = int(MAX_ELEMENTS / cell.features)
        if cell.rows > max_rows:
            cell = replace(cell, rows=max_rows, rows_of=cell.rows)
            cell = replace(cell, batch=min(cell.batch, max_rows))
        shorter = cell.shortened(SECONDS_PER_EPOCH)
        # Every class needs rows.
        classes = min(shorter.classes, max(2, shorter.rows // 2))
        shorter = replace(shorter, classes=classes)
        shape = replace(shorter, name="", rows_of=0)
        found.setdefault(shape, replace(shorter, name=name))

    for centre in CENTRES:
        add(centre.name, centre)
        for dimension, values in ONE_AT_A_TIME.items():
            for value in values:
                name = f"{centre.name}, {dimension} {value}"
                add(name, vary(centre, dimension, value))
    draw = random.Random(0)
    for number in range(AT_RANDOM):
        cell = draw.choice(CENTRES)
        for dimension, values in ONE_AT_A_TIME.items():
            # One table in four is sparse; without this rule it would be most.
            if dimension != "density" or draw.random() < 0.25:
                cell = vary(cell, dimension, draw.choice(values))
        add(f"random {number}", cell)
    return list(found.values())


def measure(peers, threads, dtypes, turns, every=1):
    """Return records as epochs.measure does, and a verdict per cell and data type.

    ``every=n`` measures every n-th cell only, for a trial.
    """
    chosen = cells()[::every]
    records = epochs.measure(chosen, peers, threads, dtypes, turns, 0.05)
    return {
        "cells": [cell.as_dict() for cell in chosen],
        "records": records,
        "verdicts": verdicts(records),
    }


def verdicts(records):
    """Compare each peer with pybackprop, both with their best number of threads.

    ``ratio`` is their time over ours. ``all_to_one`` is our time with all threads over
    that with one; above 1, threads make pybackprop slower.
    """
    groups = {}
    for record in records:
        if "error" not in record:
            group = groups.setdefault((record["workload"], record["dtype"]), {})
            group.setdefault(record["peer"], {})[record["threads"]] = record
    found = []
    for (workload, dtype), peers in groups.items():
        ours = peers.pop("pybackprop")
        best = _best(ours)
        medians = {n: record["epoch"]["median"] for n, record in ours.items()}
        for peer, theirs in peers.items():
            other = _best(theirs)
            pairs = zip(other["epoch"]["turns"], best["epoch"]["turns"], strict=False)
            found.append(
                {
                    "workload": workload,
                    "dtype": dtype,
                    "peer": peer,
                    "ratio": spread([a / b for a, b in pairs]),
                    "our_threads": best["threads"],
                    "their_threads": other["threads"],
                    "all_to_one": medians[max(medians)] / medians[min(medians)],
                }
            )
    return found


def _best(by_threads):
    return min(by_threads.values(), key=lambda record: record["epoch"]["median"])

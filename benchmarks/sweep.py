"""The sweep: shapes, activations and solvers, one at a time and at random.

From a few centres each dimension is varied alone, and a few dozen combinations are
drawn with a fixed seed.  A cell that would take a peer long trains on fewer rows, and
says of how many (``rows_of``).
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
SECONDS_AN_EPOCH = 0.2
# More elements than this are not drawn: float64 then takes 1.6 GB a process.
MOST_ELEMENTS = 2e8
# A network with more parameters loses layers: scikit-learn's step takes seconds there.
MOST_PARAMETERS = 1e7


def vary(cell, dimension, value):
    """A cell with one dimension at another value."""
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
    """All cells, each with a name that says how it came about; none twice."""
    found = {}

    def add(name, cell):
        while cell.n_parameters > MOST_PARAMETERS:
            cell = replace(cell, hidden=cell.hidden[:-1])
        most = int(MOST_ELEMENTS / cell.features)
        if cell.rows > most:
            cell = replace(cell, rows=most, rows_of=cell.rows)
            cell = replace(cell, batch=min(cell.batch, most))
        shorter = cell.shortened(SECONDS_AN_EPOCH)
        # A class needs rows.
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
            # Sparse tables are one in four here, or most would be.
            if dimension != "density" or draw.random() < 0.25:
                cell = vary(cell, dimension, draw.choice(values))
        add(f"random {number}", cell)
    return list(found.values())


def measure(peers, threads, dtypes, turns, every=1):
    """Records as of epochs.measure, and the verdict on each cell and data type.

    ``every`` above 1 takes only each so-many-th cell, to try the sweep out.
    """
    chosen = cells()[::every]
    records = epochs.measure(chosen, peers, threads, dtypes, turns, 0.05)
    return {
        "cells": [cell.as_dict() for cell in chosen],
        "records": records,
        "verdicts": verdicts(records),
    }


def verdicts(records):
    """Each peer's best over numbers of threads against ours, and ours against itself.

    ``ratio`` above 1: pybackprop is ahead.  ``all_to_one``: our time with all threads
    over that with one; above 1, threads do not pay.
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

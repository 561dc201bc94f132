"""Measures how the time of an epoch grows with rows, width and depth.

The exponent is the slope of a line through the upper half of the points on log-log
axes. In the lower half constant costs per batch and epoch dominate.
"""

from dataclasses import replace

import epochs
import numpy as np
from runner import four_digits
from workloads import Workload

CENTRE = Workload("growth", 20_000, 50, (128,), batch=200, classes=10)
AXES = {
    "rows": [1_000, 3_000, 10_000, 30_000, 100_000],
    "width": [16, 32, 64, 128, 256, 512, 1_024],
    "depth": [1, 2, 3, 4, 6, 8],
}


def at(axis, value):
    name = f"{axis} {value}"
    if axis == "rows":
        return replace(CENTRE, name=name, rows=value)
    if axis == "width":
        # With two layers, the number of weights grows with the square of the width.
        return replace(CENTRE, name=name, rows=2_000, hidden=(value, value))
    return replace(CENTRE, name=name, rows=5_000, hidden=CENTRE.hidden * value)


def measure(peers, threads, dtypes, turns, points=None):
    curves = []
    for axis, values in AXES.items():
        values = values[:points]
        workloads = {w.name: w for w in (at(axis, value) for value in values)}
        records = epochs.measure(
            list(workloads.values()), peers, threads, dtypes, turns, 0.1
        )
        groups = {}
        for record in records:
            if "error" not in record:
                key = record["peer"], record["threads"], record["dtype"]
                groups.setdefault(key, {})[record["workload"]] = record
        for (peer, n, dtype), by_name in groups.items():
            seconds = [by_name[name]["epoch"]["median"] for name in workloads]
            flops = [w.flops for w in workloads.values()]
            curves.append(
                {
                    "axis": axis,
                    "values": values,
                    "peer": peer,
                    "threads": n,
                    "dtype": dtype,
                    "seconds": seconds,
                    "exponent": exponent(values, seconds),
                    # Of time against operations; 1 if time is proportional to them.
                    "exponent_of_flops": exponent(flops, seconds),
                }
            )
    return curves


def exponent(x, y):
    half = len(x) // 2
    if len(x) - half < 2:
        half = 0
    return four_digits(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])

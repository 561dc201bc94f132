"""Measures steps per second and bytes per step of a fit on a local Dask cluster.

    python benchmarks/dask_fit.py [--workers 1 2 4] [--only narrow] [--direct]

``--direct`` lets the client connect to the workers without the scheduler. Bytes are
those of the loopback device. If other programs use it, run the script in a network
namespace: ``unshare -n sh -c 'ip link set lo up; python benchmarks/dask_fit.py'``.

Ideal speed with n workers is n times that of the local fit with one thread. The script
ends with an estimate for larger clusters, calculated from the local step and from a
step with one block of rows per worker.
"""

import argparse
import time
import warnings
from dataclasses import dataclass

import dask.array as da
import numpy as np
import psutil
from distributed import Client, LocalCluster

import pybackprop
from pybackprop.dask import MLPRegressor

N_FEATURES = 100
# Bytes per second between machines for the estimate: 10 gigabit Ethernet.
BANDWIDTH = 1.25e9


@dataclass
class Task:
    """A network, a solver and a number of rows per step."""

    name: str
    hidden: tuple
    solver: str
    n_rows: int
    batch: int
    epochs: int

    @property
    def n_parameters(self):
        """Number of coefficients and intercepts."""
        sizes = (N_FEATURES, *self.hidden, 1)
        return sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))

    def params(self):
        """Return parameters of the local and of the Dask estimator."""
        shared = {"hidden_layer_sizes": self.hidden, "solver": self.solver, "tol": 0.0}
        shared |= {"max_iter": self.epochs, "random_state": 0, "max_fun": 10**6}
        if self.solver == "lbfgs":
            return shared
        return shared | {"shuffle": "blocks", "batch_size": self.batch}


TASKS = [
    Task("narrow, Adam", (64,), "adam", 65_536, 16_384, 10),
    Task("narrow, L-BFGS", (64,), "lbfgs", 65_536, 65_536, 15),
    Task("wide, Adam", (512, 512), "adam", 65_536, 16_384, 3),
    Task("wide, L-BFGS", (512, 512), "lbfgs", 32_768, 32_768, 6),
]


class Steps:
    """Scorer that records the time of each epoch and returns 0."""

    def __init__(self):
        self.times = []

    def __call__(self, model, X, y):
        self.times.append(time.perf_counter())
        return 0.0

    def seconds(self, per_epoch):
        """Return the median seconds per step, without the first epoch."""
        return float(np.median(np.diff(self.times))) / per_epoch


def of_fit(kind, task, X, y, **params):
    """Fit; return the seconds per step (L-BFGS: per iteration) and the model."""
    steps = Steps()
    model = kind(**task.params(), scoring=steps, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, X_val=X[:10], y_val=y[:10])
    per_epoch = 1 if task.solver == "lbfgs" else -(-task.n_rows // task.batch)
    return steps.seconds(per_epoch), model


def of_empty_step(task, X, y, n_workers):
    """Return the seconds per step with one small block of rows per worker."""
    rows = slice(256 * n_workers)
    hardly = Task(task.name, task.hidden, "adam", rows.stop, rows.stop, 30)
    tables = da.from_array(X[rows], chunks=(256, N_FEATURES)), y[rows]
    return of_fit(MLPRegressor, hardly, *tables)[0]


def loopback():
    """Return the bytes sent over the loopback device so far."""
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


def bytes_of_steps(task, X, y):
    """Return the bytes per step, from the difference of a long and a short fit."""
    carried, done = [], []
    for epochs in (2, 2 + task.epochs):
        before = loopback()
        params = task.params() | {"max_iter": epochs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MLPRegressor(**params).fit(X, y)
        carried.append(loopback() - before)
        done.append(model.n_iter_)
    per_epoch = 1 if task.solver == "lbfgs" else -(-task.n_rows // task.batch)
    return (carried[1] - carried[0]) / ((done[1] - done[0]) * per_epoch)


def on_paper(local, fixed, per_worker, size, n_workers):
    """Estimate the seconds per step with many workers, and the efficiency.

    The client sends the parameters to each worker and receives a gradient from each
    over one network connection.
    """
    lines = 2 * n_workers * size / BANDWIDTH
    step = local / n_workers + fixed + n_workers * per_worker + lines
    return step, local / (n_workers * step)


def main():
    """Measure and print one line per task and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--direct", action="store_true")
    parser.add_argument(
        "--only", default="", help="substring of the names of tasks to run"
    )
    arguments = parser.parse_args()
    tasks = [task for task in TASKS if arguments.only in task.name]
    rng = np.random.RandomState(0)
    X = rng.normal(size=(max(task.n_rows for task in tasks), N_FEATURES))
    y = np.abs(X[:, 0]) + X[:, 1] * X[:, 2]
    print("task, parameters, rows per step: time per step of the local fit, one thread")
    local = {}
    for task in tasks:
        rows = slice(task.n_rows)
        local[task.name], _ = of_fit(
            pybackprop.MLPRegressor, task, X[rows], y[rows], n_jobs=1
        )
        print(
            f"{task.name:16} {task.n_parameters:8,} {task.batch:8,} "
            f"{1000 * local[task.name]:9.1f} ms"
        )
    print("task, workers: ms per step, steps/s, share of ideal, bytes per step")
    empty = {}
    for n_workers in arguments.workers:
        options = {"threads_per_worker": 1, "dashboard_address": ":0"}
        with (
            LocalCluster(n_workers=n_workers, **options) as cluster,
            Client(cluster, direct_to_workers=arguments.direct or None),
        ):
            for task in tasks:
                rows = slice(task.n_rows)
                tables = da.from_array(X[rows], chunks=(4096, N_FEATURES)), y[rows]
                step, _ = of_fit(MLPRegressor, task, *tables)
                carried = bytes_of_steps(task, *tables)
                efficiency = local[task.name] / (n_workers * step)
                empty[task.name, n_workers] = of_empty_step(task, X, y, n_workers)
                print(
                    f"{task.name:16} {n_workers:3} {1000 * step:9.1f} {1 / step:8.1f} "
                    f"{efficiency:6.0%} {carried / 1e6:9.2f} MB; "
                    f"{1000 * empty[task.name, n_workers]:.1f} ms at 256 rows each",
                    flush=True,
                )
    few, many = min(arguments.workers), max(arguments.workers)
    if few == many:
        return
    print("estimate for batches 64 times as large: ms per step, share of ideal")
    for task in tasks:
        at_few, at_many = empty[task.name, few], empty[task.name, many]
        per_worker = max(0.0, (at_many - at_few) / (many - few))
        fixed = max(0.0, at_few - few * per_worker)
        for n_workers in (10, 100, 1000):
            step, efficiency = on_paper(
                64 * local[task.name],
                fixed,
                per_worker,
                8 * task.n_parameters,
                n_workers,
            )
            print(
                f"{task.name:16} {n_workers:5} {1000 * step:9.1f} {efficiency:6.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()

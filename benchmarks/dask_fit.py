"""Steps a second and bytes a step of one fit on a Dask cluster of this machine.

Run it with ``python dask_fit.py``; ``--workers 1 2 4``, ``--only narrow`` and
``--direct``, without the way through the scheduler, are the options.  Bytes are those
of the loopback device: run it in a network of its own, ``unshare -n sh -c 'ip link set
lo up; python dask_fit.py'``, where others use the machine.

The ideal of n workers is n times the speed of the local fit with one thread.  At its
end stands a calculation on paper of larger clusters, from what was measured: the local
step, and what a step takes that has one block of rows a worker.
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
# Bytes a second from one machine to another, for the calculation: 10 gigabits.
BANDWIDTH = 1.25e9


@dataclass
class Task:
    """A network, a solver, and how many rows a step takes."""

    name: str
    hidden: tuple
    solver: str
    n_rows: int
    batch: int
    epochs: int

    @property
    def n_parameters(self):
        """Coefficients and intercepts."""
        sizes = (N_FEATURES, *self.hidden, 1)
        return sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))

    def params(self):
        """Keyword arguments of either estimator."""
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
    """A loss that counts nothing, and a scorer that keeps the time of each epoch."""

    def __init__(self):
        self.times = []

    def __call__(self, model, X, y):
        self.times.append(time.perf_counter())
        return 0.0

    def seconds(self, per_epoch):
        """Median seconds a step, without the first epoch."""
        return float(np.median(np.diff(self.times))) / per_epoch


def of_fit(kind, task, X, y, **params):
    """Seconds a step, or an iteration, of a fit; and the model."""
    steps = Steps()
    model = kind(**task.params(), scoring=steps, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, X_val=X[:10], y_val=y[:10])
    per_epoch = 1 if task.solver == "lbfgs" else -(-task.n_rows // task.batch)
    return steps.seconds(per_epoch), model


def of_empty_step(task, X, y, n_workers):
    """Seconds a step with the network of a task and one block of rows a worker."""
    rows = slice(256 * n_workers)
    hardly = Task(task.name, task.hidden, "adam", rows.stop, rows.stop, 30)
    tables = da.from_array(X[rows], chunks=(256, N_FEATURES)), y[rows]
    return of_fit(MLPRegressor, hardly, *tables)[0]


def loopback():
    """Bytes that the loopback device has carried so far."""
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


def bytes_of_steps(task, X, y):
    """Bytes a step: those of a long fit less those of a short one."""
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
    """Seconds a step with many workers, and the efficiency.

    The client sends parameters to all, and gets a gradient from each, through one line.
    """
    lines = 2 * n_workers * size / BANDWIDTH
    step = local / n_workers + fixed + n_workers * per_worker + lines
    return step, local / (n_workers * step)


def main():
    """Measure, and print a line a task and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--only", default="", help="part of a task's name")
    arguments = parser.parse_args()
    tasks = [task for task in TASKS if arguments.only in task.name]
    rng = np.random.RandomState(0)
    X = rng.normal(size=(max(task.n_rows for task in tasks), N_FEATURES))
    y = np.abs(X[:, 0]) + X[:, 1] * X[:, 2]
    print("task, parameters, rows a step: seconds a step of the local fit, one thread")
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
    print("task, workers: ms a step, steps/s, of the ideal, bytes a step")
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
                    f"{1000 * empty[task.name, n_workers]:.1f} ms with hardly any rows",
                    flush=True,
                )
    few, many = min(arguments.workers), max(arguments.workers)
    if few == many:
        return
    print("on paper, batches 64 times as large: ms a step and of the ideal")
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

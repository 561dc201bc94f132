"""Measures how much time ``fit_batches`` saves by reading batches ahead.

    python benchmarks/read_ahead.py [turns]

Fits with read_ahead=0, which read between two steps, alternate with fits with the
default of 1, which read during a step. Prints the median ratio of their times. Sources:
a Parquet file, read by row groups (with pyarrow); a CSV file, read in chunks (with
pandas); a reader that sleeps, like one that waits for a slow disk or network. Training
uses one thread, so a second processor is free for the reader. Each source is measured
with a network whose training takes about as long as reading.
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPRegressor

N_BATCHES, N_ROWS, N_FEATURES = 40, 2000, 50


def main(turns):
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.RandomState(0)
    X = rng.standard_normal((N_BATCHES * N_ROWS, N_FEATURES)).astype(np.float32)
    y = X[:, 0] * X[:, 1]
    print(f"{N_BATCHES} batches of {N_ROWS} x {N_FEATURES} float32, medians of {turns}")
    print(f"{'source':<14}{'reading':>9}{'training':>10}{'0 ahead':>9}{'1 ahead':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in SOURCES.items():
            try:
                batches = make(Path(folder, name), X, y)
            except ImportError as missing:
                print(f"{name:<14}left out: {missing}")
                continue
            report(name, batches, X, y, turns)


def report(name, batches, X, y, turns):
    in_memory = list(slow_reader(None, X, y, seconds=0)())
    reading = median(seconds(lambda: [None for _ in batches()]) for _ in range(3))
    model = of_equal_work(in_memory, reading)
    tasks = {
        "training": lambda: model.fit_batches(in_memory, read_ahead=0),
        "0 ahead": lambda: model.fit_batches(batches, read_ahead=0),
        "1 ahead": lambda: model.fit_batches(batches),
    }
    model.fit_batches(in_memory)
    taken = {task: [] for task in tasks}
    for _ in range(turns):
        for task, function in tasks.items():
            taken[task].append(seconds(function))
    pairs = zip(taken["0 ahead"], taken["1 ahead"], strict=True)
    medians = [reading, *map(median, taken.values())]
    print(
        f"{name:<14}{medians[0]:>8.3f}s{medians[1]:>9.3f}s{medians[2]:>8.3f}s"
        f"{medians[3]:>8.3f}s  {median(a / b for a, b in pairs):.2f} times as fast"
        f", {model.hidden_layer_sizes[0]} units",
        flush=True,
    )


def of_equal_work(in_memory, reading):
    """Return a model that trains about as long as the batches take to read."""
    for n_units in (16, 32, 64, 128, 256, 512, 1024):
        model = MLPRegressor(
            hidden_layer_sizes=(n_units,), n_jobs=1, max_iter=2, tol=0, random_state=0
        )
        if seconds(lambda model=model: model.fit_batches(in_memory)) > 2 * reading:
            break
    return model


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# ----------------------------------------------------------------------------- sources
def slow_reader(path, X, y, seconds=0.02):
    def batches():
        for start in range(0, len(X), N_ROWS):
            time.sleep(seconds)
            yield X[start : start + N_ROWS], y[start : start + N_ROWS]

    return batches


def parquet(path, X, y):
    import pyarrow
    import pyarrow.parquet

    columns = {f"x{i}": column for i, column in enumerate(X.T)} | {"y": y}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=N_ROWS)

    def batches():
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(N_ROWS, use_threads=False):
                columns = [column.to_numpy() for column in batch.columns]
                yield np.stack(columns[:-1], axis=1), columns[-1]

    return batches


def csv(path, X, y):
    import pandas

    columns = [f"x{i}" for i in range(N_FEATURES)]
    pandas.DataFrame(X, columns=columns).assign(y=y).to_csv(path, index=False)

    def batches():
        for frame in pandas.read_csv(path, chunksize=N_ROWS, dtype=np.float32):
            yield frame[columns], frame["y"]

    return batches


SOURCES = {"waits 20 ms": slow_reader, "Parquet": parquet, "CSV": csv}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)

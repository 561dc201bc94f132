"""
Larger than memory
==================

Three ways to train on a dataset that does not fit into memory, how much memory each
needs per row, and how much reading time prefetching hides. All numbers were measured
when this page was built.
"""

import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from matplotlib import pyplot as plt
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch, below

# %%
# Overview
# --------
#
# ============================  =========================================
# The dataset is                Use
# ============================  =========================================
# an array in a file            ``fit`` on the mapped file
# read in batches, repeatedly   ``fit_batches``, in epochs like ``fit``
# read once, chunk by chunk     ``partial_fit``
# ============================  =========================================
#
# :ref:`sphx_glr_auto_examples_18_larger_than_memory.py` shows all three.
#
# A mapped file
# -------------
#
# ``np.load(path, mmap_mode="r")``, ``np.memmap`` and ``joblib.load(path,
# mmap_mode="r")`` return arrays that are mapped from a file. ``fit`` reads their rows
# in place. Fits of two lengths measure the additional memory per row:

folder = tempfile.TemporaryDirectory()
path = Path(folder.name)
rng = np.random.RandomState(0)
rows = rng.standard_normal((2**14, 3)).astype(np.float32)


def mapped(name, array):
    np.save(path / f"{name}.npy", array)
    return np.load(path / f"{name}.npy", mmap_mode="r")


X = mapped("X", np.tile(rows, (2**6, 1)))
y = mapped("y", X[:, 0] - X[:, 1])
in_double = mapped("in_double", np.float64(y))
classes = mapped("classes", np.digitize(y, [-1, 1]))
weights = mapped("weights", np.abs(in_double) + 1)


def bytes_a_row(estimator, *columns, **params):
    model = estimator(hidden_layer_sizes=(3,), batch_size=1024, max_iter=1, **params)
    model.fit(*(column[:2000] for column in columns))
    peaks = []
    for length in (2**18, 2**20):
        tracemalloc.start()
        model.fit(*(column[:length] for column in columns))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (2**20 - 2**18)


in_order = {"shuffle": False}
for words, estimator, columns, params in (
    ("numbers of X's type, in order", MLPRegressor, (X, y), in_order),
    ("the same, L-BFGS", MLPRegressor, (X, y), {"solver": "lbfgs"}),
    ("weights in float64 too", MLPRegressor, (X, y, weights), in_order),
    ("numbers of another type", MLPRegressor, (X, in_double), in_order),
    ("class labels", MLPClassifier, (X, classes), in_order),
    ("numbers, in blocks", MLPRegressor, (X, y), {"shuffle": "blocks"}),
    ("numbers, all rows shuffled", MLPRegressor, (X, y), {}),
):
    kept = bytes_a_row(estimator, *columns, **params)
    print(f"{words:<30} {kept:5.1f} bytes a row")

# %% **Class labels** of any type become codes of 4 bytes; labels that are not integers
# are also sorted once, in a copy. **With** ``shuffle="blocks"``, a fit holds the order
# of up to 262,144 rows at a time, about 10 MB, and the order of the blocks of 256 rows;
# the difference above is a second such part, which the shorter dataset does not need.
# **With** ``shuffle=True``, the default, it holds the order of all rows.
#
# An array is copied completely if it must be converted: X if it is not float32 or
# float64 in the byte order of the machine, or sparse and not canonical CSR; ``y`` if it
# is a multilabel indicator, or, in a regression, has another type than X; sample
# weights if they are not float64, or if there is a ``class_weight``. A validation set
# that is split off needs the order of all rows and a copy of its own rows: pass
# ``X_val`` and ``y_val`` instead.
#
# Every fit reads the dataset once more than it has epochs, to check for NaN;
# ``sklearn.config_context(assume_finite=True)`` disables this. Rows in order or in
# blocks are read from the disk in long runs. Do not truncate a mapped file: the
# operating system then ends the process that reads it.
#
# Batches
# -------
#
# ``fit_batches`` iterates over ``batches`` in every epoch. ``batches`` is a list, an
# object with ``__iter__``, or a function that returns an iterator. Each batch, ``(X,
# y)`` or ``(X, y, sample_weight)``, is one step. The result has the bits of ``fit``
# with ``shuffle=False`` and this ``batch_size``. At most ``read_ahead + 5`` batches are
# in memory. Without ``classes``, a classifier reads all batches once before the
# training. The batches must be in random order already: read parts of a file in random
# order, shuffle within each, and draw from your own generator.
#
# A learning rate schedule that acts at each step needs the number of steps per epoch.
# It is ``len(batches)`` or counted while the classes are collected. ``resume=True``
# gives the bits of an uninterrupted fit if each epoch has the same batches.
#
# Prefetching
# -----------
#
# A thread reads, checks and converts the next batches during a step, because a step
# does not hold the interpreter's lock. ``read_ahead=0`` reads between steps. With a
# reader that waits about as long as a step takes, as for a disk or a network:

rows = rng.standard_normal((20, 1000, 100)).astype(np.float32)
batches = [(part, part[:, 0]) for part in rows]
model = MLPRegressor(hidden_layer_sizes=(256,), max_iter=1, n_jobs=1, random_state=0)
model.fit_batches(batches)


def seconds(batches, **params):
    start = time.perf_counter()
    model.fit_batches(batches, **params)
    return time.perf_counter() - start


pause = seconds(batches) / len(batches)


def slowly():
    for batch in batches:
        time.sleep(pause)
        yield batch


times = {"training alone": [], "read_ahead=0": [], "read_ahead=1": []}
for _ in range(5):
    times["training alone"].append(seconds(batches, read_ahead=0))
    times["read_ahead=0"].append(seconds(slowly, read_ahead=0))
    times["read_ahead=1"].append(seconds(slowly))
medians = {name: median(taken) for name, taken in times.items()}
pairs = zip(times["read_ahead=0"], times["read_ahead=1"], strict=True)
ratio = median(without / ahead for without, ahead in pairs)
print(f"reading ahead is {ratio:.2f} times as fast as reading between steps")

figure, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
bars = ax.barh(list(medians), medians.values(), color=["0.7", "#d55e00", "#0072b2"])
ax.bar_label(bars, fmt="%.2f s", padding=3)
ax.margins(x=0.15)
ax.invert_yaxis()
ax.set(xlabel="seconds an epoch, on this machine, in this build")
plt.show()
folder.cleanup()

# %% The maximum speed-up is 2, if reading and training take equally long. A reader that
# computes, such as a CSV parser, needs its own processor, and other threads run only
# while it does not hold the interpreter's lock. ``python benchmarks/read_ahead.py``
# measures a waiting reader, Parquet and CSV. On an idle machine with two cores,
# prefetching made them 1.2, 1.5 and 1.8 times as fast, in this order.
#
# Chunks
# ------
#
# A reader that returns chunks can feed ``partial_fit``, which uses each chunk once, or,
# inside a function, ``fit_batches``. Data frames and Arrow tables are accepted::
#
#     for frame in pandas.read_csv(path, chunksize=1000):
#         model.partial_fit(frame[columns], frame["y"], classes=classes)
#
#     frame = polars.scan_parquet(path)
#     for start in range(0, n_rows, 1000):
#         chunk = frame.slice(start, 1000).collect()
#         model.partial_fit(chunk.select(columns), chunk["y"], classes=classes)
#
#     for batch in pyarrow.parquet.ParquetFile(path).iter_batches(1000):
#         model.partial_fit(batch.select(columns), batch["y"], classes=classes)
#
# A test compares all three, from CSV and Parquet, with the bits of the same arrays.
# pandas before version 3 needs ``float_precision="round_trip"`` to read the last bit of
# a number from a CSV file.

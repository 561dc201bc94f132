"""
Datasets larger than memory
===========================

Three ways to train on a dataset that does not fit into memory, shown on a small one: a
memory-mapped file, batches that are read in each epoch, with prefetching, and
``partial_fit`` on successive chunks.
"""

import tempfile
import warnings
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X, y, X_val, y_val = X[:1500] / 16, y[:1500], X[1500:] / 16, y[1500:]
folder = tempfile.TemporaryDirectory()
path = Path(folder.name)
params = {"max_iter": 30, "batch_size": 100, "random_state": 0}

# %%
# A memory-mapped file
# --------------------
# ``fit`` reads rows in place and copies none: the operating system loads the pages that
# are needed and discards them again. ``shuffle="blocks"`` draws an order of blocks of
# 256 rows and of the rows in each; the default, an order of all rows, needs 24 bytes
# per row.

np.save(path / "X.npy", X)
mapped = np.load(path / "X.npy", mmap_mode="r")
model = MLPClassifier(shuffle="blocks", **params).fit(mapped, y)
in_memory = MLPClassifier(shuffle="blocks", **params).fit(X, y)
print(f"score {model.score(X_val, y_val):.3f} of a mapped table, ", end="")
print("with the bits of one in memory:", model.loss_curve_ == in_memory.loss_curve_)
assert model.loss_curve_ == in_memory.loss_curve_

# %%
# Batches that are read in each epoch
# -----------------------------------
# ``fit_batches`` accepts an object that can be iterated repeatedly, here a function
# that opens a CSV file, and makes one step per batch. Epochs, stopping and ``history_``
# are as in ``fit``. A thread reads the next batch during a step.

columns = [f"x{i}" for i in range(64)]


def write_csv(name, rows):
    np.savetxt(
        path / name,
        np.c_[X, y][rows],
        fmt=64 * ["%.17e"] + ["%d"],
        delimiter=",",
        header=",".join([*columns, "digit"]),
        comments="",
    )


write_csv("all.csv", slice(None))


def batches():
    with open(path / "all.csv") as file:
        next(file)
        while lines := list(islice(file, 100)):
            table = np.loadtxt(lines, delimiter=",")
            yield table[:, :-1], table[:, -1].astype(int)


streamed = MLPClassifier(**params).fit_batches(
    batches, classes=range(10), X_val=X_val, y_val=y_val
)
whole = MLPClassifier(shuffle=False, **params).fit(X, y, X_val=X_val, y_val=y_val)
print("batches of a file have the bits of the table: ", end="")
print(streamed.loss_curve_ == whole.loss_curve_)
assert streamed.loss_curve_ == whole.loss_curve_

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.plot(in_memory.loss_curve_, color="#0072b2", label='shuffle="blocks"')
axes.plot(streamed.loss_curve_, color="#d55e00", label="in the order of the file")
axes.set(xlabel="epoch", ylabel="loss", yscale="log")
axes.legend()
plt.show()

# %%
# Successive chunks
# -----------------
# ``partial_fit`` makes one pass over its chunk. A dataset is often a folder of files;
# pandas, polars and pyarrow readers give the same results.

READERS = {"pandas": "pandas", "polars": "polars", "pyarrow": "pyarrow.csv"}
for i in range(5):
    write_csv(f"part-{i}.csv", slice(300 * i, 300 * i + 300))

losses = {}
for library, module in READERS.items():
    if find_spec(library) is None:
        print(f"{library} is not installed")
        continue
    read_csv = import_module(module).read_csv
    model = MLPClassifier(random_state=0)
    for part in sorted(path.glob("part-*.csv")):
        frame = read_csv(part)
        rows = frame[columns] if library == "pandas" else frame.select(columns)
        model.partial_fit(rows, frame["digit"], classes=range(10))
    losses[library] = model.loss_
    print(f"{library:<8} loss {model.loss_!r}")
assert len(set(losses.values())) <= 1
folder.cleanup()

"""
Tables that are larger than memory
==================================

Three ways to train on what does not fit into memory, on a small table that would: a
file that is mapped, batches that are read anew for each epoch while others are trained
on, and ``partial_fit`` on chunks that come one after another.
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
# A file that is mapped
# ---------------------
# ``fit`` reads rows where they lie, and copies none: the system brings in what is
# needed and drops it again. ``shuffle="blocks"`` draws an order of blocks of 256 rows,
# and of the rows in each; the default order of all rows takes 24 bytes a row.

np.save(path / "X.npy", X)
mapped = np.load(path / "X.npy", mmap_mode="r")
model = MLPClassifier(shuffle="blocks", **params).fit(mapped, y)
in_memory = MLPClassifier(shuffle="blocks", **params).fit(X, y)
print(f"score {model.score(X_val, y_val):.3f} of a mapped table, ", end="")
print("with the bits of one in memory:", model.loss_curve_ == in_memory.loss_curve_)
assert model.loss_curve_ == in_memory.loss_curve_

# %%
# Batches that are read anew for each epoch
# -----------------------------------------
# ``fit_batches`` takes what can be iterated over again and again, here a function that
# opens a CSV file, and makes a step of each batch. All else is as in ``fit``: epochs,
# stopping, ``history_``. While a batch is trained on, a thread reads the next.

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
# Chunks that come one after another
# ----------------------------------
# ``partial_fit`` goes once over what it is given. A table is often a folder of files,
# and whoever reads them, pandas, polars or pyarrow, the same numbers come out.

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

"""Measures the additional peak memory of a fit and of a prediction.

VmHWM of the operating system, reset before the call, counts all memory in use;
tracemalloc counts allocations of NumPy and Python. Each call runs in a new process,
where it cannot reuse freed memory, which neither would count.
"""

import importlib
import tracemalloc
from pathlib import Path

from estimator import estimator
from runner import Worker, say
from workloads import Workload, table

LIBRARIES = {"pybackprop": "pybackprop", "scikit_learn": "sklearn.neural_network"}
WARM_UP = Workload("warm-up", 100, 5, (8,), batch=50)

WORKLOADS = [
    Workload("wide", 2_000, 500, (1_000, 1_000), batch=200, classes=10),
    Workload("wide, L-BFGS", 2_000, 500, (1_000, 1_000), 2_000, 10, solver="lbfgs"),
    Workload("large batch", 20_000, 50, (256, 128), batch=10_000),
    Workload("long", 500_000, 20, (64, 64), batch=200),
]
PREDICTED_ROWS = [1_000, 10_000, 100_000, 400_000]


def answer(task, **request):
    return {"fit": of_a_fit, "predict": of_predictions}[task](**request)


def beyond(function):
    """Return the additional bytes at the peak of a call: (system's, tracemalloc's)."""
    before = None
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")  # resets VmHWM to the current use
        before = _status("VmRSS")
    tracemalloc.start()
    function()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (None if before is None else max(0, _status("VmHWM") - before)), traced


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise LookupError(field)


def of_a_fit(library, workload, dtype):
    """Measure a fit, after a small one that initializes the libraries."""
    library = importlib.import_module(library)
    estimator(library, WARM_UP).set_params(max_iter=2).fit(*table(WARM_UP, dtype))
    workload = Workload(**workload)
    X, y = table(workload, dtype)
    model = estimator(library, workload).set_params(max_iter=2)
    system, traced = beyond(lambda: model.fit(X, y))
    return {"system": system, "traced": traced}


def formula(workload, dtype):
    """Return an upper bound of the memory of a fit in bytes, part by part.

    Parameters: the model, the gradient and Adam's two moments; for L-BFGS, instead of
    the moments, about 25 vectors of SciPy in double. Batch: its rows, and activations
    and deltas of each layer. Rows: the order, the drawn permutation and their product,
    8 bytes each, and the encoded targets.
    """
    size = 8 if dtype == "float64" else 4
    lbfgs = workload.solver == "lbfgs"
    units = sum(workload.sizes[1:])
    # L-BFGS reads the table in place and in order.
    gathered = 0 if lbfgs else workload.features
    order = 0 if lbfgs else 3 * 8
    parameters = workload.n_parameters
    return {
        "parameters": parameters * (2 * size + (25 * 8 if lbfgs else 2 * size)),
        "batch": workload.batch * (gathered + 2 * units) * size,
        "rows": workload.rows * (order + 8 * workload.sizes[-1]),
    }


def of_predictions(library, dtype, rows):
    """Return the additional memory of predict_proba per number of rows.

    The result itself does not count.
    """
    library = importlib.import_module(library)
    workload = Workload("predictions", max(rows), 50, (256, 128), batch=200)
    X, y = table(workload, dtype)
    model = estimator(library, workload).set_params(max_iter=1)
    model.fit(X[:1000], y[:1000]).predict_proba(X[:100])
    extra = []
    for n in rows:
        system, traced = beyond(lambda n=n: model.predict_proba(X[:n]))
        own = n * workload.classes * X.itemsize  # the result
        # The system may not see memory that an earlier call freed and this one reuses.
        system = None if system is None else max(0, system - own)
        extra.append({"rows": n, "system": system, "traced": traced - own})
    return {"extra": extra}


def measure(peers, dtypes):
    records = []
    for peer in (p for p in LIBRARIES if p in peers):
        for dtype in dtypes:
            say(f"memory, {peer}, {dtype}")
            labels = {"peer": peer, "dtype": dtype}
            ask = {"library": LIBRARIES[peer], "dtype": dtype}
            for workload in WORKLOADS:
                with Worker("memory", 1) as worker:
                    reply = worker.ask(task="fit", workload=workload.as_dict(), **ask)
                record = labels | {
                    "fit": workload.name,
                    "formula": formula(workload, dtype),
                }
                records.append(record | {k: reply[k] for k in ("system", "traced")})
            with Worker("memory", 1) as worker:
                extra = worker.ask(task="predict", rows=PREDICTED_ROWS, **ask)["extra"]
            records.append(labels | {"predict": extra})
    return records

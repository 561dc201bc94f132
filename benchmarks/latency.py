"""Measures predictions of a fitted digits model, from 1 to 100,000 rows."""

import importlib
import time
from functools import partial

import numpy as np
from estimator import estimator
from runner import Worker, ratios, say, spread, take_turns
from workloads import DIGITS, table

LIBRARIES = {"pybackprop": "pybackprop", "scikit_learn": "sklearn.neural_network"}
ROWS = [1, 10, 1_000, 100_000]
METHODS = ["predict", "predict_proba", "Network.predict"]
SECONDS_PER_TURN = 0.05

methods = {}


def answer(task, **request):
    return {"fit": fit, "time": time_calls}[task](**request)


def fit(library, dtype, n_threads):
    """Fit; return the probabilities of some rows, which are compared."""
    module = importlib.import_module(library)
    model = estimator(module, DIGITS, n_threads).set_params(max_iter=5)
    X, y = table(DIGITS, dtype)
    model.fit(X, y)
    methods.clear()
    methods.update(predict=model.predict, predict_proba=model.predict_proba)
    if hasattr(module, "Network"):
        network = module.Network.from_parameters(
            model.coefs_,
            model.intercepts_,
            activation=model.activation,
            output_activation=model.out_activation_,
        )
        methods["Network.predict"] = network.predict
    return {"proba": model.predict_proba(X[:20]).tolist(), "methods": list(methods)}


def time_calls(method, dtype, rows):
    """Return the median seconds of a call."""
    X, _ = table(DIGITS, dtype)
    X = np.ascontiguousarray(np.resize(X, (rows, X.shape[1])))
    call = methods[method]
    seconds = []
    while len(seconds) < 3 or sum(seconds) < SECONDS_PER_TURN:
        begin = time.perf_counter()
        call(X)
        seconds.append(time.perf_counter() - begin)
    return {"seconds": float(np.median(seconds))}


def _time(worker, method, dtype, rows):
    return worker.ask(task="time", method=method, dtype=dtype, rows=rows)["seconds"]


def measure(peers, threads, dtypes, turns):
    say("latency")
    records = []
    keys = [(p, n) for n in threads for p in LIBRARIES if p in peers]
    workers = {key: Worker("latency", key[1]) for key in keys}
    for dtype in dtypes:
        fitted = {}
        for (peer, n), worker in workers.items():
            ask = {"library": LIBRARIES[peer], "dtype": dtype, "n_threads": n}
            fitted[peer, n] = worker.ask(task="fit", **ask)
            ours = fitted["pybackprop", threads[0]]["proba"]
            if not np.allclose(fitted[peer, n]["proba"], ours, rtol=0, atol=1e-4):
                raise SystemExit(f"predict_proba of {peer} differs from pybackprop's")
        for rows in ROWS:
            tasks = {
                (peer, n, method): partial(_time, worker, method, dtype, rows)
                for (peer, n), worker in workers.items()
                for method in fitted[peer, n]["methods"]
            }
            values, _ = take_turns(tasks, turns)
            for (peer, n, method), seconds in values.items():
                record = {"peer": peer, "threads": n, "dtype": dtype, "rows": rows}
                record |= {"method": method, "seconds": spread(seconds)}
                ours = values["pybackprop", n, method]
                records.append(record | {"times_ours": ratios(seconds, ours)})
    for worker in workers.values():
        worker.close()
    return records

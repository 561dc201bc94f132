"""Measures full-batch L-BFGS: an evaluation of loss and gradient, and a whole fit.

Both libraries pass one function of all parameters to scipy.optimize.minimize, which
returns loss and gradient. A wrapper around that function measures every evaluation
without a change of either library. The rest of a fit is SciPy's.
"""

import importlib
import time

import scipy.optimize
from epochs import compare_losses
from estimator import estimator
from runner import PeerError, Worker, ratios, say, spread, take_turns
from workloads import FULL_BATCH, table

LIBRARIES = {"pybackprop": "pybackprop", "scikit_learn": "sklearn.neural_network"}
ITERATIONS = 50
# Number of evaluations that are compared; rounding errors grow in later ones.
CHECKED = 3

scipy_minimize = scipy.optimize.minimize


def answer(library, dtype, n_threads):
    """Fit once; return the time of the fit and of an evaluation, and losses."""
    model = estimator(importlib.import_module(library), FULL_BATCH, n_threads)
    model.set_params(max_iter=ITERATIONS)
    X, y = table(FULL_BATCH, dtype)
    seconds, losses = [], []

    def minimize(function, x0, *arguments, **options):
        def timed(*x):
            begin = time.perf_counter()
            loss, gradient = function(*x)
            seconds.append(time.perf_counter() - begin)
            losses.append(float(loss))
            return loss, gradient

        return scipy_minimize(timed, x0, *arguments, **options)

    scipy.optimize.minimize = minimize
    begin = time.perf_counter()
    model.fit(X, y)
    whole = time.perf_counter() - begin
    return {
        "fit": whole,
        "evaluation": spread(seconds)["median"],
        "evaluations": len(seconds),
        "losses": losses[:CHECKED],
    }


def measure(peers, threads, dtypes, turns):
    """Return a record for each library, number of threads and data type."""
    say(FULL_BATCH.name)
    records = []
    keys = [(p, n) for n in threads for p in LIBRARIES if p in peers]
    workers = {key: Worker("lbfgs", key[1]) for key in keys}
    for dtype in dtypes:
        reference = None
        tasks = {}
        for (peer, n), worker in workers.items():
            request = {"library": LIBRARIES[peer], "dtype": dtype, "n_threads": n}
            first = worker.ask(**request)["losses"]
            reference = reference or first
            compare_losses(reference, first, dtype)
            tasks[peer, n] = lambda w=worker, r=request: w.ask(**r)
        replies, failed = take_turns(tasks, turns)
        if failed:
            raise PeerError(str(failed))
        for (peer, n), answers in replies.items():
            record = {"peer": peer, "threads": n, "dtype": dtype}
            record["evaluations"] = answers[0]["evaluations"]
            for what in ("evaluation", "fit"):
                theirs = [a[what] for a in answers]
                ours = [a[what] for a in replies["pybackprop", n]]
                record[what] = spread(theirs)
                record[f"{what}_times_ours"] = ratios(theirs, ours)
            records.append(record)
    for worker in workers.values():
        worker.close()
    return records

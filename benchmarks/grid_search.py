"""GridSearchCV on digits with every joblib back end.

12 settings x 5 folds, two workers.  Both libraries run the same epochs.  Each is asked
with its own default number of threads inside a worker, and with one; what is compared
is the best of all.
"""

import importlib
import time

from joblib import parallel_config
from runner import PeerError, Worker, say, spread, take_turns
from workloads import DIGITS, table

LIBRARIES = {"pybackprop": "pybackprop", "scikit_learn": "sklearn.neural_network"}
BACKENDS = ["loky", "threading", "multiprocessing", "sequential"]
WORKERS = 2
GRID = {
    "hidden_layer_sizes": [(50,), (100,), (64, 64)],
    "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 1e-2],
}


def answer(library, backend, dtype, n_epochs):
    """Seconds of one search, without the refit, and the best score."""
    from sklearn.model_selection import GridSearchCV

    model = importlib.import_module(library).MLPClassifier(
        max_iter=n_epochs, tol=0.0, n_iter_no_change=float("inf"), random_state=0
    )
    X, y = table(DIGITS, dtype)
    search = GridSearchCV(model, GRID, cv=5, refit=False)
    with parallel_config(backend=backend, n_jobs=WORKERS):
        begin = time.perf_counter()
        search.fit(X, y)
        seconds = time.perf_counter() - begin
    return {"seconds": seconds, "best": search.cv_results_["mean_test_score"].max()}


def measure(peers, dtypes, turns, n_epochs):
    records = []
    keys = [
        (peer, backend, n)
        for peer in LIBRARIES
        if peer in peers
        for backend in BACKENDS
        for n in (None, 1)
    ]
    workers = {key: Worker("grid_search", key[2]) for key in keys}
    for key, worker in workers.items():
        # A first search starts the back end's processes and loads the libraries.
        worker.ask(
            library=LIBRARIES[key[0]], backend=key[1], dtype=dtypes[0], n_epochs=1
        )
    for dtype in dtypes:
        say(f"grid search, {dtype}")
        tasks = {
            key: lambda w=worker, k=key, d=dtype: w.ask(
                library=LIBRARIES[k[0]], backend=k[1], dtype=d, n_epochs=n_epochs
            )
            for key, worker in workers.items()
        }
        replies, failed = take_turns(tasks, turns)
        if failed:
            raise PeerError(str(failed))
        for (peer, backend, n), answers in replies.items():
            records.append(
                {
                    "peer": peer,
                    "dtype": dtype,
                    "backend": backend,
                    "threads": n or "default",
                    "epochs": n_epochs,
                    "seconds": spread([a["seconds"] for a in answers]),
                    "best_score": answers[0]["best"],
                }
            )
    for worker in workers.values():
        worker.close()
    return records

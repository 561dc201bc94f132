"""Measures GridSearchCV on digits with every joblib backend.

12 candidates x 5 folds with two workers. Both libraries train the same number of
epochs. Each runs with its default number of threads per worker and with one; the best
time of each is compared.
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
    """Search once without refit; return the seconds and the best score."""
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
        # The first search starts the processes of the backend and imports libraries.
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

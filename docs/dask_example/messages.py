"""Measure the bytes that a grid search on Dask workers sends over the loopback.

Run it in its own network namespace, without other traffic:

    unshare --map-root-user --net sh -c 'ip link set lo up; python messages.py'
"""

import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
from distributed import Client, LocalCluster
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from pybackprop import MLPClassifier

warnings.filterwarnings("ignore", category=ConvergenceWarning)


def bytes_so_far():
    interfaces = Path("/proc/net/dev").read_text().splitlines()
    (loopback,) = (line for line in interfaces if line.strip().startswith("lo:"))
    return int(loopback.split()[1])


def search_size(X, y, n_candidates, **options):
    """Bytes that a search with three folds sends."""
    model = MLPClassifier((8,), max_iter=1, batch_size=2000, random_state=0)
    grid = {"alpha": np.logspace(-6, -1, n_candidates).tolist()}
    before = bytes_so_far()
    with joblib.parallel_config("dask", **options):
        GridSearchCV(model, grid, cv=3, refit=False).fit(X, y)
    return bytes_so_far() - before


def pickle_sizes(X, y):
    for solver in ("lbfgs", "sgd", "adam"):
        model = MLPClassifier((50,), solver=solver, max_iter=2, random_state=0)
        unfitted = len(pickle.dumps(model))
        model.fit(X[:500], y[:500])
        weights = sum(w.nbytes for w in (*model.coefs_, *model.intercepts_))
        print(
            f"{solver:5} unfitted {unfitted:,}, fitted {len(pickle.dumps(model)):,}, "
            f"of which weights {weights:,}"
        )


def main():
    X = np.random.RandomState(0).rand(20_000, 100)
    y = (X[:, 0] > 0.5).astype(int)
    print(f"the table has {X.nbytes + y.nbytes:,} bytes")
    pickle_sizes(X, y)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        for memory_manager in ("on", "off"):
            if memory_manager == "off":
                client.amm.stop()
            for n_candidates in (4, 16, 64):
                for options in ({}, {"scatter": [X, y]}):
                    size = search_size(X, y, n_candidates, **options)
                    print(
                        f"memory manager {memory_manager:3} "
                        f"{', '.join(options) or 'no option':9} "
                        f"{3 * n_candidates:3} fits {size:11,} bytes"
                    )


if __name__ == "__main__":
    main()

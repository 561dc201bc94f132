"""
A search on a cluster
=====================

The fits of a grid search are independent, so they can run on any machine.  joblib's
Dask back end sends the fits of scikit-learn's searches to the workers of a Dask
cluster, with no change to the search; here the cluster is two processes of this
machine.  A fit has the same bits on every machine, so the search gives the same scores,
to the last digit. The example is skipped if Dask's ``distributed`` is not installed.
"""

import time
import warnings
from importlib.util import find_spec

import joblib
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier

# Ten epochs are enough to compare candidates, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_digits(return_X_y=True)
search = GridSearchCV(
    make_pipeline(StandardScaler(), MLPClassifier(max_iter=10, random_state=0)),
    {
        "mlpclassifier__hidden_layer_sizes": [(20,), (40,)],
        "mlpclassifier__activation": ["relu", "tanh"],
        "mlpclassifier__learning_rate_init": [1e-3, 1e-2],
    },
    cv=3,
)

# %%
# Locally and on the cluster
# --------------------------
# Only ``parallel_config`` is new.  The dataset is sent to each worker once, not with
# every fit, and each fit uses as many threads as its worker has: one.  A search this
# small takes less time than the imports of the workers.


def timed_fit(where):
    """The mean scores of the eight candidates."""
    start = time.perf_counter()
    search.fit(X, y)
    print(f"{where}: {time.perf_counter() - start:.1f} s, {search.best_params_}")
    return search.cv_results_["mean_test_score"].tolist()


def search_here_and_there():
    from distributed import Client, LocalCluster

    here = timed_fit("here")
    # The dashboard uses a free port.
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster):
        with joblib.parallel_config("dask"):
            there = timed_fit("on two workers")
    print("the same scores, bit for bit:", here == there)


# %%
# A worker is a new process that imports this file.  So only the first process may start
# the cluster.

if __name__ == "__main__":
    if find_spec("distributed") is None:
        print("distributed is not installed")
    else:
        search_here_and_there()

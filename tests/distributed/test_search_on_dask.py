"""Tests that a search on Dask's workers finds the same as a local search."""

import os

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor
from support.internals import default_n_threads, effective_n_threads

distributed = pytest.importorskip("distributed", minversion="2025.1")
cloudpickle = pytest.importorskip("cloudpickle")

pytestmark = [
    pytest.mark.slow,
    # Five steps on the ten digits as numbers: the results must be equal, not good.
    pytest.mark.filterwarnings("ignore::pybackprop.exceptions.ScalingWarning"),
]

X, y = load_digits(return_X_y=True)
X, y = X[:300], y[:300]
VARIABLES = ("PYBACKPROP_NUM_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")

ALONE = MLPClassifier((12,), max_iter=4, random_state=0)
PIPELINE = make_pipeline(
    StandardScaler(),
    MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=5, random_state=0),
)
ESTIMATORS = {
    "alone": (ALONE, {"alpha": [1e-4, 10.0], "activation": ["relu", "tanh"]}),
    "pipeline": (
        PIPELINE,
        {"mlpregressor__alpha": [1e-4, 10.0], "mlpregressor__max_iter": [2, 4]},
    ),
}
SEARCHES = {
    "grid": lambda e, grid: GridSearchCV(e, grid, cv=3),
    "random": lambda e, grid: RandomizedSearchCV(
        e, grid, cv=3, n_iter=3, random_state=0
    ),
    "halving": lambda e, grid: HalvingGridSearchCV(
        e, grid, cv=3, factor=2, min_resources=75, random_state=0
    ),
}


@pytest.fixture(scope="module")
def client():
    """Start two worker processes of one thread each with LocalCluster."""
    before = dict(os.environ)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    )
    with cluster, distributed.Client(cluster, set_as_default=True) as client:
        # The environment variables that it sets here are for its workers.
        os.environ.clear()
        os.environ.update(before)
        yield client


def outcome(search):
    """Return the results of a search without times, and the bits of its model."""
    found = {
        name: np.asarray(values).tolist()
        for name, values in search.cv_results_.items()
        if "time" not in name and not name.startswith("param_")
    }
    model = getattr(search.best_estimator_, "steps", [(None, search.best_estimator_)])
    weights = [w.tobytes() for w in (*model[-1][1].coefs_, *model[-1][1].intercepts_)]
    return found, search.best_params_, search.best_score_, weights


# ------------------------------------------------------------------- the same search
@pytest.mark.promise(
    "Threads and processes",
    "A search whose fits run on Dask workers gives the same scores, parameters and "
    "model as a local search, to the last bit.",
)
@pytest.mark.sampled(2)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("search", SEARCHES)
def test_joblibs_back_end_changes_no_bit_of_a_search(client, search, estimator):
    search = SEARCHES[search](*ESTIMATORS[estimator])
    here = outcome(search.fit(X, y))
    with joblib.parallel_config("dask"):
        there = outcome(search.fit(X, y))
    assert len(set(here[0]["mean_test_score"])) > 1  # otherwise any order would pass
    assert there == here


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_grid_search_of_dask_ml_finds_the_same(client, estimator):
    model_selection = pytest.importorskip("dask_ml.model_selection")
    estimator, grid = ESTIMATORS[estimator]
    here = outcome(GridSearchCV(estimator, grid, cv=3).fit(X, y))
    # iid=False is scikit-learn's mean over folds of equal weight.
    search = model_selection.GridSearchCV(
        estimator, grid, cv=3, iid=False, scheduler=client
    )
    there = outcome(search.fit(X, y))
    assert there == ({name: here[0][name] for name in there[0]}, *here[1:])
    assert "split2_test_score" in there[0]


# ------------------------------------------------------------------------- messages
@pytest.mark.parametrize("options", [{}, {"scatter": [X, y]}], ids=["auto", "scatter"])
def test_the_table_is_sent_once_and_tasks_are_small(client, monkeypatch, options):
    scattered, tasks = [], []

    def scatter(self, data, *args, scatter=distributed.Client.scatter, **kwargs):
        scattered.extend(map(id, data) if isinstance(data, list) else [id(data)])
        return scatter(self, data, *args, **kwargs)

    def submit(self, f, *args, submit=distributed.Client.submit, **kwargs):
        tasks.extend(kwargs["tasks"])
        return submit(self, f, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "scatter", scatter)
    monkeypatch.setattr(distributed.Client, "submit", submit)
    search = GridSearchCV(*ESTIMATORS["alone"], cv=3, refit=False)
    with joblib.parallel_config("dask", **options):
        search.fit(X, y)

    def size(task):
        """Return the bytes of a task without its futures, which only name data."""
        call, args, kwargs = task
        values = [*args, *kwargs.values()]
        own = [v for v in values if not isinstance(v, distributed.Future)]
        return len(cloudpickle.dumps((call, own)))

    assert len(tasks) == 12
    assert scattered.count(id(X)) == scattered.count(id(y)) == 1
    assert max(map(size, tasks)) < 12_000 < X.nbytes / 10


def test_an_estimator_is_sent_with_its_parameters_and_no_data():
    assert len(cloudpickle.dumps(ALONE)) < 2_000
    for solver, copies in (("lbfgs", 1), ("sgd", 2), ("adam", 3)):
        model = MLPClassifier((40,), solver=solver, max_iter=2, random_state=0)
        model.fit(X, y)
        numbers = sum(w.nbytes for w in (*model.coefs_, *model.intercepts_))
        assert copies * numbers < len(cloudpickle.dumps(model))
        assert len(cloudpickle.dumps(model)) < copies * numbers + 10_000 < X.nbytes


# -------------------------------------------------------------------------- threads
def test_a_fit_in_a_worker_with_a_nanny_takes_one_thread(client):
    assert client.submit(default_n_threads, pure=False).result() == 1
    # A number from the user is used unchanged.
    assert client.submit(effective_n_threads, 3, pure=False).result() == 3


@pytest.mark.full
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_fit_takes_the_threads_that_its_worker_was_given(monkeypatch, n_threads):
    """Test a worker without a nanny, in this process."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pybackprop._threads._processors", lambda: 8)
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=n_threads,
        processes=False,
        dashboard_address=":0",
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        there = client.submit(
            lambda: (default_n_threads(), effective_n_threads(-2)), pure=False
        )
        assert there.result() == (n_threads, max(1, n_threads - 1))
        assert default_n_threads() == 8  # this thread runs no task of a worker
    assert default_n_threads() == 8

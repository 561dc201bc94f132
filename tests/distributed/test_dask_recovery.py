"""Tests Dask fits with lost and new workers, lost data, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import warnings
from contextlib import suppress

import numpy as np
import pytest

pytest.importorskip("distributed", minversion="2025.1")

import dask.array as da  # noqa: E402
from distributed import Client, LocalCluster, wait  # noqa: E402

import pybackprop  # noqa: E402
from pybackprop.dask import MLPClassifier  # noqa: E402

N_SAMPLES = 3000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:One machine would be faster"),
]


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    cluster = LocalCluster(n_workers=2, **options)
    with Client(cluster) as client:
        yield client
    # Dask's cluster may not have noticed that a new worker was killed; it reports it
    # after everything else is closed.
    with suppress(KeyError):
        cluster.close()


def some_data():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_SAMPLES, 5))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def lazy(array, chunks=700):
    chunks = (chunks, *array.shape[1:])
    return da.from_array(array, chunks=chunks)


X, Y = some_data()

# --- Workers that come and go ---------------------------------------------------------


class Hook:
    """A hook in place of a scorer: called after each epoch or iteration."""

    def __init__(self, at=None, action=None):
        self.n_calls = 0
        self.at = at
        self.action = action

    def __call__(self, model, X, y):
        self.n_calls += 1
        if self.n_calls == self.at:
            self.action()
        return 0.0


def fit_with(hook, solver, X, y):
    params = {"hidden_layer_sizes": (6,), "scoring": hook, "random_state": 0}
    if solver == "lbfgs":
        params |= {"solver": "lbfgs", "max_iter": 8}
    else:
        params |= {"shuffle": "blocks", "batch_size": 512, "max_iter": 4}
    kind = MLPClassifier if isinstance(X, da.Array) else pybackprop.MLPClassifier
    model = kind(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, X_val=X[:10], y_val=y[:10])


def kill_a_worker(client):
    """Kill the process of one worker, as the system does when memory runs out."""
    pids = client.run(os.getpid)
    os.kill(min(pids.values()), signal.SIGKILL)


def require_same(model, local):
    for one, other in zip(model.coefs_, local.coefs_, strict=True):
        assert np.array_equal(one, other)
    assert model.loss_curve_ == local.loss_curve_


@pytest.mark.sampled(1)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_worker_that_is_killed_changes_no_bit(client, solver):
    client.wait_for_workers(2)
    hook = Hook(2, lambda: kill_a_worker(client))
    model = fit_with(hook, solver, lazy(X), lazy(Y))
    assert hook.n_calls == (8 if solver == "lbfgs" else 4)
    require_same(model, fit_with(Hook(), solver, X, Y))


@pytest.mark.full
def test_a_worker_that_joins_changes_no_bit(client):
    client.wait_for_workers(2)

    def join_and_kill():
        client.cluster.scale(3)
        client.wait_for_workers(3, timeout=60)
        kill_a_worker(client)

    try:
        model = fit_with(Hook(2, join_and_kill), "adam", lazy(X), lazy(Y))
    finally:
        client.cluster.scale(2)
    require_same(model, fit_with(Hook(), "adam", X, Y))


@pytest.mark.full
def test_lost_data_that_cannot_be_computed_again(client):
    client.wait_for_workers(2)
    # On the workers that need them: data sent to another worker would have a copy
    # there.
    addresses = sorted(client.nthreads())
    halves = [X[:1536], X[1536:]]
    futures = [
        client.scatter(half, workers=[address], hash=False)
        for half, address in zip(halves, addresses, strict=False)
    ]
    wait(futures)
    parts = [
        da.from_delayed(future, shape=half.shape, dtype=float)
        for future, half in zip(futures, halves, strict=True)
    ]
    model = MLPClassifier((3,), solver="lbfgs", max_iter=3, random_state=0).fit(X, Y)
    model.set_params(scoring=Hook(2, lambda: kill_a_worker(client)), max_iter=50)
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="lost with their worker.*can compute again"):
        model.fit(da.concatenate(parts), lazy(Y), X_val=X[:9], y_val=Y[:9])
    assert vars(model) == before


# --- Ctrl-C ---------------------------------------------------------------------------

INTERRUPTED = """
import numpy as np
import dask.array as da
from distributed import Client, LocalCluster
from pybackprop.dask import MLPRegressor

def tell(model, X, y):
    print("an iteration", flush=True)
    return 0.0

def n_tasks(dask_scheduler):
    return len(dask_scheduler.tasks)

if __name__ == "__main__":
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:
        X = np.random.RandomState(0).normal(size=(20_000, 10))
        y = np.abs(X[:, 0])
        model = MLPRegressor(solver="lbfgs", max_iter=1, random_state=0)
        model.fit(X[:100], y[:100])
        model.set_params(max_iter=10_000, tol=0.0, max_fun=10**6, scoring=tell)
        before = dict(vars(model))
        try:
            model.fit(da.from_array(X), da.from_array(y), X_val=X[:9], y_val=y[:9])
        except KeyboardInterrupt:
            print("interrupted", vars(model) == before, flush=True)
        for _ in range(100):
            if client.run_on_scheduler(n_tasks) == 0:
                break
        print("tasks left:", client.run_on_scheduler(n_tasks), flush=True)
"""


@pytest.mark.full
def test_ctrl_c_ends_a_fit_and_what_it_left_on_the_workers(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert "an iteration" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    said = [line for line in rest.splitlines() if "iteration" not in line]
    assert said == ["interrupted True", "tasks left: 0"]

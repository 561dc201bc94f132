"""Tests that n_jobs and the environment set the number of threads and change no bit."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
import threadpoolctl
from sklearn.base import clone
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_info, threadpool_limits

from pybackprop import MLPClassifier, MLPRegressor, Network, _core, _threads
from support.internals import default_n_threads, effective_n_threads

X, y = make_classification(
    700, 12, n_informative=8, n_classes=3, random_state=0, shuffle=False
)
VARIABLES = ("PYBACKPROP_NUM_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


@pytest.fixture
def eight_processors(monkeypatch):
    """Simulate eight processors, without a limit in the environment."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(_threads, "_processors", lambda: 8)


def fit(n_jobs=None, **params):
    params = {"max_iter": 3, "random_state": 0, "hidden_layer_sizes": (40,)} | params
    return MLPClassifier(n_jobs=n_jobs, **params).fit(X, y)


def bits(model):
    numbers = [*model.coefs_, *model.intercepts_, model.loss_curve_]
    numbers.append(model.predict_proba(X))
    return b"".join(np.asarray(array).tobytes() for array in numbers)


# --------------------------------------------------------------------------- n_jobs
@pytest.mark.parametrize(
    ("n_jobs", "n_threads"),
    [(None, 8), (1, 1), (7, 7), (256, 256), (-1, 8), (-2, 7), (-8, 1), (-99, 1)],
)
def test_n_jobs_counts_as_in_scikit_learn(eight_processors, n_jobs, n_threads):
    assert effective_n_threads(n_jobs) == n_threads
    if n_jobs is not None:
        assert effective_n_threads(np.int64(n_jobs)) == n_threads


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_bits_do_not_depend_on_n_jobs(solver):
    expected = bits(fit(1, solver=solver))
    for n_jobs in (None, 2, 7, 256, -1, -2):
        assert bits(fit(n_jobs, solver=solver)) == expected


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_n_jobs_is_an_ordinary_parameter(estimator):
    model = estimator(n_jobs=2, max_iter=2, random_state=0, warm_start=True)
    assert clone(model).n_jobs == pickle.loads(pickle.dumps(model)).n_jobs == 2
    model.fit(X, y)
    other = clone(model).fit(X, y)
    other.set_params(n_jobs=1).fit(X, y)
    model.fit(X, y)
    assert other.coefs_[0].tobytes() == model.coefs_[0].tobytes()
    for n_jobs in (3, None):
        other.set_params(n_jobs=n_jobs)
        assert other.predict(X).tobytes() == model.predict(X).tobytes()


def test_the_core_gets_the_number_of_threads(monkeypatch):
    asked = []

    def recorded(make):
        return lambda *args: asked.append(args[-1]) or make(*args)

    for name in ("Training", "objective_workspace", "prediction_workspace"):
        monkeypatch.setattr(_core, name, recorded(getattr(_core, name)))
    fit(5, early_stopping=True)
    fit(6, solver="lbfgs")
    assert asked == [5, 5, 6]


# ------------------------------------------------------------------ the environment
@pytest.mark.parametrize(
    ("own", "openmp", "n_threads"),
    [
        (None, None, 8),
        ("3", None, 3),
        (" 3 ", None, 3),
        ("99", None, 8),
        (None, "2", 2),
        (None, "4,2", 4),
        ("3", "2", 2),
        ("2", "3", 2),
        *((None, garbage, 8) for garbage in ("", "x", "0", "-1", ",2", "1.5")),
    ],
)
def test_the_minimum_of_all_variables_counts(
    eight_processors, monkeypatch, own, openmp, n_threads
):
    for variable, value in zip(VARIABLES, (own, openmp), strict=False):
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert default_n_threads() == effective_n_threads(-1) == n_threads


@pytest.mark.parametrize("value", ["0", "-2", "two", "", "1.5", "4,2"])
def test_our_own_variable_must_be_a_positive_int(monkeypatch, value):
    model = fit(1)
    monkeypatch.setenv("PYBACKPROP_NUM_THREADS", value)
    for call in (lambda: fit(), lambda: fit(-1), lambda: Network([12, 1]).forward(X)):
        with pytest.raises(ValueError, match="PYBACKPROP_NUM_THREADS.*" + repr(value)):
            call()
    # A positive n_jobs does not read the variable.
    assert bits(fit(2)) == bits(model)


def test_more_processors_than_the_core_supports(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(_threads, "_processors", lambda: 1000)
    assert default_n_threads() == effective_n_threads(None) == 256


def in_a_process(code, **variables):
    """Run code in a new process with environment variables, and return its output."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_the_processors_are_those_that_joblib_counts(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    assert default_n_threads() == min(joblib.cpu_count(), 256)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert default_n_threads() == 1


def test_a_process_started_with_a_variable_obeys_it():
    code = "import pybackprop.__main__ as m; print(m.describe())"
    said = in_a_process(code, PYBACKPROP_NUM_THREADS="1")
    assert said[said.index("threads") + 1] == "1"


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system sets no affinity"
)
def test_the_current_affinity_counts():
    code = """
import os
from pybackprop._threads import default_n_threads
all_of_them = os.sched_getaffinity(0)
before = default_n_threads()
os.sched_setaffinity(0, {min(all_of_them)})
print(default_n_threads())
os.sched_setaffinity(0, all_of_them)
print(default_n_threads() == before)
"""
    assert in_a_process(code) == ["1", "True"]


# -------------------------------------------------------------------- threadpoolctl
def pool():
    (ours,) = (p for p in threadpool_info() if p["user_api"] == "pybackprop")
    return ours


def test_threadpoolctl_sees_the_pool(eight_processors):
    assert pool()["num_threads"] == 8
    assert pool()["internal_api"] == "pybackprop"
    assert pool()["prefix"] == "_core"
    assert os.path.samefile(pool()["filepath"], _core.__file__)
    assert "pybackprop" in {p["user_api"] for p in threadpoolctl.threadpool_info()}


@pytest.mark.parametrize("user_api", [None, "pybackprop"])
def test_threadpoolctl_limits_the_pool(eight_processors, user_api):
    with threadpool_limits(limits=3, user_api=user_api):
        assert default_n_threads() == pool()["num_threads"] == 3
        with threadpool_limits(limits=1, user_api=user_api):
            assert default_n_threads() == 1
            assert effective_n_threads(7) == 7
            assert effective_n_threads(-1) == effective_n_threads(-2) == 1
        with threadpool_limits(limits=5, user_api=user_api):
            assert default_n_threads() == 5
        assert default_n_threads() == 3
    assert default_n_threads() == 8
    assert _core.thread_limit() == 0


def test_a_limit_without_a_context_holds_until_it_is_removed(eight_processors):
    limits = threadpool_limits(limits=2, user_api="pybackprop")
    assert default_n_threads() == 2
    limits.restore_original_limits()
    assert default_n_threads() == 8


def test_a_limit_above_the_number_of_threads_has_no_effect(
    eight_processors, monkeypatch
):
    with threadpool_limits(limits=99):
        assert default_n_threads() == 8
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        assert default_n_threads() == 2


def test_a_limit_on_other_libraries_does_not_apply(eight_processors):
    with threadpool_limits(limits=1, user_api="blas"):
        assert default_n_threads() == 8


def test_the_bits_do_not_depend_on_a_limit():
    expected = bits(fit())
    with threadpool_limits(limits=1):
        assert bits(fit()) == bits(fit(7)) == expected


# -------------------------------------------------------------- workers of all kinds
def threads_and_bits(_):
    return default_n_threads(), bits(fit())


def threads_in_worker(_):
    return default_n_threads(), effective_n_threads(7)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblibs_workers_compute_the_same(backend):
    results = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(threads_and_bits)(i) for i in range(4)
    )
    assert {result for _, result in results} == {bits(fit())}
    if backend != "threading":
        allowed = max(1, joblib.cpu_count() // 2) if backend == "loky" else 1
        assert {n for n, _ in results} == {min(allowed, default_n_threads())}


def test_a_daemonic_worker_is_granted_one_thread():
    methods = set(multiprocessing.get_all_start_methods()) & {"fork", "spawn"}
    for method in sorted(methods):
        with multiprocessing.get_context(method).Pool(1) as workers:
            assert workers.map(threads_in_worker, [0]) == [(1, 7)]


def test_many_threads_at_once_each_get_their_own_result():
    models = [fit(random_state=i) for i in range(3)]
    expected = [(bits(m), m.predict_proba(X[i : i + 1])) for i, m in enumerate(models)]
    wrong, start = [], threading.Barrier(8)

    def work(number):
        i = number % 3
        start.wait()
        for _ in range(30):
            row = models[i].predict_proba(X[i : i + 1])
            if row.tobytes() != expected[i][1].tobytes():
                wrong.append(number)
        if bits(fit(random_state=i)) != expected[i][0]:
            wrong.append(number)
        if models[i].predict_proba(X).tobytes() not in expected[i][0]:
            wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# The thread that forks becomes the main thread of the child, which alone handles
# signals, so that a long computation in the child can be interrupted.
FORK = """
import os, signal, threading
import numpy as np
from pybackprop import MLPRegressor, Network, _core
from pybackprop._model.optimizer import Optimizer
X = np.random.RandomState(0).rand(2000, 50)
MLPRegressor(max_iter=1, n_jobs=2, batch_size=2000).fit(X, X[:, 0])
network = Network([50, 400, 400, 1])
optimizer = Optimizer(
    "sgd", len(network.parameters), network.dtype, schedule="constant", power_t=0,
    learning_rate_init=1e-300, momentum=0, nesterov=False, beta_1=0, beta_2=0,
    epsilon=1)
order = np.zeros(1_000_000, dtype=np.int64)  # half a minute's work
def interrupt(number, frame):
    raise KeyboardInterrupt
def in_child():
    try:
        training = _core.Training(
            network.core, network.parameters, optimizer,
            _core.Samples(X, network.dtype), _core.Targets(X[:, :1], network.dtype),
            None, 1000, 2)
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        training.epoch(order)
    except KeyboardInterrupt:
        os._exit(42 if optimizer.n_steps < 1000 else 43)
    finally:
        os._exit(1)
def fork():
    child = os.fork()
    if child == 0:
        in_child()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
fork()
thread = threading.Thread(target=fork)
thread.start()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_trains_and_can_be_interrupted():
    assert in_a_process(FORK) == ["42", "42"]


FORK_DURING_LBFGS = """
import os, signal, threading
from threadpoolctl import threadpool_info, threadpool_limits
from pybackprop import MLPRegressor
from pybackprop._threads import one_blas_thread
def blas_threads():
    return [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]
def fit_for_ever():
    with one_blas_thread(), one_blas_thread._lock:
        inside.set()
        threading.Event().wait()
inside = threading.Event()
threadpool_limits(3, user_api="blas")
before = blas_threads()
threading.Thread(target=fit_for_ever, daemon=True).start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)  # or it would hang
    kept = blas_threads() == before
    MLPRegressor(solver="lbfgs", max_iter=500).fit([[0.0], [1.0]], [0.0, 1.0])
    os._exit(42 if kept and blas_threads() == before else 43)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_during_a_fit_by_lbfgs_can_fit_too():
    assert in_a_process(FORK_DURING_LBFGS) == ["42"]

"""Tests fits in forked, spawned, ending and resource-limited processes.

Each fit that runs is right, has the same bits, and ends."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from pybackprop import MLPRegressor

X = np.random.RandomState(0).normal(size=(300, 6))
y = X[:, 0] + X[:, 1] ** 2
pytestmark = pytest.mark.slow
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no system that forks")
# The first lines of the processes' programs.
SETUP = """
import atexit, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from pybackprop import MLPRegressor
X = np.random.RandomState(0).normal(size=(300, 6))
y = X[:, 0] + X[:, 1] ** 2
def model(**params):
    params = {"max_iter": 3, "random_state": 0, "n_jobs": 2} | params
    return MLPRegressor(**params, tol=0, n_iter_no_change=10**9)
def bits(fitted):
    return b"".join(a.tobytes() for a in [*fitted.coefs_, *fitted.intercepts_])
def without_end(started):
    def loss(y, y_pred):
        started.set()
        return (y_pred - y)[:, 0] ** 2, 2 * (y_pred - y)
    return loss
"""


def process(code, **options):
    """Return the output of a separate process, which must end soon without error."""
    result = subprocess.run(
        [sys.executable, "-c", SETUP + code],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def small(**params):
    params = {"max_iter": 3, "random_state": 0, "n_jobs": 2} | params
    return MLPRegressor(**params, tol=0, n_iter_no_change=10**9)


def bits(model):
    return b"".join(a.tobytes() for a in [*model.coefs_, *model.intercepts_])


# ------------------------------------------------------------------------ the end
@pytest.mark.promise(
    "Threads and processes",
    "A program exits at once and without an error while daemon threads are in a fit.",
)
@pytest.mark.sampled(2)
@pytest.mark.parametrize("loss", ["'squared_error'", "without_end(started)"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_program_ends_though_daemon_threads_fit(solver, loss):
    code = f"""
def fit():
    started.set()
    model(loss={loss}, solver={solver!r}, max_iter=10**8, max_fun=10**8).fit(X, y)
started = threading.Event()
for _ in range(3):
    threading.Thread(target=fit, daemon=True).start()
started.wait()
time.sleep(0.05)  # on into the fits
print("over")
"""
    assert process(code) == ["over"]


def test_fits_that_outlive_the_main_thread_are_finished():
    code = """
def fit():
    main.join()
    print(bits(model().fit(X, y)) == expected)
main = threading.main_thread()
expected = bits(model().fit(X, y))
threading.Thread(target=fit).start()
"""
    assert process(code) == ["True"]


def test_a_fit_at_exit():
    code = """
expected = bits(model().fit(X, y))
atexit.register(lambda: print(bits(model().fit(X, y)) == expected))
"""
    assert process(code) == ["True"]


# ------------------------------------------------------------------------ forks
@needs_fork
@pytest.mark.promise(
    "Threads and processes",
    "A process may fork while other threads are in a fit: the child can fit and "
    "predict, and the fits of the parent have the same bits.",
)
def test_a_fork_during_fits_of_other_threads():
    code = """
def fit():
    started.set()
    results.append(bits(model(hidden_layer_sizes=(300,), max_iter=20).fit(X, y)))
def in_child():
    signal.alarm(60)
    fitted = model().fit(X, y)
    fitted.predict(X), fitted.predict(X[:1])
    os._exit(42 if bits(fitted) == expected else 43)
expected = bits(model().fit(X, y))
results = []
fit_alone = threading.Event()
started = threading.Event()
fit()
threads = [threading.Thread(target=fit) for _ in range(2)]
started.clear()
for thread in threads:
    thread.start()
started.wait()
codes = set()
while not codes or any(t.is_alive() for t in threads) and len(codes) < 2:
    child = os.fork()
    if child == 0:
        in_child()
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
for thread in threads:
    thread.join()
print(codes, len(set(results)))
"""
    assert process(code) == ["{42}", "1"]


@needs_fork
@pytest.mark.sampled(1)
@pytest.mark.parametrize("where", ["loss", "callback"])
def test_a_fork_within_a_fit(where):
    """Test that parent and child continue the fit to the same result."""
    if where == "callback":
        pytest.importorskip("sklearn.callback")
    code = f"""
class Fork:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context, **data): pass
    def on_fit_task_end(self, estimator, context, **data): fork()
def fork():
    global child
    if child is None:
        child = os.fork()
def loss(y, y_pred):
    if {where!r} == "loss":
        fork()
    return (y_pred - y)[:, 0] ** 2, 2 * (y_pred - y)
child = 0
expected = bits(model(loss=loss).fit(X, y))
child = None
fitted = model(loss=loss)
if {where!r} == "callback":
    fitted.set_callbacks(Fork())
fitted.fit(X, y)
if child == 0:
    os._exit(42 if bits(fitted) == expected else 43)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(code, bits(fitted) == expected)
"""
    assert process(code) == ["42", "True"]


# ------------------------------------------------------------------------ workers
def fit_and_return(model):
    return model.fit(X, y)


@pytest.mark.promise(
    "Threads and processes",
    "Models may be sent to processes and back, with any start method, and are trained"
    " there with the same bits.",
)
@pytest.mark.sampled(1)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_models_go_to_workers_and_back(method):
    expected = bits(small().fit(X, y))
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as workers:
        models = list(workers.map(fit_and_return, [small(), small().fit(X, -y)]))
    assert [bits(model) for model in models] == [expected] * 2
    assert models[0].predict(X[:1]) == models[0].predict(X)[0]


def test_more_threads_than_processors_and_threads_in_threads():
    model = small().fit(X, y)
    tasks = [clone(model).set_params(n_jobs=n) for n in (1, 2, 64, 256)] * 2
    with ThreadPoolExecutor(8) as workers:
        results = list(workers.map(fit_and_return, tasks))
    assert {bits(result) for result in results} == {bits(model)}


def test_asyncio():
    async def both():
        loop = asyncio.get_running_loop()
        ticks, done = (
            0,
            asyncio.gather(
                *(loop.run_in_executor(None, fit_and_return, small()) for _ in range(2))
            ),
        )
        while not done.done():
            ticks += 1
            await asyncio.sleep(0)
        return ticks, await done

    ticks, models = asyncio.run(both())
    assert ticks > 0
    assert {bits(model) for model in models} == {bits(small().fit(X, y))}


# ---------------------------------------------------------------- missing resources
def test_no_thread_can_be_started():
    resource = pytest.importorskip("resource", reason="this system sets no limits")
    if not hasattr(resource, "RLIMIT_NPROC"):
        pytest.skip("this system does not limit the number of threads")
    code = """
import resource
if os.getuid() == 0:  # whom no such limit holds
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try:
    threading.Thread(target=print).start()
except RuntimeError:
    print("none")
fitted = model(hidden_layer_sizes=(300,), n_jobs=7).fit(X, y)
fitted.predict(np.tile(X, (50, 1)))
sys.stdout.write(bits(fitted).hex())
"""
    expected = bits(small(hidden_layer_sizes=(300,)).fit(X, y)).hex()
    assert process(code) == ["none", expected]


def test_a_sub_interpreter_imports_it_or_says_that_it_cannot():
    interpreters = pytest.importorskip(
        "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    )
    del interpreters
    code = f"""
import {"_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"} as sub
other = sub.create()
said = sub.run_string(other, '''
try:
    import pybackprop
    pybackprop.Network([2, 1]).predict([[1.0, 2.0]])
except ImportError:
    pass
''')
assert said is None, said
sub.destroy(other)
print(bits(model().fit(X, y)) == bits(model().fit(X, y)))
"""
    assert process(code, env=os.environ | {"PYTHONWARNINGS": "ignore"}) == ["True"]

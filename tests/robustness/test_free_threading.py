"""Tests that threads may share all objects, with and without the GIL.

With the GIL few of these tests can fail; `make test-free-threaded` runs them without
it. PYBACKPROP_HAMMER_SECONDS is the duration of each test.
"""

import contextlib
import copy
import os
import pickle
import subprocess
import sys
import sysconfig
import threading
import time
from itertools import cycle, islice

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.export import to_c
from pybackprop.inspection import LayerMonitor

SECONDS = float(os.environ.get("PYBACKPROP_HAMMER_SECONDS", "0.1"))
N_THREADS = 8
PATIENCE = 60 + SECONDS
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

X = np.random.RandomState(0).normal(size=(300, 6))
COLOURS = np.array(["blue", "green", "red"])[np.arange(300) % 3]
NUMBERS = np.arange(300) % 2 + 10
TARGET = X[:, :2] @ [[1.0, 2.0], [0.5, -1.0]]


def classifier(**params):
    params = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0} | params
    return MLPClassifier(tol=0, n_iter_no_change=99, **params)


def regressor(**params):
    params = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0} | params
    return MLPRegressor(tol=0, n_iter_no_change=99, **params)


def bits_of(result):
    """Return the result of a call as an object that can be compared."""
    if isinstance(result, (list, tuple)):
        return tuple(bits_of(item) for item in result)
    if isinstance(result, np.ndarray):
        is_text = result.dtype.kind in "OU"
        return result.shape, str(result.tolist()) if is_text else result.tobytes()
    return result


# ----------------------------------------------------------------- parallel calls
def at_once(works):
    """Run each work in its own thread at the same time; raise an exception of one."""
    raised, start = [], threading.Barrier(len(works))

    def run(work):
        try:
            start.wait(PATIENCE)
            work()
        except BaseException as exception:
            raised.append(exception)

    threads = [threading.Thread(target=run, args=(w,), daemon=True) for w in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for exception in raised:
        raise exception


def hammer(*works):
    """Repeat the works in at least N_THREADS threads for some SECONDS."""
    end = time.monotonic() + SECONDS

    def repeated(work):
        def run():
            while time.monotonic() < end:
                work()

        return run

    n_threads = max(N_THREADS, len(works))
    at_once([repeated(work) for work in islice(cycle(works), n_threads)])


def always(call, *arguments, expected=None):
    """Return a work that compares the bits of a call with those of a single call."""
    expected = bits_of(call(*arguments)) if expected is None else expected

    def work():
        assert bits_of(call(*arguments)) == expected

    return work


# ------------------------------------------------------------------------- predictions
# The rows differ, so that numbers of another thread are noticed; their number grows, so
# that earlier workspaces are too small.  A wide network spends most of the time in the
# prediction itself, so two predictions often overlap.
SIZES = [1, 1, 1, 2, 3, 5, 12, 23]
WIDE = (200, 200)


def predictor(kind, dtype):
    table = X.astype(dtype)
    if kind == "network":
        return Network([6, *WIDE, 3], dtype=dtype, random_state=0).predict
    if kind == "classifier":
        return classifier(hidden_layer_sizes=WIDE).fit(table, COLOURS).predict_proba
    return regressor(hidden_layer_sizes=WIDE).fit(table, TARGET).predict


@pytest.mark.promise(
    "Threads and processes",
    "Any number of threads may predict with one estimator or one Network at the same "
    "time: each gets the bits that it would get alone.",
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["classifier", "regressor", "network"])
def test_few_rows_have_the_bits_of_a_single_thread(kind, dtype):
    table = X.astype(dtype)
    call = predictor(kind, dtype)
    hammer(*(always(call, table[i : i + n]) for i, n in enumerate(SIZES)))


def test_the_first_predictions_of_all_threads_come_at_once():
    tables = [X[i : i + n] for i, n in enumerate(SIZES)]
    first = Network([6, 20, 3], random_state=0)
    expected = [bits_of(first.predict(table)) for table in tables]
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        predict = copy.deepcopy(first).predict
        pairs = zip(tables, expected, strict=True)
        at_once([always(predict, t, expected=bits) for t, bits in pairs])


CALLS = {
    "predict": lambda model: model.predict(X),
    "predict of a row": lambda model: model.predict(X[:1]),
    "predict, sparse": lambda model: model.predict(scipy.sparse.csr_matrix(X)),
    "predict_proba": lambda model: model.predict_proba(X[:9]),
    "predict_log_proba": lambda model: model.predict_log_proba(X),
    "decision_function": lambda model: model.decision_function(X),
    "score": lambda model: model.score(X, COLOURS),
    "activations": lambda model: model.activations(X),
    "transform": lambda model: model.transform(X),
    "pickle": lambda model: pickle.loads(pickle.dumps(model)).predict_proba(X),
    "copy": lambda model: copy.deepcopy(model).predict_proba(X[:2]),
    "export": to_c,
    "backprop": lambda model: traced(model.network_, model.encode_targets(COLOURS)),
    "slopes": lambda model: model.network_.forward(X).f_prime,
}


def traced(network, y):
    trace = network.backprop(X, y)
    return [trace.z, trace.a, trace.delta, trace.coef_grads, trace.loss, trace.f_prime]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_methods_of_a_fitted_estimator_run_in_parallel(n_jobs):
    model = classifier(n_jobs=n_jobs, hidden_layer_sizes=(5, 4)).fit(X, COLOURS)
    hammer(*(always(call, model) for call in CALLS.values()))


def test_all_threads_read_a_trace_while_f_prime_is_computed():
    network = Network([6, 5, 3], output_activation="softmax", random_state=0)
    expected = bits_of(network.forward(X).f_prime)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        trace = network.forward(X)
        at_once([always(lambda t=trace: t.f_prime, expected=expected)] * N_THREADS)


# -------------------------------------------------------------------- fits, and changes
def test_parallel_fits_of_one_estimator_each_give_a_complete_result():
    """Other threads predict, pickle, copy, set parameters and read its network."""
    problems = [(X, COLOURS), (X, NUMBERS)]
    model = classifier()
    answers = {bits_of(model.fit(*p).predict_proba(X[:3])) for p in problems}
    curves = {bits_of(classifier().fit(*p).loss_curve_) for p in problems}
    assert len(answers) == len(curves) == 2

    def fit(problem):
        model.fit(*problem)
        assert bits_of(model.loss_curve_) in curves

    def predict():
        assert bits_of(model.predict_proba(X[:3])) in answers
        assert bits_of(model.predict_proba(np.asfortranarray(X[:3]))) in answers

    def save():
        other = pickle.loads(pickle.dumps(model))
        assert bits_of(other.predict_proba(X[:3])) in answers
        assert bits_of(copy.deepcopy(model).loss_curve_) in curves

    def set_and_look():
        model.set_params(verbose=False, n_jobs=1)
        assert model.network_.predict(X[:3]).shape in {(3, 3), (3, 1)}

    hammer(
        *(lambda p=p: fit(p) for p in problems), predict, predict, save, set_and_look
    )
    assert bits_of(model.predict_proba(X[:3])) in answers


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_fits_of_many_estimators_have_the_bits_of_a_single_fit(solver):
    def fit(seed):
        kind = (classifier, regressor)[seed % 2]
        model = kind(solver=solver, random_state=seed, early_stopping=solver == "adam")
        model.fit(X, TARGET if seed % 2 else COLOURS)
        return model.coefs_, model.loss_curve_

    hammer(*(always(fit, seed) for seed in range(4)))


def test_coefs_replaced_by_other_threads_are_used_as_a_whole():
    model, other = (regressor(random_state=i).fit(X, TARGET) for i in range(2))
    ours, theirs = model.coefs_, other.coefs_
    tables = X[:1], X
    expected = set()
    for coefs in (theirs, ours):
        model.coefs_ = coefs
        expected |= {bits_of(model.predict(table)) for table in tables}
    turns = cycle([theirs, ours])

    def replace():
        model.coefs_ = next(turns)

    def predict():
        for table in tables:
            assert bits_of(model.predict(table)) in expected

    hammer(replace, *[predict] * 5)


def test_layers_edited_in_place_by_other_threads_cannot_crash_a_prediction():
    """The predictions then depend on a race of the caller, but the call ends."""
    model = regressor().fit(X, TARGET)
    expected, kept = bits_of(model.predict(X)), copy.deepcopy(model.coefs_)

    def edit():
        model.coefs_[0][...] = 0.0
        model.coefs_[0] = kept[0].copy()
        model.coefs_.append(model.coefs_.pop())
        model.coefs_ = [W.copy() for W in kept]

    def predict():
        for table in (X[:1], X[:40], X):
            with contextlib.suppress(ValueError, IndexError):
                assert model.predict(table).shape == (len(table), 2)

    hammer(edit, edit, *[predict] * 6)
    model.coefs_ = kept
    assert bits_of(model.predict(X)) == expected


def test_assigned_layers_are_copied_by_the_first_thread():
    first = Network([6, 5, 2], random_state=1)
    expected = bits_of(first.predict(X))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        network = Network([6, 5, 2], random_state=0)
        network.coefs = [W.copy() for W in first.coefs]
        network.intercepts = [b.copy() for b in first.intercepts]
        work = always(network.predict, X, expected=expected)
        at_once([work] * N_THREADS)


# ------------------------------------------------------------- callbacks into Python
class Refusal(Exception):
    pass


def own_loss(y, y_pred):
    if (y > 1000).any():
        raise Refusal(y.max())
    return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y


def test_each_thread_gets_the_exception_of_its_own_loss():
    network = Network([6, 5, 2], loss=own_loss, random_state=0)
    expected = bits_of(network.gradients(X, TARGET)[0])

    def refused(number):
        y = TARGET.copy()
        y[number % 1000] = number
        with pytest.raises(Refusal) as refusal:
            network.objective(X, y)
        assert refusal.value.args == (number,)

    hammer(
        *(lambda n=n: refused(n) for n in range(1001, 1007)),
        *[always(lambda: network.gradients(X, TARGET)[0], expected=expected)] * 2,
    )


def test_fits_with_a_custom_loss_have_the_bits_of_a_single_fit():
    def fit(seed):
        model = regressor(loss=own_loss, random_state=seed).fit(X, TARGET)
        return model.coefs_, model.loss_curve_

    hammer(*(always(fit, seed) for seed in range(4)))


def test_fits_share_a_callback():
    pytest.importorskip("sklearn.callback")
    monitor = LayerMonitor()
    n_fits = []

    def fit():
        model = regressor(hidden_layer_sizes=()).set_callbacks(monitor)
        model.fit(X[:50], TARGET[:50])
        n_fits.append(1)

    hammer(fit)
    alone = LayerMonitor()
    regressor(hidden_layer_sizes=()).set_callbacks(alone).fit(X[:50], TARGET[:50])
    # Each fit has left the same rows, except the number of the fit.
    fits = {}
    for number, *row in zip(*monitor.history_.values(), strict=True):
        fits.setdefault(number, []).append(str(row))
    assert sorted(fits) == list(range(1, len(n_fits) + 1))
    rows_alone = zip(*alone.history_.values(), strict=True)
    expected = [str(list(row[1:])) for row in rows_alone]
    assert all(rows == expected for rows in fits.values())


# ------------------------------------------------------------------ separate processes
def process(code, *options):
    """Return the output of a process without PYTHON_GIL in its environment."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHON_GIL"}
    result = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


# All threads request objects that are made once in a process, such as the choice of an
# instruction set and the rules of parameters, before any thread has made them.
FIRST = """
import threading
import numpy as np
from pybackprop import MLPClassifier, Network
X = np.random.RandomState(0).normal(size=(60, 4))
start, found = threading.Barrier(8), []
def first():
    start.wait(60)
    model = MLPClassifier(max_iter=2, random_state=0).fit(X, np.arange(60) % 3)
    network = Network([4, 3, 2], random_state=0)
    found.append((model.predict_proba(X).tobytes(), network.predict(X).tobytes()))
threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(found), len(set(found)))
"""


@pytest.mark.slow
def test_the_first_calls_in_a_process_come_at_once():
    assert process(FIRST, "-W", "ignore") == ["8", "1"]


@pytest.mark.skipif(not IS_FREE_THREADED, reason="this Python has a lock")
@pytest.mark.promise(
    "Threads and processes",
    "A free-threaded Python keeps its lock disabled when pybackprop is imported.",
)
def test_free_threaded_python_keeps_the_gil_disabled():
    """No imported module needs the GIL; a warning would name it."""
    code = "import pybackprop, sys; print(sys._is_gil_enabled())"
    assert process(code, "-W", "error::RuntimeWarning") == ["False"]

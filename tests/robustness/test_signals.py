"""Signal handlers run during long calls, and their exceptions are passed on."""

import copy
import os
import signal
import sys
import threading

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.lists import activate

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no timers that signal"
)
rng = np.random.RandomState(0)
X = rng.normal(size=(400, 6))
y = np.arange(400) % 3
# One minute of work for a network with WIDE layers, on many views of one row.
MANY = np.broadcast_to(X[:1], (1_000_000, 6))
WIDE = (600, 600)


class Pressed(Exception):
    """The exception that the signal handler raises."""


@pytest.fixture
def press():
    """Send SIGALRM soon; its handler raises Pressed. Restore the handler at the end."""

    def handler(number, frame):
        raise Pressed

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def without_end(estimator=MLPClassifier, **params):
    params = {"max_iter": 10**8, "random_state": 0, "max_fun": 10**8} | params
    return estimator(tol=0, n_iter_no_change=10**8, **params)


def state_of(model):
    """Return the state of a model: its objects, and the bits of its arrays."""
    arrays = [*model.coefs_, *model.intercepts_]
    return dict(vars(model)), [array.tobytes() for array in arrays]


# -------------------------------------------------------------------------- stopping
FITS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "early stopping": {"early_stopping": True},
    "one batch": {"batch_size": 400, "hidden_layer_sizes": (1500, 1500)},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "one thread": {"n_jobs": 1},
    "two threads": {"n_jobs": 2, "hidden_layer_sizes": (300,)},
    "lbfgs": {"solver": "lbfgs"},
    "wide lbfgs": {"solver": "lbfgs", "hidden_layer_sizes": (900, 900)},
}


@pytest.mark.promise(
    "Ctrl-C and signals",
    "Ctrl-C stops a fit in the middle of an epoch, with any solver, and leaves the "
    "model as it was before the fit.",
)
@pytest.mark.parametrize("fit", FITS)
def test_a_fit_can_be_interrupted(press, fit):
    model = MLPClassifier(max_iter=1, random_state=0).fit(X, y)
    model.set_params(**without_end(**FITS[fit]).get_params())
    before = state_of(model)
    press()
    with pytest.raises(Pressed):
        while True:  # L-BFGS may converge before
            copy.deepcopy(model).fit(X, y) if "lbfgs" in fit else model.fit(X, y)
    assert state_of(model) == before


def test_partial_fit_of_many_rows_can_be_interrupted(press):
    model = MLPRegressor(hidden_layer_sizes=WIDE)
    model.partial_fit(X, X[:, 0])
    before = state_of(model)
    press()
    with pytest.raises(Pressed):
        model.partial_fit(MANY, MANY[:, 0])
    assert state_of(model) == before


@pytest.mark.promise(
    "Ctrl-C and signals",
    "Ctrl-C stops a prediction for a large array.",
)
@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["dense", "sparse", "float32"])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "transform"])
def test_a_large_prediction_can_be_interrupted(press, method, kind):
    """NumPy's checks of the table end before the timer does."""
    dtype = np.float32 if kind == "float32" else np.float64
    model = MLPClassifier((*WIDE, 1), max_iter=1).fit(X.astype(dtype), y)
    table = np.broadcast_to(X[:1].astype(dtype), MANY.shape)
    if kind == "sparse":
        table = scipy.sparse.csr_matrix(table[:300_000])
    before = state_of(model)
    press()
    with pytest.raises(Pressed):
        if method == "score":
            model.score(table, np.zeros(table.shape[0], dtype=int))
        else:
            getattr(model, method)(table)
    assert state_of(model) == before


@pytest.mark.parametrize("method", ["backprop", "gradients", "objective", "forward"])
def test_large_work_of_a_network_can_be_interrupted(press, method):
    network = Network([6, *WIDE, 1])
    table = MANY[:50_000]
    arguments = (table,) if method == "forward" else (table, table[:, :1])
    before = network.parameters.tobytes()
    press()
    with pytest.raises(Pressed):
        while True:
            getattr(network, method)(*arguments)
    assert network.parameters.tobytes() == before


def test_a_function_of_many_values_can_be_interrupted(press):
    logits = np.zeros((2_000_000, 10))
    press()
    with pytest.raises(Pressed):
        while True:
            activate("softmax", logits, overwrite=True)


def test_control_c_is_a_keyboard_interrupt():
    model = MLPClassifier(max_iter=1, random_state=0).fit(X, y)
    model.set_params(**without_end().get_params())
    before, handler = state_of(model), signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    timer.join()
    assert state_of(model) == before
    assert signal.getsignal(signal.SIGINT) is handler


# ----------------------------------------------------------- a fit, line by line
@pytest.mark.slow
@pytest.mark.promise(
    "Ctrl-C and signals",
    "At whichever line of a fit an interruption occurs, the model is the complete old"
    " one or the complete new one.",
)
def test_an_interruption_at_any_line_leaves_a_whole_model():
    old = MLPClassifier((3,), max_iter=1, random_state=0).fit(X[:30], y[:30])
    new = copy.deepcopy(old).fit(X[:30], y[:30] == 0)
    expected = [m.predict_proba(X).tobytes() for m in (old, new)]
    seen, number, was_stopped = set(), 0, True
    while was_stopped:
        model, left = copy.deepcopy(old), [number]

        def trace(frame, event, _, left=left):
            if not frame.f_code.co_filename.endswith("_estimator/base.py"):
                return None
            if event in ("line", "return"):
                left[0] -= 1
                if left[0] == -1:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            model.fit(X[:30], y[:30] == 0)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        was_stopped = left[0] < 0
        outcome = expected.index(model.predict_proba(X).tobytes())
        assert len(model.classes_) == (3, 2)[outcome]
        assert model.loss_curve_ == (old, new)[outcome].loss_curve_
        if was_stopped:
            seen.add(outcome)
        number += 1
    assert seen == {0, 1}


# --------------------------------------------------------------- handlers that return
class Beats:
    """A handler that counts, acts at each signal, and raises after some."""

    def __init__(self, enough, work=lambda: None):
        self.n, self.enough, self.work = 0, enough, work

    def __call__(self, number, frame):
        self.n += 1
        self.work()
        # On a busy machine a signal may come during the action, so the count may be
        # larger.
        if self.n >= self.enough:
            raise Pressed(self.enough)


@pytest.mark.promise(
    "Ctrl-C and signals",
    "Handlers of other signals run during a fit and a prediction, however often the "
    "signals arrive; handlers may predict and fit, and their exceptions are passed on"
    " unchanged.",
)
@pytest.mark.parametrize("work", ["nothing", "predict", "fit"])
@pytest.mark.parametrize("long", ["fit", "predict"])
def test_handlers_run_during_long_work(long, work):
    model = MLPRegressor(hidden_layer_sizes=WIDE, max_iter=1).fit(X, X[:, 0])
    expected = model.predict(X)
    works = {
        "nothing": lambda: None,
        "predict": lambda: np.testing.assert_array_equal(model.predict(X), expected),
        "fit": lambda: MLPRegressor(hidden_layer_sizes=(3,), max_iter=1).fit(
            X, X[:, 0]
        ),
    }
    model.set_params(max_iter=10**8, tol=0, n_iter_no_change=10**8)
    beats = Beats(4, works[work])
    before = signal.signal(signal.SIGALRM, beats)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.1)
    try:
        with pytest.raises(Pressed) as raised:
            model.fit(X, X[:, 0]) if long == "fit" else model.predict(MANY)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        handler = signal.signal(signal.SIGALRM, before)
    assert raised.value.args == (4,)
    assert handler is beats
    np.testing.assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_signals_that_only_interrupt_the_system_change_no_bit(n_jobs):
    """Send a thousand signals per second, like a sampling profiler."""
    model = MLPRegressor(
        hidden_layer_sizes=(200,), max_iter=30, random_state=0, n_jobs=n_jobs
    )
    expected = model.fit(X, X[:, 0]).loss_curve_
    beats = Beats(np.inf)
    before = signal.signal(signal.SIGPROF, beats)
    signal.setitimer(signal.ITIMER_PROF, 1e-3, 1e-3)
    try:
        while beats.n < 5:
            assert model.fit(X, X[:, 0]).loss_curve_ == expected
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def test_a_fit_in_another_thread_leaves_signals_to_the_main_one(press):
    over = threading.Event()

    def has_ended(y, y_pred):
        if over.is_set():
            raise StopIteration
        return (y_pred - y)[:, 0] ** 2 / 2, y_pred - y

    raised = []

    def fit():
        try:
            without_end(MLPRegressor, loss=has_ended).fit(X, X[:, 0])
        except BaseException as exception:
            raised.append(type(exception))

    thread = threading.Thread(target=fit)
    thread.start()
    press()
    try:
        with pytest.raises(Pressed):
            threading.Event().wait(60)
        assert thread.is_alive()
    finally:
        over.set()
        thread.join()
    assert raised == [StopIteration]

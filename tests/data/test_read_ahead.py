"""Tests the thread that prefetches batches during training, and that it always ends."""

import gc
import os
import pickle
import signal
import sys
import threading
import time
import tracemalloc
import weakref
from contextlib import suppress

import numpy as np
import pytest

from pybackprop import MLPClassifier, MLPRegressor
from support.batches import CODES, PARAMS, VALUES, X, cut, fitted, no_reader_left
from support.leaks import leaks, without_collection
from support.reference import assert_state, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("read_ahead", [0, 1, 2, 5])
def test_no_more_batches_are_prefetched_than_requested(read_ahead):
    """Test that a step starts only after the given number of batches was prefetched."""
    read, at_step = 0, []

    def batches():
        nonlocal read
        for batch in 4 * cut(X, VALUES):
            read += 1
            yield batch

    def squares(y, y_pred):
        time.sleep(0.003)  # time for the reader to read if it may
        at_step.append(read)
        return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y

    model = MLPRegressor(**PARAMS | {"max_iter": 1}, loss=squares, n_jobs=1)
    model.fit_batches(batches, read_ahead=read_ahead)
    steps = at_step[: 4 * len(cut(X, VALUES))]
    ahead = [n - step for step, n in enumerate(steps, 1)]
    # One more was read, since a step is taken when the next batch is there.
    assert max(ahead) <= read_ahead + 1
    if read_ahead == 0:
        assert set(ahead[:-1]) == {1}


def test_reading_continues_during_a_step():
    """Let the step and the reader wait for each other: neither can end alone."""
    in_step, was_read = threading.Event(), threading.Event()

    def batches():
        yield from cut(X, VALUES)[:2]
        assert in_step.wait(30)
        was_read.set()
        yield X, VALUES

    def squares(y, y_pred):
        in_step.set()
        assert was_read.wait(30)
        return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y

    MLPRegressor(**PARAMS | {"max_iter": 1}, loss=squares).fit_batches(batches)
    assert was_read.is_set() and no_reader_left()


class Pressed(Exception):
    """The exception that the signal handler raises."""


@pytest.fixture
def press():
    """Send SIGALRM soon; its handler raises Pressed."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers that signal")

    def handler(number, frame):
        raise Pressed

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.promise(
    "Ctrl-C and signals",
    "Ctrl-C stops a fit from batches, during a step or while it waits for a batch, "
    "and no thread outlives the read that was in progress.",
)
@pytest.mark.parametrize("read_ahead", [0, 1, 3])
@pytest.mark.parametrize("busy_with", ["steps", "reading"])
def test_a_fit_from_batches_can_be_interrupted(press, busy_with, read_ahead):
    closed = threading.Event()

    def batches():
        try:
            while True:
                yield X, CODES
                if busy_with == "reading":
                    time.sleep(0.02)
        finally:
            closed.set()

    wide = {"hidden_layer_sizes": (300, 300)} if busy_with == "steps" else {}
    model = fitted(**wide)
    before = state_of(model)
    press()
    with pytest.raises(Pressed):
        model.fit_batches(batches, classes=[0, 1, 2], read_ahead=read_ahead)
    assert_state(vars(model), before)
    assert closed.wait(10) and no_reader_left()


def test_an_interruption_does_not_wait_for_a_read(press):
    """Test that the thread ends after its read and closes the iterator."""
    may_continue, closed = threading.Event(), threading.Event()

    def batches():
        try:
            yield X, CODES
            may_continue.wait(60)
            yield X, CODES
        finally:
            closed.set()

    model = fitted()
    before = state_of(model)
    press()
    with pytest.raises(Pressed):
        model.fit_batches(batches, classes=[0, 1, 2])
    assert not closed.is_set()
    assert_state(vars(model), before)
    may_continue.set()
    assert closed.wait(30)
    assert no_reader_left()


@pytest.mark.parametrize("read_ahead", [0, 1, 3])
def test_batches_are_freed_as_they_are_used(read_ahead):
    seen, most = [], 0

    class Watched(np.ndarray):
        """An array with weak references, which tell whether it was freed."""

    def batches():
        nonlocal most
        for i in range(0, 300, 60):
            rows = X[i : i + 60].view(Watched)
            seen.append(weakref.ref(rows))
            most = max(most, sum(reference() is not None for reference in seen))
            yield rows, VALUES[i : i + 60]

    gc.disable()
    try:
        MLPRegressor(**PARAMS).fit_batches(batches, read_ahead=read_ahead)
        assert most <= 2  # this generator holds the previous batch; copies are kept
        assert [reference() for reference in seen] == [None] * 25
    finally:
        gc.enable()


@pytest.mark.promise(
    "Memory",
    "A fit from batches has at most read_ahead + 5 batches in memory, for any number "
    "of batches.",
)
@pytest.mark.parametrize("read_ahead", [0, 1, 4])
def test_few_batches_are_in_memory(read_ahead):
    n_rows = 2**16
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, n_jobs=1)
    for n_batches in (8, 32):

        def batches(n_batches=n_batches):
            for i in range(n_batches):
                rows = np.full((n_rows, 4), i, np.float32)
                yield rows, rows[:, 0]
                del rows

        tracemalloc.start()
        model.fit_batches(batches, read_ahead=read_ahead)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak / (4 * 5 * n_rows) < read_ahead + 5.5


def last_one_fails():
    yield from cut(X, CODES)
    raise KeyError


LEAVING = {
    "well": cut(X, CODES),
    "the iterator raises": last_one_fails,
    "a bad batch": [*cut(X, CODES), (X, CODES + 1)],
    "a bad first batch": [(X, CODES[:3])],
}


@pytest.mark.parametrize("read_ahead", [0, 1])
@pytest.mark.parametrize("end", LEAVING)
def test_no_memory_leaks_and_no_reference_cycle_is_left(end, read_ahead):
    def call():
        model = MLPClassifier(**PARAMS | {"max_iter": 2})
        with suppress(KeyError, ValueError):
            model.fit_batches(LEAVING[end], classes=[0, 1, 2], read_ahead=read_ahead)

    call()
    with without_collection() as left:
        call()
    assert [type(item) for item in left] == []
    assert not leaks(call)


READERS = tuple(
    os.path.join("pybackprop", "_training", f"{name}.py")
    for name in ("batches", "prefetch")
)


@pytest.mark.slow
def test_an_interruption_at_any_line_leaves_a_whole_model_and_no_thread(drawn):
    """Test each line of the code that passes on batches, in the caller's thread."""
    params = PARAMS | {"max_iter": 2}
    old = MLPClassifier(**params).fit(X, CODES)
    new = MLPClassifier(**params | {"random_state": 1}).fit(X, CODES)
    expected = [model.predict_proba(X).tobytes() for model in (old, new)]

    def fit_interrupted_at(number):
        """Return the model, and how many lines were left to run."""
        model, left = pickle.loads(pickle.dumps(old)), [number]
        model.set_params(random_state=1)

        def trace(frame, event, _):
            if not frame.f_code.co_filename.endswith(READERS):
                return None
            if event == "line":
                left[0] -= 1
                if left[0] == -1:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            model.fit_batches(cut(X, CODES), classes=[0, 1, 2])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        return model, left[0]

    undisturbed, left = fit_interrupted_at(10**9)
    n_lines = 10**9 - left
    assert n_lines > 100
    assert undisturbed.predict_proba(X).tobytes() == expected[1]
    for number in drawn(range(n_lines), 60):
        model, left = fit_interrupted_at(number)
        is_complete = left >= 0  # the number of lines may vary, since threads wait
        assert model.predict_proba(X).tobytes() in expected[is_complete:]
        assert no_reader_left(), number

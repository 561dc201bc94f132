"""A callback that raises leaves the estimator as it was; copies keep callbacks."""

import importlib.util
import pickle
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pybackprop
from support.callbacks import (
    ITERATIONS,
    N_ITER,
    SOLVERS,
    Recorder,
    X,
    Y,
    bits,
    in_order,
    make,
    needs_callbacks,
)
from support.leaks import without_collection

with suppress(ImportError):  # needs_callbacks skips the tests
    from sklearn.callback import CallbackContext, ScoringMonitor


# --- Errors ---------------------------------------------------------------------------


class Raiser(Recorder):
    """A callback that raises in one hook, in the given task."""

    def __init__(self, hook, exception):
        super().__init__()
        self.hook = hook
        self.exception = exception

    def _raise_in(self, hook):
        if hook == self.hook:
            raise self.exception

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self._raise_in("setup")

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self._raise_in("teardown")

    def on_fit_task_begin(self, estimator, context):
        self._raise_in(f"begin of {context.task_name}")

    def on_fit_task_end(self, estimator, context):
        self._raise_in(f"end of {context.task_name}")


@needs_callbacks
@pytest.mark.promise(
    "A call that raises changes nothing",
    "If a callback's hook raises, the model is as it was before the fit, and the "
    "teardown hooks of all callbacks have run.",
)
@pytest.mark.parametrize("exception", [ValueError("mine"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "hook", ["setup", "begin of fit", "begin of", "end of", "end of fit", "teardown"]
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_hook_that_raises_leaves_the_estimator_as_it_was(solver, hook, exception):
    if hook.endswith("of"):
        hook = f"{hook} {ITERATIONS[solver]}"
    others = Recorder(), Recorder()
    model = make(solver=solver).fit(X, Y)
    raiser = Raiser(hook, exception)
    model.set_callbacks(others[0], raiser, others[1])
    before = dict(vars(model))
    reached = bits(model)
    with pytest.raises(type(exception)):
        model.fit(X[::-1], Y[::-1])
    assert vars(model) == before
    assert bits(model) == reached
    # A fit that fails does not reach its end.
    if hook not in ("end of fit", "teardown"):
        assert ("end", "fit", 0) not in others[0].order
    # Every callback that was set up is torn down, even after one that fails at it.
    for callback in (*others, raiser):
        hooks = [call[0] for call in callback.calls]
        is_interrupted = hook == "teardown" and isinstance(exception, KeyboardInterrupt)
        if not is_interrupted:
            assert hooks.count("setup") == hooks.count("teardown")
    model.set_callbacks(others[0]).fit(X, Y)
    assert bits(model) == reached


@needs_callbacks
def test_objects_that_are_not_callbacks_are_refused():
    with pytest.raises(TypeError, match="FitCallback"):
        make().set_callbacks(print)


@needs_callbacks
def test_bad_input_is_refused_before_a_callback_is_set_up():
    recorder = Recorder()
    model = make().set_callbacks(recorder)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((3, 2), np.nan), [0, 1, 1])
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=-1.0).fit(X, Y)
    assert recorder.calls == []


# --- Copies and files -----------------------------------------------------------------


@needs_callbacks
def test_callbacks_are_cloned_and_pickled_as_in_scikit_learn():
    monitor = ScoringMonitor(scoring="accuracy")
    model = make().set_callbacks(monitor).fit(X, Y)
    fit_again = clone(model).fit(X, Y)
    assert bits(fit_again) == bits(model)
    assert len(monitor.get_logs(select="all")) == 2
    restored = pickle.loads(pickle.dumps(model))
    restored.fit(X, Y)
    assert bits(restored) == bits(model)
    # The copy's callback is a copy as well.
    assert len(monitor.get_logs(select="all")) == 2
    assert b"ScoringMonitor" in pickle.dumps(model)
    assert b"sklearn.callback" not in pickle.dumps(model.set_callbacks())


class Keeper(Recorder):
    """A callback that keeps the newest fitted estimator."""

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        assert b"CallbackContext" not in pickle.dumps(fitted_estimator)
        self.kept = fitted_estimator


@needs_callbacks
@pytest.mark.parametrize("copied", [False, True])
def test_a_kept_fitted_estimator_is_independent_of_its_fit(copied):
    keeper = Keeper()
    pipeline = make_pipeline(StandardScaler(), make().set_callbacks(keeper))
    pipeline.fit(X, Y)
    kept = pickle.loads(pickle.dumps(keeper.kept)) if copied else keeper.kept
    n_calls = len(keeper.calls)
    assert bits(kept) == bits(pipeline[-1])
    # Fitted without callbacks it calls none, and with one it is a separate fit.
    kept.set_callbacks().fit(X, Y)
    assert len(keeper.calls) == n_calls
    recorder = Recorder()
    kept.set_callbacks(recorder).fit(X, Y)
    assert recorder.order == in_order("epoch", N_ITER)


# --- Costs ----------------------------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_change_no_bit(solver, early_stopping):
    parameters = {"solver": solver, "early_stopping": early_stopping}
    states = []
    for callbacks in ([], [Recorder(), ScoringMonitor(scoring="accuracy")]):
        random_state = np.random.RandomState(3)
        model = make(random_state=random_state, **parameters)
        model.set_callbacks(*callbacks).fit(X, Y)
        drawn = random_state.randint(1 << 30)
        states.append((bits(model), model.loss_curve_, model.loss_, drawn))
    assert states[0] == states[1]


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_without_callbacks_no_context_is_made(solver, monkeypatch):
    made = []
    from_estimator = CallbackContext._from_estimator.__func__

    def counted(cls, estimator, *arguments, **keywords):
        made.append(estimator)
        return from_estimator(cls, estimator, *arguments, **keywords)

    monkeypatch.setattr(CallbackContext, "_from_estimator", classmethod(counted))
    make(solver=solver).fit(X, Y)
    assert made == []
    make(solver=solver).set_callbacks(Recorder()).fit(X, Y)
    assert len(made) == 1


def unreachable_objects_of_a_fit(solver):
    """Return how many objects only the collector frees after a second fit."""
    model = make(solver=solver).fit(X, Y)
    with without_collection() as left:
        model.fit(X, Y)
        del model
    return len(left)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_without_callbacks_a_fit_leaves_no_reference_cycle(solver):
    # A cycle of a fit is left each time. Threads of other tests, such as a Dask
    # client's, may leave cycles of their own at any time.
    assert min(unreachable_objects_of_a_fit(solver) for _ in range(5)) == 0


# --- Before scikit-learn 1.9 ----------------------------------------------------------


def test_before_scikit_learn_1_9_the_error_names_the_needed_version(
    monkeypatch,
):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    path = Path(pybackprop.__file__).parent / "_estimator" / "callbacks.py"
    spec = importlib.util.spec_from_file_location("older", path)
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)

    class Estimator(older.CallbackSupportMixin):
        @older.with_callbacks
        def fit(self):
            return self

    model = Estimator().fit()
    assert not hasattr(model, "set_callbacks")
    with pytest.raises(AttributeError, match="set_callbacks") as caught:
        model.set_callbacks()
    assert "needs scikit-learn 1.9 or newer" in str(caught.value.__cause__)

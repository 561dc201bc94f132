"""The estimators follow scikit-learn's callback protocol.

Callbacks need scikit-learn 1.9; the error for older versions is tested with any.
"""

import warnings
from contextlib import suppress

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor
from support.callbacks import (
    ITERATIONS,
    N_ITER,
    SOLVERS,
    TABLES,
    Recorder,
    X,
    Y,
    bits,
    in_order,
    make,
    needs_callbacks,
)

with suppress(ImportError):  # needs_callbacks skips the tests
    from sklearn.callback import ProgressBar, ScoringMonitor


# --- Calls and their arguments --------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fit_and_each_of_its_epochs_or_iterations_is_a_task(kind, solver):
    recorder = Recorder()
    model = make(kind, solver=solver).set_callbacks(recorder).fit(*TABLES[kind])
    assert model.n_iter_ == N_ITER
    task = ITERATIONS[solver]
    assert recorder.order == in_order(task, N_ITER)
    assert [given["n_tasks"] for given in recorder.given("begin", "fit")] == [N_ITER]
    assert {given["n_tasks"] for given in recorder.given("begin", task)} == {0}


@needs_callbacks
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fitted_estimator_is_as_if_the_fit_had_ended_there(
    kind, solver, early_stopping, dtype
):
    recorder = Recorder()
    # A rate this large makes some scores fall, so the best is not the last.
    parameters = {
        "solver": solver,
        "early_stopping": early_stopping,
        "learning_rate_init": 0.2,
    }
    X, y = TABLES[kind]
    X = X.astype(dtype)
    make(kind, **parameters).set_callbacks(recorder).fit(X, y)
    # All of them are checked after the fit: each has its own memory.
    ends = [given["fitted"] for given in recorder.given("end", ITERATIONS[solver])]
    assert len(ends) == N_ITER
    for n_iter, fitted in enumerate(ends, 1):
        expected = make(kind, max_iter=n_iter, **parameters).fit(X, y)
        assert bits(fitted) == bits(expected)
        assert fitted.predict(X).tobytes() == expected.predict(X).tobytes()
        for name in ("n_iter_", "loss_", "loss_curve_", "validation_scores_"):
            assert getattr(fitted, name, 0) == getattr(expected, name, 0), name
    begins = [given["fitted"] for given in recorder.given("begin", ITERATIONS[solver])]
    assert [bits(model) for model in begins[1:]] == [bits(model) for model in ends[:-1]]
    (last,) = recorder.given("end", "fit")
    assert bits(last["fitted"]) == bits(ends[-1])


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_estimator_of_a_hook_predicts_by_the_present_weights(solver):
    recorder = Recorder()
    make(solver=solver).set_callbacks(recorder).fit(X, Y)
    for hook in ("begin", "end"):
        for given in recorder.given(hook, ITERATIONS[solver]):
            assert np.array_equal(given["predicted"], given["fitted"].predict(X))


@needs_callbacks
def test_an_attribute_set_by_a_hook_stays_if_the_fit_succeeds():
    class Counts(Recorder):
        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            estimator.n_counted_ = getattr(estimator, "n_counted_", 0) + 1
            if estimator.n_counted_ > N_ITER + 2:
                raise RuntimeError("counted enough")

    model = make().set_callbacks(Counts()).fit(X, Y)
    assert model.n_counted_ == N_ITER + 1
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, Y)
    assert model.n_counted_ == N_ITER + 1


@needs_callbacks
def test_with_early_stopping_the_fitted_estimator_has_the_best_weights_so_far():
    recorder = Recorder()
    # A rate this large makes the score rise and fall.
    model = make(early_stopping=True, learning_rate_init=0.5, max_iter=10)
    model.set_callbacks(recorder).fit(X, Y)
    best = np.maximum.accumulate(model.validation_scores_)
    ends = recorder.given("end", "epoch")
    assert [given["fitted"].best_validation_score_ for given in ends] == list(best)
    gone_down = model.validation_scores_ < best
    assert gone_down.any()
    for given, down in zip(ends, gone_down, strict=True):
        same = np.array_equal(given["predicted"], given["fitted"].predict(X))
        assert not (down and same)


@needs_callbacks
def test_the_epoch_that_diverges_comes_to_its_end_with_the_best_weights():
    class Unpredicting(Recorder):
        def _record(self, hook, estimator, context, X, y, metadata, fitted):
            call = hook, context.task_name, context.task_id, {"fitted": fitted}
            self.calls.append(call)

    recorder = Unpredicting()
    model = make(MLPRegressor, early_stopping=True, learning_rate_init=1e200)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.set_callbacks(recorder).fit(*TABLES[MLPRegressor])
    assert recorder.order == in_order("epoch", model.n_iter_)
    for given in recorder.given("end", "epoch"):
        assert np.isfinite(given["fitted"].predict(TABLES[MLPRegressor][0])).all()


@needs_callbacks
def test_the_data_are_those_of_the_caller():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    labels = pandas.Series(np.array(["x", "y", "z"])[Y])
    recorder = Recorder()
    model = make(early_stopping=True).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "X does not have valid feature names")
        model.fit(table, labels, sample_weight=2.0)
    for hook, task in [("begin", "fit"), ("begin", "epoch"), ("end", "epoch")]:
        for given in recorder.given(hook, task):
            assert given["X"] is table
            assert given["y"] is labels
            # In the form for scorers: one weight per sample, even if one number was
            # given.
            assert given["metadata"].keys() == {"sample_weight"}
            assert np.array_equal(given["metadata"]["sample_weight"], np.full(150, 2.0))


@needs_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_tables(solver):
    rows = scipy.sparse.csc_matrix(X)
    monitor = ScoringMonitor(scoring="accuracy")
    model = make(solver=solver).set_callbacks(monitor).fit(rows, Y)
    assert monitor.get_logs().data[0]["accuracy"] == model.score(rows, Y)


@needs_callbacks
def test_a_call_to_partial_fit_is_a_fit_of_one_epoch():
    recorder = Recorder()
    model = make().set_callbacks(recorder)
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert recorder.order == 2 * in_order("epoch", 1, root="partial_fit")
    first, second = recorder.given("end", "partial_fit")
    assert bits(second["fitted"]) == bits(model) != bits(first["fitted"])


@needs_callbacks
def test_a_warm_start_begins_where_the_last_fit_ended():
    recorder = Recorder()
    model = make(warm_start=True).fit(X, Y)
    reached = bits(model)
    model.set_callbacks(recorder).fit(X, Y)
    assert recorder.order == in_order("epoch", N_ITER)
    assert bits(recorder.given("begin", "epoch")[0]["fitted"]) == reached


@needs_callbacks
def test_an_iteration_that_does_not_come_to_its_end_is_ended():
    recorder = Recorder()
    # The gradient is below tol at once, so there is no iteration to end.
    model = make(solver="lbfgs", tol=1e9).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 0
    assert recorder.order == in_order("iteration", 1)


# --- scikit-learn's own callbacks -----------------------------------------------------


def scores_of(monitor, name, task):
    rows = monitor.get_logs().data
    return [row[name] for row in rows if row["task_name"] == task]


@pytest.mark.feature(
    "Callbacks: the score of each epoch by any metric",
    use="MLPClassifier().set_callbacks(ScoringMonitor(scoring='accuracy'))",
    requested="#27676",
)
@needs_callbacks
@pytest.mark.parametrize(
    "kind, name", [(MLPClassifier, "neg_log_loss"), (MLPRegressor, "r2")]
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_reports_the_scores_of_shorter_fits(
    kind, name, solver, weighted
):
    X, y = TABLES[kind]
    weights = np.random.RandomState(0).uniform(size=len(y)) if weighted else None
    monitor = ScoringMonitor(scoring=[name])
    scorer = ScoringMonitor(scoring=[name])
    make(kind, solver=solver).set_callbacks(monitor).fit(X, y, weights)
    expected = []
    for n_iter in range(1, N_ITER + 1):
        shorter = make(kind, solver=solver, max_iter=n_iter).set_callbacks(scorer)
        shorter.fit(X, y, weights)
        expected += scores_of(scorer, name, "fit")
    assert scores_of(monitor, name, ITERATIONS[solver]) == expected
    assert len(set(expected)) == N_ITER


@pytest.mark.feature(
    "Callbacks: progress bars",
    use="MLPClassifier().set_callbacks(ProgressBar())",
    requested="#7574",
)
@needs_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_progress_bar(solver, capsys):
    pytest.importorskip("rich")
    make(solver=solver).set_callbacks(ProgressBar()).fit(X, Y)
    (line,) = capsys.readouterr().out.strip().splitlines()[-1:]
    assert "MLPClassifier - fit" in line
    assert "100%" in line


@needs_callbacks
def test_in_a_pipeline_the_bar_is_of_the_whole_and_the_scores_of_the_step(capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    step = make().set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), step).set_callbacks(ProgressBar())
    pipeline.fit(X, Y)
    assert "MLPClassifier - fit #1" in capsys.readouterr().out
    assert scores_of(monitor, "accuracy", "fit") == [pipeline.score(X, Y)]
    assert len(scores_of(monitor, "accuracy", "epoch")) == N_ITER
    # The bar belonged to the pipeline, and the step is no longer part of that fit.
    step.fit(X, Y)
    assert capsys.readouterr().out == ""
    assert len(monitor.get_logs(select="all")) == 2


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.full)])
def test_in_a_search_with_workers(n_jobs, capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), make().set_callbacks(monitor))
    search = GridSearchCV(
        pipeline, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=2, n_jobs=n_jobs
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    # Four fits of the search and the last one, of the best on all rows.
    assert capsys.readouterr().out.count("MLPClassifier - fit") >= 5
    assert len(scores_of(monitor, "accuracy", "epoch")) == 5 * N_ITER
    assert search.score(X, Y) in scores_of(monitor, "accuracy", "fit")


@needs_callbacks
def test_a_lower_learning_rate_counts_anew_in_the_fitted_estimator():
    recorder, rate = Recorder(), 0.01
    make(
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=rate,
        tol=1e9,  # the second epoch is the first without progress
        n_iter_no_change=1,
        max_iter=4,
    ).set_callbacks(recorder).fit(X, Y)
    after_a_plateau = recorder.given("begin", "epoch")[3]["fitted"]
    for _ in range(2):
        after_a_plateau.partial_fit(X, Y)
    # partial_fit begins with a new optimizer; a second plateau has not come yet.
    assert_allclose(after_a_plateau.history_["learning_rate"], rate)


# --- Stopping a fit -------------------------------------------------------------------


@pytest.mark.feature(
    "Callbacks: your own object, which may stop the fit",
    use="MLPClassifier().set_callbacks(mine)",
    requested="#27676",
)
@needs_callbacks
@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_true_return_value_stops_the_fit(kind, solver, early_stopping):
    parameters = {"solver": solver, "early_stopping": early_stopping}
    X, y = TABLES[kind]
    recorder = Recorder(stop_after=2)
    model = make(kind, **parameters).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, y)
    assert model.stopping_reason_ == "a callback asked to stop"
    assert recorder.order == in_order(ITERATIONS[solver], 2)
    shorter = make(kind, max_iter=2, **parameters).fit(X, y)
    assert bits(model) == bits(shorter)
    for name in ("n_iter_", "loss_", "loss_curve_"):
        assert getattr(model, name) == getattr(shorter, name)


@needs_callbacks
def test_a_true_value_at_the_end_of_the_fit_does_not_count_as_a_stop():
    class SaysYes(Recorder):
        def on_fit_task_end(self, estimator, context):
            return context.parent is None

    model = make().set_callbacks(SaysYes()).fit(X, Y)
    assert "max_iter=" in model.stopping_reason_

"""Threads that share an estimator see one complete fit in every call."""

import copy
import os
import pickle
import sys
import threading

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.export import to_c, to_sklearn
from support.interleaving import PACKAGE, X, bits_of, interleaved
from support.internals import Samples, Targets, all_finite
from support.lists import activate, log_activate

rng = np.random.RandomState(0)
PATIENCE = 60
DECISIONS = os.path.join(PACKAGE, "_estimator/base.py")
# Two problems for one estimator, which differ in all fitted attributes.
COLOURS = np.array(["blue", "green", "red"])[np.arange(40) % 3]
NUMBERS = np.arange(40) % 2 + 10


def small(**params):
    params = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0} | params
    return MLPClassifier(tol=0, n_iter_no_change=99, n_jobs=1, **params)


# ------------------------------------------------------ another thread, at every line


METHODS = {
    "predict": lambda model: model.predict(X),
    "predict of a row": lambda model: model.predict(X[:1]),
    "predict_proba": lambda model: model.predict_proba(X),
    "predict_log_proba": lambda model: model.predict_log_proba(X),
    "decision_function": lambda model: model.decision_function(X),
    "activations": lambda model: model.activations(X),
    "transform": lambda model: model.transform(X),
    "predict, sparse": lambda model: model.predict(scipy.sparse.csr_matrix(X)),
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.deepcopy,
    "to_c": to_c,
    "to_sklearn": lambda model: pickle.dumps(to_sklearn(model).predict(X)),
}


@pytest.mark.slow
@pytest.mark.promise(
    "Threads and processes",
    "While one thread fits an estimator again, others may predict, transform, pickle,"
    " copy and export it: each call uses the old model or the new one, never a "
    "mixture.",
)
@pytest.mark.sampled(4)
@pytest.mark.parametrize("method", METHODS)
def test_a_call_sees_the_old_fit_or_the_new(method):
    old, new = small().fit(X, COLOURS), small().fit(X, NUMBERS)
    model = copy.deepcopy(old)
    call = METHODS[method]
    expected = {"old": bits_of(call(old)), "new": bits_of(call(new))}
    assert expected["old"] != expected["new"]

    def fit_anew():
        model.__dict__ = copy.deepcopy(new).__dict__  # as a fit ends

    seen = set()

    def call_the_old():
        model.__dict__ = copy.deepcopy(old).__dict__
        return call(model)

    for result in interleaved(call_the_old, fit_anew):
        result = bits_of(result)
        seen |= {name for name, bits in expected.items() if bits == result}
        assert result in expected.values()
    assert seen == {"old", "new"}


@pytest.mark.slow
def test_names_of_columns_are_those_of_the_fit_that_they_come_from():
    old, new = (
        small(hidden_layer_sizes=(n,)).fit(X, COLOURS).set_output(transform="pandas")
        for n in (3, 5)
    )
    model = copy.deepcopy(old)

    def transform():
        model.__dict__ = copy.deepcopy(old).__dict__
        return model.transform(X)

    def fit_anew():
        model.__dict__ = copy.deepcopy(new).__dict__

    assert {r.shape[1] for r in interleaved(transform, fit_anew)} == {3, 5}


@pytest.mark.slow
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.promise(
    "Threads and processes",
    "Two threads that train the same estimator at the same time leave it as one of "
    "them did, or as one after the other.",
)
def test_training_in_two_threads_leaves_the_result_of_one(is_fitted):
    start = small()

    def train(model, part):
        return model.partial_fit(X[part], COLOURS[part], classes=np.unique(COLOURS))

    mine, theirs = slice(20), slice(20, 40)
    if is_fitted:
        train(start, slice(40))
    alone = bits_of(train(copy.deepcopy(start), mine))
    second = bits_of(train(train(copy.deepcopy(start), theirs), mine))
    models = []

    def call():
        models.append(copy.deepcopy(start))
        return train(models[-1], mine)

    # The other thread runs after the model was made, so from its first line on.
    def act():
        if models:
            train(models[-1], theirs)

    outcomes = set()
    for result in interleaved(call, act, DECISIONS):
        outcomes.add(bits_of(result))
        models.clear()
    first = bits_of(train(train(copy.deepcopy(start), mine), theirs))
    assert {alone, second} <= outcomes <= {alone, second, first}


# ---------------------------------------------------------------- bound methods
def test_a_kept_method_does_not_keep_an_old_fit():
    model = small().fit(X, COLOURS)
    transform, predict_proba = model.transform, model.predict_proba
    partial_fit = model.partial_fit
    model.set_params(hidden_layer_sizes=(), output_activation="identity")
    model.set_params(loss="squared_error").fit(X, COLOURS)
    with pytest.raises(AttributeError, match=r"hidden_layer_sizes=\(\)"):
        transform(X)
    with pytest.raises(AttributeError, match="'identity' has no probabilities"):
        predict_proba(X)
    model.set_params(solver="lbfgs")
    before = bits_of(model.coefs_)
    with pytest.raises(AttributeError, match="solver='lbfgs'"):
        partial_fit(X, COLOURS)
    assert bits_of(model.coefs_) == before


# ------------------------------------------------------------------- real threads
def in_threads(*works):
    """Run all at the same time; raise an exception of one."""
    raised, start = [], threading.Barrier(len(works))

    def run(work):
        try:
            start.wait(PATIENCE)
            work()
        except BaseException as exception:
            raised.append(exception)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for exception in raised:
        raise exception


@pytest.mark.parametrize("rows", ["few", "many", "sparse"])
def test_predictions_continue_while_the_estimator_is_fitted(rows):
    table = {"few": X[:2], "many": np.tile(X, (60, 1)), "sparse": X}[rows]
    table = scipy.sparse.csr_matrix(table) if rows == "sparse" else table
    model = small().fit(X, COLOURS)
    answers = {bits_of(model.predict(table))}
    answers.add(bits_of(small().fit(X, NUMBERS).predict(table)))
    fits_are_over = threading.Event()

    def fit():
        try:
            for _ in range(10):
                model.fit(X, NUMBERS)
                model.fit(X, COLOURS)
        finally:
            fits_are_over.set()

    def predict():
        while not fits_are_over.is_set():
            assert bits_of(model.predict(table)) in answers

    in_threads(fit, predict, predict)


def test_predictions_see_an_edit_by_another_thread_as_a_whole():
    model = MLPRegressor(max_iter=2, random_state=0).fit(X, X[:, 0])
    other = MLPRegressor(max_iter=5, random_state=1).fit(X, X[:, 0])
    ours, theirs = model.coefs_, other.coefs_
    expected = set()
    for coefs in (theirs, ours):
        model.coefs_ = coefs
        expected |= {bits_of(model.predict(X[:1])), bits_of(model.predict(X))}
    over = threading.Event()

    def edit():
        try:
            for i in range(200):
                model.coefs_ = (theirs, ours)[i % 2]
        finally:
            over.set()

    def predict():
        while not over.is_set():
            assert bits_of(model.predict(X[:1])) in expected
            assert bits_of(model.predict(X)) in expected

    in_threads(edit, predict, predict)
    assert bits_of(model.predict(X[:1])) in expected


def test_an_estimator_fitted_from_many_threads_has_one_of_the_results():
    problems = [(X, COLOURS), (X, NUMBERS), (X[:, :2], COLOURS)]
    expected = [small().fit(*problem).loss_curve_ for problem in problems]
    model = small()
    in_threads(*(lambda p=p: model.fit(*p) for p in problems * 2))
    i = expected.index(model.loss_curve_)
    table, labels = problems[i]
    assert bits_of(model.predict(table)) == bits_of(
        small().fit(table, labels).predict(table)
    )


# ------------------------------------------------------- parameters set during a fit
class SetMeanwhile:
    """A loss that sets parameters of a model in its first call."""

    def __init__(self, **params):
        self.params = params
        self.model = None

    def __call__(self, y, y_pred):
        if self.model is not None:
            self.model.set_params(**self.params)
        return (y_pred - y)[:, 0] ** 2 / 2, y_pred - y


@pytest.mark.promise(
    "Threads and processes",
    "A fit uses the parameters that were set when it began; parameters set meanwhile "
    "apply to the next fit.",
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_parameters_set_during_a_fit_apply_to_the_next_fit(solver):
    loss = SetMeanwhile(max_iter=7, hidden_layer_sizes=(9,), n_jobs=2)
    model = MLPRegressor(
        loss, hidden_layer_sizes=(3,), max_iter=2, solver=solver, random_state=0
    )
    expected = clone(model).fit(X, X[:, 0])
    loss.model = model
    model.note = "mine"
    model.fit(X, X[:, 0])
    assert bits_of(model.coefs_) == bits_of(expected.coefs_)
    assert model.n_iter_ == expected.n_iter_ <= 2
    assert model.get_params()["max_iter"] == 7
    assert model.hidden_layer_sizes == (9,)
    assert (model.n_jobs, model.note) == (2, "mine")


# ------------------------------------------------------------ other threads continue
def long_calls():
    table = np.tile(X, (500, 1))
    network = Network([4, 60, 3], activation="tanh", output_activation="softmax")
    samples = Samples(table, network.dtype)
    targets = Targets(np.tile(X[:, :3], (500, 1)), network.dtype)
    logits = np.tile(X, (2000, 1))
    theta = network.parameters
    trace = {"a": [np.empty((len(table), n)) for n in (60, 3)]}
    return {
        "predict": lambda: network.core.predict(theta, samples),
        "forward": lambda: network.core.forward(theta, samples, trace),
        "objective": lambda: network.core.objective(theta, samples, targets),
        "activate": lambda: activate("softmax", logits),
        "log_activate": lambda: log_activate("softmax", logits),
        "all_finite": lambda: all_finite(logits),
    }


@pytest.mark.promise(
    "Threads and processes",
    "Other Python threads continue to run during training and prediction on large "
    "arrays.",
)
@pytest.mark.parametrize("name", long_calls())
def test_long_work_releases_the_gil(name):
    """With a long switch interval, other threads run only if the GIL is released."""
    call = long_calls()[name]
    ticks, over = [0], threading.Event()

    def tick():
        while not over.is_set():
            ticks[0] += 1
            over.wait(1e-4)

    ticker = threading.Thread(target=tick)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    try:
        ticker.start()
        for _ in range(2000):
            before = ticks[0]
            call()
            if ticks[0] > before:
                break
        else:
            pytest.fail("nobody else ran")
    finally:
        over.set()
        sys.setswitchinterval(interval)
        ticker.join()

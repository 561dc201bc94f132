"""Tests that fit_batches has the bits of fit on all rows, with prefetch or without."""

import pickle
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPClassifier, MLPRegressor
from support.batches import (
    CODES,
    LABELS,
    NAMES,
    PARAMS,
    VALUES,
    WEIGHTS,
    X,
    cut,
    fitted,
    no_reader_left,
)
from support.lists import OPTIMIZERS
from support.reference import assert_state, state_of, timeless

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STOCHASTIC = list(OPTIMIZERS)


def compare(batched, fitted):
    """Check that all results of two fits are the same, bit for bit."""
    states = timeless(batched), timeless(fitted)
    for state in states:
        state["_pause"].n_samples = None  # which one of the two cannot know
        state.pop("_fitted_network")
    assert_state(*states)


# ------------------------------------------------------------------------------- bits
@pytest.mark.feature(
    "Fit from an iterable of batches", "clf.fit_batches(batches, classes=classes)"
)
@pytest.mark.promise(
    "No silently wrong results",
    "A fit from batches gives the same bits as a fit on their concatenation.",
)
@pytest.mark.parametrize("read_ahead", [0, 1, 5])
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_the_bits_of_a_fit_on_all_rows(solver, read_ahead):
    params = PARAMS | {"solver": solver}
    ahead = {"read_ahead": read_ahead}
    fitted = MLPRegressor(**params).fit(X, VALUES)
    compare(MLPRegressor(**params).fit_batches(cut(X, VALUES), **ahead), fitted)
    fitted = MLPClassifier(**params).fit(X, NAMES)
    compare(MLPClassifier(**params).fit_batches(cut(X, NAMES), **ahead), fitted)


HELD_OUT = {"X_val": X[:50], "y_val": CODES[:50]}
OPTIONS = {
    "dropout": ({"dropout": 0.3, "input_dropout": 0.1}, {}),
    "cosine, warm-up": ({"learning_rate": "cosine", "warmup_epochs": 1.5}, {}),
    "inverse scaling": ({"learning_rate": "invscaling", "solver": "sgd"}, {}),
    "adaptive": (
        {"learning_rate": "adaptive", "solver": "sgd", "n_iter_no_change": 1},
        {},
    ),
    "own schedule": ({"learning_rate": lambda epoch: 0.1 / (1 + epoch)}, {}),
    "clipped": ({"global_clipnorm": 0.1, "max_norm": 1.0}, {}),
    "l1": ({"alpha": 0.1, "l1_ratio": 0.5}, {}),
    "class weights": ({"class_weight": {0: 2, 1: 0.5}}, {}),
    "smoothing": ({"label_smoothing": 0.1}, {}),
    "validation": ({}, HELD_OUT),
    "validation weights": ({}, HELD_OUT | {"sample_weight_val": WEIGHTS[:50]}),
    "early stopping": (
        {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 50},
        HELD_OUT,
    ),
    "scoring": ({"scoring": "neg_log_loss"}, HELD_OUT),
    "threads": ({"n_jobs": 2}, {}),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("option", OPTIONS)
def test_the_bits_with_each_option(option, weights):
    params, held_out = OPTIONS[option]
    params = PARAMS | params
    fitted = MLPClassifier(**params).fit(X, CODES, weights, **held_out)
    batched = MLPClassifier(**params)
    compare(batched.fit_batches(cut(X, CODES, weights), **held_out), fitted)


TABLES = {
    "float32": (X.astype(np.float32), NAMES),
    "sparse": (scipy.sparse.csr_array(X * (X > 0)), CODES),
    "csc": (scipy.sparse.csc_matrix(X * (X > 0)), CODES),
    "multilabel": (X, LABELS),
    "two classes": (X, CODES > 0),
    "columns first": (np.asfortranarray(X), CODES),
}


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("table", TABLES)
def test_the_bits_for_each_kind_of_table(table, dropout):
    inputs, y = TABLES[table]
    params = PARAMS | {"input_dropout": dropout}
    fitted = MLPClassifier(**params).fit(inputs, y)
    compare(MLPClassifier(**params).fit_batches(cut(inputs, y)), fitted)


def test_frames_give_names_and_the_same_bits():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    series = pandas.Series(NAMES)
    fitted = MLPClassifier(**PARAMS).fit(frame, series)
    batched = MLPClassifier(**PARAMS).fit_batches(cut(frame, series))
    compare(batched, fitted)
    other = [*cut(frame, series)[:2], (frame[list("edcba")], series)]
    with pytest.raises(ValueError, match="(?s)In batch 3 of epoch 1: .*feature names"):
        batched.fit_batches(other)


@pytest.mark.parametrize("continuation", ["warm_start", "resume"])
def test_a_training_continues(continuation):
    """Test this after pickling too; a warm start does not search for classes again."""
    fitted = MLPClassifier(**PARAMS).fit(X, NAMES)
    batched = MLPClassifier(**PARAMS).fit_batches(cut(X, NAMES))
    n_passes = 0

    def batches():
        nonlocal n_passes
        n_passes += 1
        return cut(X, NAMES)

    for _ in range(2):
        batched = pickle.loads(pickle.dumps(batched))
        if continuation == "resume":
            max_iter = fitted.max_iter + 3
            fitted.set_params(max_iter=max_iter).fit(X, NAMES, resume=True)
            batched.set_params(max_iter=max_iter).fit_batches(batches, resume=True)
        else:
            fitted.set_params(warm_start=True).fit(X, NAMES)
            batched.set_params(warm_start=True).fit_batches(batches)
        compare(batched, fitted)
    assert n_passes == (6 if continuation == "resume" else 10)


def test_fit_and_fit_batches_do_not_continue_each_other():
    batches = cut(X, CODES)
    fitted = MLPClassifier(**PARAMS).fit(X, CODES).set_params(max_iter=6)
    with pytest.raises(ValueError, match="by fit. Got a call to fit_batches"):
        fitted.fit_batches(batches, resume=True)
    batched = MLPClassifier(**PARAMS).fit_batches(batches).set_params(max_iter=6)
    with pytest.raises(ValueError, match="by fit_batches. Got a call to fit"):
        batched.fit(X, CODES, resume=True)


# ----------------------------------------------------------------- kinds of batches
class Loader:
    """A loader without a length; each of its iterators must be closed."""

    def __init__(self, batches):
        self.batches = batches
        self.opened = self.closed = 0

    def __iter__(self):
        self.opened += 1
        try:
            for batch in self.batches:
                yield list(batch)  # as some loaders do
        finally:
            self.closed += 1


class Sequence:
    """A loader with __getitem__, the oldest protocol of iteration."""

    def __init__(self, batches):
        self.batches = batches

    def __getitem__(self, i):
        return self.batches[i]


KINDS = {
    "tuple": tuple,
    "object": Loader,
    "sequence": Sequence,
    "callable": lambda batches: lambda: iter(batches),
    "generator function": lambda batches: lambda: (batch for batch in batches),
    "callable to a list": lambda batches: lambda: batches,
}


@pytest.mark.parametrize("kind", KINDS)
def test_anything_that_can_be_iterated_again_is_accepted(kind):
    expected = MLPRegressor(**PARAMS).fit_batches(cut(X, VALUES))
    model = MLPRegressor(**PARAMS).fit_batches(KINDS[kind](cut(X, VALUES)))
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize("read_ahead", [0, 2])
def test_every_epoch_is_read_once_and_closed(read_ahead):
    loader = Loader(cut(X, CODES))
    MLPClassifier(**PARAMS).fit_batches(loader, classes=[0, 1, 2])
    assert loader.opened == loader.closed == 5
    MLPClassifier(**PARAMS).fit_batches(loader)  # and a pass for the classes
    assert loader.opened == loader.closed == 11
    loader = Loader(cut(X, LABELS))
    MLPClassifier(**PARAMS).fit_batches(loader)
    assert loader.opened == loader.closed == 6  # one of which was only opened


@pytest.mark.parametrize("read_ahead", [0, 1, 4])
def test_a_loader_may_reuse_its_memory(read_ahead):
    def batches():
        inputs, targets, weights = np.empty((64, 5)), np.empty((64, 2)), np.empty(64)
        for batch in cut(X, VALUES, WEIGHTS):
            n = len(batch[0])
            for memory, array in zip((inputs, targets, weights), batch, strict=True):
                memory[:n] = array
            yield inputs[:n], targets[:n], weights[:n]
            for memory in (inputs, targets, weights):
                memory[:] = 0

    fitted = MLPRegressor(**PARAMS).fit(X, VALUES, WEIGHTS)
    batched = MLPRegressor(**PARAMS).fit_batches(batches, read_ahead=read_ahead)
    assert batched.loss_curve_ == fitted.loss_curve_


def test_epochs_may_be_of_different_lengths():
    """Test that each epoch is like calls to partial_fit, with one step per batch."""
    epochs = [cut(X, VALUES, size=size) for size in (100, 37, 200)]
    left = iter(epochs)
    batched = MLPRegressor(**PARAMS | {"max_iter": 3, "solver": "sgd"})
    batched.fit_batches(lambda: next(left))
    steps = MLPRegressor(**PARAMS | {"batch_size": "auto", "solver": "sgd"})
    for epoch in epochs:
        for rows in epoch:
            steps.partial_fit(*rows)
    assert_array_equal(batched.coefs_[0], steps.coefs_[0])
    assert batched.t_ == 900


def test_a_first_batch_without_weight():
    weights = WEIGHTS.copy()
    weights[:64] = 0
    fitted = MLPClassifier(**PARAMS).fit(X, CODES, weights)
    compare(MLPClassifier(**PARAMS).fit_batches(cut(X, CODES, weights)), fitted)


def test_a_schedule_uses_the_number_of_batches():
    """An unknown length comes from the pass for the classes, or is an error."""
    params = PARAMS | {"learning_rate": "cosine"}
    expected = MLPClassifier(**params).fit(X, CODES).loss_curve_
    loader = Loader(cut(X, CODES))
    assert MLPClassifier(**params).fit_batches(loader).loss_curve_ == expected
    for option in ({"learning_rate": "cosine"}, {"warmup_epochs": 1}):
        model = MLPClassifier(**PARAMS | option)
        with pytest.raises(ValueError, match="changes at each step.*__len__"):
            model.fit_batches(loader, classes=[0, 1, 2])

    class Promised(Loader):
        def __len__(self):
            return 2

    # More batches than promised have the final rate, in this case 0: no step at all.
    model = MLPClassifier(**params).fit_batches(Promised(cut(X, CODES)))
    assert np.isfinite(model.loss_) and model.loss_curve_ != expected


def test_classes_are_named_or_found_by_a_pass():
    one_class_each = [(X[CODES == k], NAMES[CODES == k]) for k in range(3)]
    model = MLPClassifier(**PARAMS).fit_batches(one_class_each)
    assert model.classes_.tolist() == ["bad", "fair", "good"]
    named = ["bad", "fair", "good", "never seen"]
    model = MLPClassifier(**PARAMS).fit_batches(one_class_each, classes=named)
    assert model.classes_.tolist() == named
    with pytest.raises(ValueError, match="In batch 2 of epoch 1: .*classes.*fair"):
        MLPClassifier(**PARAMS).fit_batches(one_class_each, classes=["bad", "good"])
    mixed = [(X, CODES), (X, NAMES)]
    with pytest.raises(ValueError, match="[Mm]ix"):
        MLPClassifier(**PARAMS).fit_batches(mixed)


# ----------------------------------------------------------------------------- refused


def refused(model, batches, kind=ValueError, says="", **options):
    before = state_of(model)
    with pytest.raises(kind, match=f"(?s){says}") as raised:
        model.fit_batches(batches, **options)
    assert_state(vars(model), before)
    assert no_reader_left()
    return raised.value


@pytest.mark.parametrize(
    "batches, says",
    [
        (iter(cut(X, CODES)), "new iteration in every epoch.*; pass the function that"),
        ((batch for batch in cut(X, CODES)), "new iteration in every epoch"),
        (7, "iterable of .X, y.*Got int"),
        (None, "iterable of .X, y.*Got NoneType"),
        (lambda: 7, "a callable, must return an iterable of batches. Got int"),
        ([], "no batch in"),
        (Loader([]), "no batch in"),
        ([X], "In batch 1 of .*must be a tuple .X, y. or .*Got ndarray"),
        (X, "In batch 1 of .*must be a tuple .X, y. or .*Got ndarray"),
        ("text", "In batch 1 of .*must be a tuple .X, y. or .*Got str"),
        ([(X,)], "In batch 1 of .*must be a tuple .*Got tuple of length 1"),
        ([(X, CODES, None, 0)], "must be a tuple .*Got tuple of length 4"),
    ],
)
@pytest.mark.parametrize("read_ahead", [0, 1])
def test_objects_without_batches_are_refused(batches, says, read_ahead):
    model = fitted()
    refused(model, batches, (ValueError, TypeError), says, read_ahead=read_ahead)


@pytest.mark.parametrize("read_ahead", [-1, 1.5, "1", None, 10**6])
def test_bad_numbers_of_batches_are_refused(read_ahead):
    refused(fitted(), cut(X, CODES), says="read_ahead must be", read_ahead=read_ahead)


BAD = {
    "no rows": ((X[:0], CODES[:0]), "0 sample"),
    "narrow": ((X[:, :3], CODES), "3 features.*5"),
    "NaN": ((X * np.nan, CODES), "NaN"),
    "lengths": ((X, CODES[:9]), "inconsistent numbers of samples"),
    "dtype": ((X.astype(np.float32), CODES), "X must be float64.*Got float32"),
    "new class": ((X, CODES + 1), "classes"),
    "weights": ((X, CODES, -WEIGHTS), "sample_weight must be >= 0"),
    "weights' length": ((X, CODES, WEIGHTS[:9]), "sample_weight"),
    "words": ((X.astype(str), CODES), "X must hold numbers"),
    "columns of y": ((X, LABELS), "y"),
}


@pytest.mark.promise(
    "A call that raises changes nothing",
    "An exception of an iterator of batches is passed on unchanged, a later batch "
    "that does not match the first raises an error that names it, and the model is "
    "unchanged.",
)
@pytest.mark.parametrize("read_ahead", [0, 1, 3])
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_batch_in_the_third_epoch(bad, read_ahead):
    batch, says = BAD[bad]
    epochs = iter([2 * cut(X, CODES)] * 2 + [[*cut(X, CODES)[:2], batch]])
    model = fitted()
    error = refused(
        model,
        lambda: next(epochs),
        (ValueError, TypeError),
        f"In batch 3 of epoch 3: .*{says}",
        classes=[0, 1, 2],
        read_ahead=read_ahead,
    )
    assert isinstance(error.__cause__, (ValueError, TypeError))


class Odd(BaseException):
    """An exception that only this test raises."""


@pytest.mark.parametrize("read_ahead", [0, 1, 3])
@pytest.mark.parametrize("kind", [Odd, KeyError, KeyboardInterrupt, SystemExit])
def test_an_exception_of_the_iterator_is_passed_on(kind, read_ahead):
    raised, epoch = kind("as it was told to"), iter(range(9))

    def batches():
        yield from cut(X, CODES)
        if next(epoch) == 2:
            raise raised
        yield from cut(X, CODES)

    error = refused(fitted(), batches, kind, classes=[0, 1, 2], read_ahead=read_ahead)
    assert error is raised


@pytest.mark.parametrize("read_ahead", [0, 1])
def test_an_epoch_without_batches_or_without_weight(read_ahead):
    ahead = {"read_ahead": read_ahead, "classes": [0, 1, 2]}
    for second, says in (
        ([], "no batch in epoch 2"),
        (cut(X, CODES, 0 * WEIGHTS), "sample_weight must not be zero for all rows"),
    ):
        epochs = iter([cut(X, CODES), second])
        refused(fitted(), lambda epochs=epochs: next(epochs), says=says, **ahead)


def test_options_that_need_all_rows_are_refused():
    batches = cut(X, CODES)
    assert not hasattr(MLPClassifier(solver="lbfgs"), "fit_batches")
    with pytest.raises(AttributeError, match="fit_batches"):
        _ = MLPRegressor(solver="lbfgs").fit_batches
    bound = (model := fitted()).fit_batches
    model.solver = "lbfgs"
    with pytest.raises(AttributeError, match="fit_batches needs a stochastic solver"):
        bound(batches)
    model = fitted().set_params(class_weight="balanced")
    refused(model, batches, says="balanced.*fit_batches.*compute_class_weight")
    model = fitted().set_params(early_stopping=True)
    refused(model, batches, says="fit_batches.*early_stopping=True.*X_val and y_val")
    refused(fitted(), batches, says="together", X_val=X)
    refused(fitted().set_params(alpha=-1), batches, says="alpha")
    model = fitted().set_params(warm_start=True)
    refused(model, batches, says="must be those of the first call", classes=[0, 1])
    refused(model, cut(X[:, :2], CODES), says="In batch 1 of epoch 1: .*2 features")


def test_divergence_is_reported_as_by_fit():
    params = PARAMS | {"solver": "sgd", "learning_rate_init": 1e200}
    with pytest.raises(ValueError, match="non-finite") as by_fit:
        MLPRegressor(**params).fit(X, VALUES)
    with pytest.raises(ValueError, match="non-finite") as by_batches:
        MLPRegressor(**params).fit_batches(cut(X, VALUES))
    assert str(by_batches.value) == str(by_fit.value)


# -------------------------------------------------------- everything else as in fit
def test_warnings_limits_and_messages_are_those_of_fit(capsys):
    params = PARAMS | {"max_time": 1e-9, "verbose": True}
    said = []
    for train in (
        lambda model: model.fit(X, VALUES),
        lambda model: model.fit_batches(cut(X, VALUES)),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = train(MLPRegressor(**params))
        assert model.n_iter_ == 1 and not model.stopped_
        assert {w.filename for w in caught} == {__file__}
        # With batches, the diagnosis uses rows of the first batch.
        words = [str(w.message).replace("all 64 rows", "all 300 rows") for w in caught]
        said.append([words, model.stopping_reason_])
        said[-1].append(capsys.readouterr().out)
    assert said[0] == said[1] and "max_time" in said[0][1] and said[0][2]
    assert any(w.category is ConvergenceWarning for w in caught)


def test_callbacks_see_the_epochs_and_the_first_batch():
    pytest.importorskip("sklearn.callback")

    class Seen:
        def __init__(self):
            self.sizes, self.left = [], 3

        def setup(self, estimator, context):
            pass

        teardown = setup

        def on_fit_task_begin(self, estimator, context, *, X=None, y=None, **kwargs):
            self.sizes.append((X.shape, y.shape))

        def on_fit_task_end(self, estimator, context, **kwargs):
            self.left -= 1
            return self.left == 0

    seen = Seen()
    model = MLPClassifier(**PARAMS).set_callbacks(seen)
    model.fit_batches(cut(X, NAMES), X_val=X, y_val=NAMES)
    assert set(seen.sizes) == {((64, 5), (64,))}
    assert model.stopping_reason_ == "a callback asked to stop"
    assert model.n_iter_ == len(model.validation_scores_) == 3


@pytest.mark.parametrize("read_ahead", [0, 1])
def test_settings_of_the_caller_hold_in_the_thread_that_reads(read_ahead):
    def batches():
        seen.append((sklearn.get_config()["assume_finite"], threading.get_ident()))
        return cut(X, VALUES)

    seen = []
    with sklearn.config_context(assume_finite=True):
        MLPRegressor(**PARAMS).fit_batches(batches, read_ahead=read_ahead)
    assert {finite for finite, _ in seen} == {True}
    here = {ident == threading.get_ident() for _, ident in seen}
    assert here == {read_ahead == 0}

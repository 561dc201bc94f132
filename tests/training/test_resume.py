"""A resumed fit, also in another process, has the bits of an uninterrupted one.

The other process has only the pickle and the data.
"""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import make_scorer, zero_one_loss
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, state_of, timeless

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
FAST = {"hidden_layer_sizes": (7,), "max_iter": 20, "random_state": 0}
FAST |= {"learning_rate_init": 0.01, "batch_size": 64}
STOP = {"early_stopping": True, "tol": 1e-3}
CASES = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "no_shuffle": {"shuffle": False},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.05,
        "n_iter_no_change": 1,
    },
    "early_stopping": STOP,
    "early_stopping_sgd": STOP | {"solver": "sgd", "learning_rate_init": 0.1},
    # The best weights at the interruption are not the last ones.
    "overshooting": STOP | {"learning_rate_init": 0.2, "n_iter_no_change": 20},
    "ends_by_itself": STOP | {"n_iter_no_change": 2, "max_iter": 200},
    "generator": {"random_state": np.random.RandomState(5)} | STOP,
    "scoring": STOP | {"scoring": "loss"},
    "dropout": STOP | {"dropout": 0.3, "input_dropout": 0.1},
    "schedule": {
        "solver": "adamw",
        "learning_rate": "exponential",
        "warmup_epochs": 9,
        "global_clipnorm": 0.5,
        "max_norm": 1.0,
    },
    "splitter": STOP | {"validation_fraction": ShuffleSplit(2, random_state=1)},
}


def make(case, **more):
    params = pickle.loads(pickle.dumps(FAST | CASES[case])) | more
    return MLPClassifier(**params)


def make_paused(model, epochs, *args, **kwargs):
    """Return a model trained for some epochs, with max_iter set to more."""
    max_iter = model.max_iter
    model.set_params(max_iter=epochs).fit(*args, **kwargs)
    assert model.n_iter_ == epochs and not model.stopped_
    return model.set_params(max_iter=max_iter)


def assert_same_fit(actual, expected):
    """Compare all but the user's generator, which a resumed fit does not draw from."""
    actual, expected = timeless(actual), timeless(expected)
    for state in (actual, expected):
        state.pop("random_state")
    assert actual.keys() == expected.keys()
    for name in actual:
        assert_state(actual[name], expected[name], name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_fit_has_the_bits_of_an_uninterrupted_one(case, dtype):
    table = X.astype(dtype)
    expected = make(case).fit(table, Y)
    assert expected.n_iter_ > 7
    paused = make_paused(make(case), 7, table, Y)
    paused = pickle.loads(pickle.dumps(paused))
    assert_same_fit(paused.fit(table, Y, resume=True), expected)
    assert paused.coefs_[0].dtype == dtype


ELSEWHERE = """
import pickle, sys
import numpy as np
from sklearn.datasets import load_digits
X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
jobs = pickle.load(sys.stdin.buffer)
for model, dtype, method, kwargs in jobs:
    getattr(model, method)(X.astype(dtype), Y, **kwargs)
sys.stdout.buffer.write(pickle.dumps([job[0] for job in jobs]))
"""


@pytest.mark.feature(
    "Resuming a fit in another process, with the same bits",
    use="model.set_params(max_iter=500).fit(X, y, resume=True)",
)
def test_another_process_resumes_to_the_same_bits():
    jobs, expected = [], []
    for case in ("sgd", "adam", "early_stopping", "overshooting"):
        for dtype in (np.float64, np.float32):
            table = X.astype(dtype)
            paused = make_paused(make(case), 7, table, Y)
            jobs.append((paused, dtype, "fit", {"resume": True}))
            expected.append(make(case).fit(table, Y))
            # partial_fit needs no more than the pickle.
            once = make(case, early_stopping=False)
            once.partial_fit(table, Y, classes=np.arange(10))
            jobs.append((once, dtype, "partial_fit", {}))
            twice = pickle.loads(pickle.dumps(once)).partial_fit(table, Y)
            expected.append(twice)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE],
        input=pickle.dumps(jobs),
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr.decode()
    for model, other in zip(pickle.loads(result.stdout), expected, strict=True):
        assert_same_fit(model, other)


@pytest.mark.parametrize("case", ["adam", "early_stopping"])
def test_any_number_of_interruptions_changes_no_bit(case):
    expected = make(case).fit(X, Y)
    model = make(case, max_iter=1).fit(X, Y)
    for max_iter in (1, 2, 5, 11, 20, 20):
        model.set_params(max_iter=max_iter).fit(X, Y, resume=True)
    assert_same_fit(model, expected)


def test_a_fit_stopped_by_max_time_can_be_resumed():
    """Twenty fits with time for one epoch each equal one fit of twenty epochs."""
    expected = make("early_stopping").fit(X, Y)
    model = make("early_stopping", max_time=1e-9).fit(X, Y)
    while not model.stopped_ and model.n_iter_ < expected.n_iter_:
        before = model.n_iter_
        model.fit(X, Y, resume=True)
        assert model.n_iter_ == before + 1
    assert_state(model.coefs_, expected.coefs_)
    assert model.loss_curve_ == expected.loss_curve_


def test_fits_with_validation_sets_weights_and_groups_can_be_resumed():
    weights = np.random.RandomState(0).uniform(0, 2, len(Y))
    splitter = GroupShuffleSplit(random_state=0)
    arguments = {"sample_weight": weights, "groups": np.arange(len(Y)) // 9}
    model = make("early_stopping", validation_fraction=splitter)
    expected = make("early_stopping", validation_fraction=splitter)
    paused = make_paused(model, 5, X, Y, **arguments)
    paused.fit(X, Y, resume=True, **arguments)
    assert_same_fit(paused, expected.fit(X, Y, **arguments))
    arguments = {"X_val": X[::3], "y_val": Y[::3], "sample_weight_val": weights[::3]}
    scoring = make_scorer(zero_one_loss, greater_is_better=False)
    model = make("early_stopping", scoring=scoring, class_weight="balanced")
    paused = make_paused(model, 5, X, Y, **arguments).fit(
        X, Y, resume=True, **arguments
    )
    expected = make("early_stopping", scoring=scoring, class_weight="balanced")
    expected.fit(X, Y, **arguments)
    assert paused.loss_curve_ == expected.loss_curve_
    assert_state(paused.coefs_, expected.coefs_)


def test_a_regressor_and_a_warm_start_can_be_resumed():
    params = FAST | {"warm_start": True}
    expected = MLPRegressor(**params).fit(X, Y).fit(X, Y)
    model = make_paused(MLPRegressor(**params).fit(X, Y), 7, X, Y)
    assert_same_fit(model.fit(X, Y, resume=True), expected)
    assert len(model.loss_curve_) == 40


def test_a_converged_fit_stays_stopped():
    model = make("ends_by_itself").fit(X, Y)
    before = state_of(model)
    assert model.fit(X, Y, resume=True) is model
    assert_state(vars(model), before)


def paused_by(change=None, case="early_stopping"):
    model = make_paused(make(case), 5, X, Y)
    if change is not None:
        change(model)
    return model


def test_fits_that_cannot_be_resumed_are_named():
    refusals = [
        (make("adam"), {}, "resume=True.*Got none"),
        (paused_by(lambda m: m.set_params(solver="lbfgs")), {}, "resume=True.*'lbfgs'"),
        (paused_by(lambda m: m.set_params(solver="sgd")), {}, "solver='adam'.*'sgd'"),
        (paused_by(lambda m: m.set_params(alpha=1.0)), {}, "alpha=0.0001.*alpha=1.0"),
        (
            paused_by(lambda m: m.partial_fit(X, Y), "adam"),
            {},
            "resume=True.*partial_fit",
        ),
        (paused_by(), {"X": X[:-1], "y": Y[:-1]}, "resume=True.*300 samples.*299"),
        (paused_by(), {"X": X[:, :-1]}, "63 features.*64 features"),
    ]
    for model, arguments, says in refusals:
        before = state_of(model)
        with pytest.raises(ValueError, match=says):
            model.fit(**{"X": X, "y": Y, "resume": True} | arguments)
        assert_state(vars(model), before)


def test_another_split_is_detected():
    """A splitter without a seed draws another split, which must be detected."""
    model = make("adam", **STOP, validation_fraction=ShuffleSplit(1))
    make_paused(model, 5, X, Y)
    with pytest.raises(ValueError, match="resume=True.*validation_fract.*random_state"):
        model.fit(X, Y, resume=True)


def test_a_given_validation_set_must_be_given_again():
    given = {"X_val": X[::3], "y_val": Y[::3]}
    model = make_paused(make("early_stopping"), 5, X, Y, **given)
    for other in ({}, {"X_val": X[1::3], "y_val": Y[1::3]}):
        with pytest.raises(ValueError, match="resume=True.*X_val"):
            model.fit(X, Y, resume=True, **other)
    model.fit(X, Y, resume=True, **given)
    assert model.n_iter_ > 5


def test_lbfgs_cannot_be_resumed():
    model = MLPClassifier(solver="lbfgs", max_iter=3).fit(X, Y)
    with pytest.raises(ValueError, match="resume=True.*'lbfgs'"):
        model.fit(X, Y, resume=True)
    model.set_params(solver="adam")
    with pytest.raises(ValueError, match="resume=True.*Got none"):
        model.fit(X, Y, resume=True)


def test_the_generator_of_the_user_is_not_used():
    generator = np.random.RandomState(5)
    model = make("adam", random_state=generator)
    make_paused(model, 5, X, Y)
    before = generator.get_state()
    model.fit(X, Y, resume=True)
    assert_state(generator.get_state(), before)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one_cycle"])
def test_a_schedule_with_a_horizon_keeps_it(schedule):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 3))
    y = X[:, 0]
    model = MLPRegressor(
        hidden_layer_sizes=(4,), learning_rate=schedule, max_iter=6, max_time=1e-9
    )
    model.fit(X, y)
    assert model.n_iter_ == 1
    model.set_params(max_iter=20, max_time=None)
    with pytest.raises(ValueError, match=f"max_iter=6.*learning_rate='{schedule}'"):
        model.fit(X, y, resume=True)
    model.set_params(max_iter=6).fit(X, y, resume=True)
    assert model.n_iter_ == 6

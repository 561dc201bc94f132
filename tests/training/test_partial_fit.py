"""Tests early stopping of partial_fit, and partial_fit with multilabel targets."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, state_of, timeless

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
HELD_OUT = {"X_val": X[300:], "y_val": Y[300:]}
CLASSES = np.arange(10)
PARAMS = {"hidden_layer_sizes": (8,), "random_state": 0, "learning_rate_init": 0.02}
STOP = PARAMS | {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e-3}


def loop(model, most=200, **held_out):
    """Run the loop of the docstring; return the number of calls."""
    for call in range(1, most + 1):
        model.partial_fit(X[:300], Y[:300], classes=CLASSES, **held_out)
        if model.stopped_:
            return call
    raise AssertionError(f"not stopped after {most} calls")


@pytest.mark.feature(
    "Early stopping in partial_fit",
    use="clf.partial_fit(X, y, X_val=X_val, y_val=y_val); clf.stopped_",
    requested="#25693",
)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_loop_stops_where_fit_does(solver):
    """Without shuffling, a call equals an epoch of fit, bit for bit."""
    params = STOP | {"solver": solver, "shuffle": False}
    model = MLPClassifier(**params)
    calls = loop(model, **HELD_OUT)
    fitted = MLPClassifier(max_iter=200, **params).fit(X[:300], Y[:300], **HELD_OUT)
    assert calls == fitted.n_iter_ < 200
    assert model.validation_scores_ == fitted.validation_scores_
    assert model.validation_loss_curve_ == fitted.validation_loss_curve_
    assert model.stopping_reason_ == fitted.stopping_reason_
    assert_state(model.coefs_, fitted.coefs_)
    score = model.score(HELD_OUT["X_val"], HELD_OUT["y_val"])
    assert score == model.best_validation_score_ == max(model.validation_scores_)


def test_once_stopped_more_calls_change_nothing_until_a_fit():
    model = MLPClassifier(max_iter=2, **STOP)
    loop(model, **HELD_OUT)
    before = state_of(model)
    for _ in range(3):
        assert model.partial_fit(X[:300], Y[:300], **HELD_OUT) is model
    assert_state(vars(model), before)
    model.set_params(early_stopping=False).partial_fit(X[:300], Y[:300])
    assert not np.array_equal(model.coefs_[0], before["coefs_"][0])
    model.set_params(early_stopping=True).fit(X, Y)
    assert not model.stopped_ and model.n_iter_ == 2


def test_after_a_fit_that_stopped_partial_fit_has_all_its_patience():
    model = MLPClassifier(max_iter=200, **STOP).fit(X[:300], Y[:300], **HELD_OUT)
    assert model.stopped_
    calls = loop(model, **HELD_OUT)
    assert calls > STOP["n_iter_no_change"]
    scores = model.validation_scores_
    assert len(scores) == len(model.loss_curve_) == model.history_["epoch"][-1]
    assert model.best_validation_score_ == max(scores)


def test_the_loop_continues_after_pickling():
    model = MLPClassifier(**STOP)
    travelled = MLPClassifier(**STOP)
    for _ in range(9):
        model.partial_fit(X[:300], Y[:300], classes=CLASSES, **HELD_OUT)
        travelled = pickle.loads(pickle.dumps(travelled))
        travelled.partial_fit(X[:300], Y[:300], classes=CLASSES, **HELD_OUT)
    assert_state(timeless(travelled), timeless(model))


def test_without_early_stopping_a_given_set_is_recorded_only():
    model, plain = MLPClassifier(**PARAMS), MLPClassifier(**PARAMS)
    for call in range(1, 4):
        model.partial_fit(X[:300], Y[:300], classes=CLASSES, **HELD_OUT)
        plain.partial_fit(X[:300], Y[:300], classes=CLASSES)
        assert len(model.validation_scores_) == call
    assert model.validation_scores_[-1] == model.score(X[300:], Y[300:])
    assert_state(model.coefs_, plain.coefs_)
    assert model.stopping_reason_ and not model.stopped_


def test_calls_without_a_set_keep_earlier_scores():
    model = MLPClassifier(**PARAMS)
    for call in range(6):
        held_out = HELD_OUT if call % 3 == 2 else {}
        model.partial_fit(X[:300], Y[:300], classes=CLASSES, **held_out)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 2
    column = np.array(model.history_["validation_loss"])
    assert_array_equal(np.isfinite(column), [False, False, True] * 2)
    assert column[[2, 5]].tolist() == model.validation_loss_curve_


def test_early_stopping_without_a_set_is_still_refused():
    with pytest.raises(ValueError, match="early_stopping=True.*X_val"):
        MLPClassifier(**STOP).partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(ValueError, match="early_stopping=True.*X_val"):
        MLPRegressor(**STOP).partial_fit(X, Y)


def test_a_regressor_stops_too():
    params = STOP | {"scoring": "loss"}
    model = MLPRegressor(**params)
    for _ in range(200):
        model.partial_fit(X[:300], Y[:300] / 10, X_val=X[300:], y_val=Y[300:] / 10)
        if model.stopped_:
            break
    assert model.stopped_
    loss = np.mean((model.predict(X[300:]) - Y[300:] / 10) ** 2) / 2
    assert_allclose(min(model.validation_loss_curve_), loss, rtol=1e-10)


# ------------------------------------------------------------------- several labels
X_ML, Y_ML = make_multilabel_classification(120, 6, n_classes=4, random_state=0)
X_ML = scale(X_ML)


@pytest.mark.feature(
    "partial_fit for multilabel targets",
    use="MLPClassifier().partial_fit(X, indicators)",
    requested="#12505",
)
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("classes", [None, np.arange(4), [0, 1, 2, 3]])
def test_batches_of_multilabel_targets(container, classes):
    """Compare with one classifier per label: a network without hidden layers splits."""
    params = {"solver": "sgd", "hidden_layer_sizes": (), "momentum": 0, "alpha": 0}
    params |= {"shuffle": False, "batch_size": 40, "random_state": 0}
    model = MLPClassifier(**params)
    singles = [MLPClassifier(**params) for _ in range(4)]
    # All start from zero, since the draws of the initial weights differ.
    for epoch in range(6):
        rows = slice(40 * (epoch % 3), 40 * (epoch % 3 + 1))
        y = Y_ML[rows].copy()
        if epoch == 0:
            y[:, 1] = 0  # a label that is absent from the first batch
        model.partial_fit(X_ML[rows], container(y), classes=classes)
        for label, single in enumerate(singles):
            single.partial_fit(X_ML[rows], y[:, label], classes=[0, 1])
        if epoch == 0:
            for network in (model, *singles):
                for array in network.coefs_ + network.intercepts_:
                    array[...] = 0
    assert_array_equal(model.classes_, np.arange(4))
    expected = np.column_stack([s.predict_proba(X_ML)[:, 1] for s in singles])
    assert_allclose(model.predict_proba(X_ML), expected, rtol=1e-12)
    assert not np.allclose(expected, 0.5)


@pytest.mark.parametrize("classes", [["a", "b", "c", "d"], [0, 1], np.arange(5)])
def test_classes_other_than_the_columns_are_named(classes):
    with pytest.raises(ValueError, match=r"classes.*\[0, 1, 2, 3\]"):
        MLPClassifier().partial_fit(X_ML, Y_ML, classes=classes)


def test_other_columns_later_are_refused():
    model = MLPClassifier(**PARAMS).partial_fit(X_ML, Y_ML)
    with pytest.raises(ValueError, match="4 output"):
        model.partial_fit(X_ML, Y_ML[:, :3])
    with pytest.raises(ValueError, match="one column|output|classes"):
        model.partial_fit(X_ML, Y_ML[:, 0])


def test_one_column_still_needs_its_classes():
    X_iris, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X_iris, y)

"""Early stopping decides by the score of the parameter scoring."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, state_of

X, CODES = load_breast_cancer(return_X_y=True)
X = scale(X)[:200]
WORDS = np.array(["malignant", "benign"])[CODES[:200]]
X_REG, Y_REG = (scale(part)[:200] for part in load_diabetes(return_X_y=True))
STOP = {"hidden_layer_sizes": (5,), "max_iter": 15, "random_state": 0}
STOP |= {"early_stopping": True, "validation_fraction": 0.25}
WEIGHTS = np.random.RandomState(0).uniform(0, 2, 200)


def fit(scoring, weights=None, **params):
    return MLPClassifier(scoring=scoring, **STOP | params).fit(X, WORDS, weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_default_score_by_its_name_is_the_default(weights):
    for name, make, y in (
        ("accuracy", MLPClassifier, WORDS),
        ("r2", MLPRegressor, Y_REG),
    ):
        default = make(**STOP).fit(X, y, weights)
        named = make(scoring=name, **STOP).fit(X, y, weights)
        assert_allclose(named.validation_scores_, default.validation_scores_)
        assert_state(named.coefs_, default.coefs_)
        assert named.validation_loss_curve_ == default.validation_loss_curve_


@pytest.mark.feature(
    "Early stopping by the loss or any scorer",
    use="MLPClassifier(early_stopping=True, scoring='roc_auc')",
    requested="#24411",
)
@pytest.mark.parametrize("scoring", ["roc_auc", "f1_macro", "neg_log_loss"])
def test_a_scorer_sees_the_model_as_it_is_in_that_epoch(scoring):
    """A fit of k epochs gives the model that a longer fit scored in epoch k."""
    train, held_out = np.arange(120), np.arange(120, 200)
    longer = fit(scoring, validation_fraction=[(train, held_out)], tol=0)
    for k in (1, 4, 9):
        shorter = MLPClassifier(**STOP | {"max_iter": k, "early_stopping": False})
        shorter.fit(X[train], WORDS[train])
        expected = get_scorer(scoring)(shorter, X[held_out], WORDS[held_out])
        assert longer.validation_scores_[k - 1] == pytest.approx(expected, rel=1e-12)


def test_the_loss_as_score_restores_the_weights_of_the_smallest_loss():
    params = {"learning_rate_init": 0.3, "max_iter": 60, "n_iter_no_change": 5}
    train, held_out = np.arange(60), np.arange(60, 200)
    params["validation_fraction"] = [(train, held_out)]
    model = fit("loss", **params)
    assert model.validation_scores_ == [-loss for loss in model.validation_loss_curve_]
    best = min(model.validation_loss_curve_)
    assert best == -model.best_validation_score_ < model.validation_loss_curve_[-1]
    proba = model.predict_proba(X[held_out])
    expected = log_loss(WORDS[held_out], proba, labels=model.classes_)
    assert_allclose(best, expected, rtol=1e-9)
    assert model.stopped_
    assert "Validation score" in model.stopping_reason_


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_callable_gets_rows_as_they_were_passed():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X).rename(columns=str)
    frame.index = [f"row {i}" for i in range(200)]
    calls = []

    def scoring(estimator, X_val, y_val):
        assert isinstance(X_val, pd.DataFrame)
        assert set(y_val) <= set(WORDS)
        assert_allclose(estimator.predict_proba(X_val).sum(axis=1), 1)
        positions = [int(name.split()[1]) for name in X_val.index]
        assert (WORDS[positions] == y_val).all()
        calls.append(estimator.n_iter_)
        return np.float32(estimator.score(X_val, y_val))

    model = MLPClassifier(scoring=scoring, **STOP).fit(frame, WORDS)
    assert calls == list(range(1, model.n_iter_ + 1))
    assert model.validation_scores_ == pytest.approx(
        MLPClassifier(**STOP).fit(X, WORDS).validation_scores_, rel=1e-6
    )
    model = MLPClassifier(scoring=scoring, **STOP | {"early_stopping": False})
    with pytest.raises(AssertionError):  # a given set is passed on unchanged, too
        model.fit(frame, WORDS, X_val=X[:50], y_val=WORDS[:50])


def test_weights_go_to_scorers_that_take_them():
    seen = []

    def metric(y_true, y_pred, sample_weight=None):
        seen.append(sample_weight)
        return 0.5

    def without(y_true, y_pred):
        return 0.5

    fit(make_scorer(metric), WEIGHTS)
    assert all(len(weights) == 50 for weights in seen)
    assert set(seen[0]) <= set(WEIGHTS)
    fit(make_scorer(without), WEIGHTS)
    fit(lambda estimator, X, y, sample_weight: sample_weight.sum(), WEIGHTS)
    fit(lambda estimator, X, y: 0.5, WEIGHTS)


def test_a_scorer_without_a_signature_gets_no_weights():
    assert MLPClassifier(scoring=max, max_iter=2).fit(X, WORDS).n_iter_ == 2
    with pytest.raises(TypeError, match="not supported between"):  # of max itself
        fit(max, WEIGHTS)


@pytest.mark.parametrize(
    ("score", "says"),
    [
        (np.nan, "NaN.*scoring"),
        ("high", "scoring.*number.*'high'"),
        (None, "scoring.*number.*None"),
        ([0.5], "scoring.*number"),
    ],
)
def test_an_invalid_score_is_refused(score, says):
    model = MLPClassifier(**STOP).fit(X, WORDS)
    model.set_params(scoring=lambda estimator, X, y: score)
    before = state_of(model)
    with pytest.raises(ValueError, match=says):
        model.fit(X, WORDS)
    assert_state(vars(model), before)


def test_a_scorer_that_raises_leaves_the_estimator_as_it_was():
    model = MLPClassifier(**STOP).fit(X, WORDS)

    def scoring(estimator, X, y):
        if estimator.n_iter_ == 3:
            raise RuntimeError("the third time is one too many")
        return 0

    model.set_params(scoring=scoring, warm_start=True)
    before = state_of(model)
    with pytest.raises(RuntimeError, match="third time"):
        model.fit(X, WORDS)
    assert_state(vars(model), before)


def test_a_search_tries_scores():
    grid = {"scoring": [None, "loss", "roc_auc", make_scorer(log_loss)]}
    search = GridSearchCV(MLPClassifier(**STOP), grid, cv=2)
    assert np.isfinite(search.fit(X, WORDS == "benign").best_score_)
    model = MLPRegressor(scoring="neg_mean_absolute_error", **STOP)
    assert np.isfinite(cross_val_score(model, X_REG, Y_REG, cv=2)).all()

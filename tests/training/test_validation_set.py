"""A validation set decides in the same way, whether it is given or split off."""

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler, scale

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, state_of

ESTIMATORS = ("MLPClassifier", "MLPRegressor")
FAST = {"hidden_layer_sizes": (6,), "max_iter": 12, "random_state": 0}
STOP = FAST | {"early_stopping": True, "learning_rate_init": 0.01}


def make_data(name):
    load = load_iris if name == "MLPClassifier" else load_diabetes
    X, y = load(return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(y))[:150]
    return scale(X)[rows], y[rows] if name == "MLPClassifier" else scale(y)[rows]


def make(name, params, **more):
    return getattr(pybackprop, name)(**params | more)


def halves(n_samples):
    rows = np.random.RandomState(1).permutation(n_samples)
    return rows[n_samples // 3 :], rows[: n_samples // 3]


def assert_same_training(model, other):
    for name in ("coefs_", "loss_curve_", "validation_scores_", "n_iter_"):
        assert_state(getattr(model, name), getattr(other, name), name)
    assert model.validation_loss_curve_ == other.validation_loss_curve_


# -------------------------------------------------------------------- a given set
@pytest.mark.feature(
    "Your own validation set",
    use="model.fit(X, y, X_val=X_val, y_val=y_val)",
    requested="#18748",
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_rows_of_a_split_give_the_same_run_when_they_are_given(
    name, dtype, weighted
):
    X, y = make_data(name)
    X = X.astype(dtype)
    weights = np.random.RandomState(2).uniform(0.5, 2, len(y)) if weighted else None
    train, held_out = halves(len(y))
    split = make(name, STOP, validation_fraction=[(train, held_out)])
    split.fit(X, y, weights)
    given = make(name, STOP).fit(
        X[train],
        y[train],
        weights[train] if weighted else None,
        X_val=X[held_out],
        y_val=y[held_out],
        sample_weight_val=weights[held_out] if weighted else None,
    )
    assert_same_training(given, split)
    assert given.coefs_[0].dtype == dtype


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_without_early_stopping_a_given_set_is_recorded_and_changes_nothing(
    name, solver
):
    X, y = make_data(name)
    train, held_out = halves(len(y))
    plain = make(name, FAST, solver=solver).fit(X[train], y[train])
    model = make(name, FAST, solver=solver)
    model.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    assert_state(model.coefs_, plain.coefs_)
    assert model.loss_curve_ == plain.loss_curve_
    assert len(model.validation_scores_) == len(model.loss_curve_)
    # After the last epoch, the score is that of the fitted weights.
    score = model.score(X[held_out], y[held_out])
    assert model.validation_scores_[-1] == pytest.approx(score, rel=1e-12)
    assert plain.validation_loss_curve_ is plain.validation_scores_ is None


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "log_loss", "labels"])
def test_the_validation_loss_is_the_mean_loss_without_penalty(loss):
    X, y = make_data("MLPClassifier")
    train, held_out = halves(len(y))
    weights = np.random.RandomState(2).uniform(0, 2, len(held_out))
    if loss in ("squared_error", "poisson"):
        y = np.column_stack([y, 2 * y + 1]).astype(float)
        model = MLPRegressor(loss, alpha=3, **FAST)
    else:
        y = np.eye(3, dtype=int)[y] if loss == "labels" else y
        model = MLPClassifier(alpha=3, **FAST)
    model.fit(
        X[train],
        y[train],
        X_val=X[held_out],
        y_val=y[held_out],
        sample_weight_val=weights,
    )
    y = y[held_out]
    if loss == "squared_error":
        losses = ((model.predict(X[held_out]) - y) ** 2).sum(axis=1) / 2
    elif loss == "poisson":
        y_pred = model.predict(X[held_out])
        y_log = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / y_pred), 0)
        losses = (y_log - y + y_pred).sum(axis=1)
    elif loss == "log_loss":
        losses = -model.predict_log_proba(X[held_out])[np.arange(len(y)), y]
    else:
        p = model.predict_proba(X[held_out])
        losses = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    expected = np.average(losses, weights=weights)
    assert_allclose(model.validation_loss_curve_[-1], expected, rtol=1e-10)


@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_a_sparse_set_has_the_same_losses(container):
    X, y = make_data("MLPClassifier")
    dense = make("MLPClassifier", STOP).fit(X, y, X_val=X[::4], y_val=y[::4])
    model = make("MLPClassifier", STOP)
    model.fit(container(X), y, X_val=container(X[::4]), y_val=y[::4])
    assert_allclose(model.validation_loss_curve_, dense.validation_loss_curve_)


def test_the_best_weights_are_restored():
    """With a large learning rate, the last epochs are worse than the best."""
    X, y = make_data("MLPClassifier")
    train, held_out = halves(len(y))
    model = make("MLPClassifier", STOP, learning_rate_init=0.3, max_iter=40, tol=0)
    model.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    scores = model.validation_scores_
    assert max(scores) == model.best_validation_score_ > scores[-1]
    assert model.score(X[held_out], y[held_out]) == max(scores)


def test_names_of_features_must_be_those_of_the_fit():
    pd = pytest.importorskip("pandas")
    X, y = make_data("MLPClassifier")
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = make("MLPClassifier", FAST).fit(frame, y, X_val=frame[::3], y_val=y[::3])
    assert len(model.validation_scores_) == 12
    with pytest.raises(ValueError, match="(?s)X_val.*feature names"):
        model.fit(frame, y, X_val=frame[list("dcba")], y_val=y)
    with pytest.warns(UserWarning, match="feature names"):
        model.fit(frame, y, X_val=X, y_val=y)


# --------------------------------------------------------------- through pipelines
def test_a_pipeline_transforms_the_validation_set():
    X, y = make_data("MLPClassifier")
    X = 100 * X + 7
    train, held_out = halves(len(y))
    arguments = {"X_val": X[held_out], "y_val": y[held_out]}
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(**STOP).set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("mlp", model)]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(X[train], y[train], **arguments)
    scaler = StandardScaler().fit(X[train])
    expected = MLPClassifier(**STOP).fit(
        scaler.transform(X[train]),
        y[train],
        X_val=scaler.transform(X[held_out]),
        y_val=y[held_out],
    )
    assert_same_training(pipeline[1], expected)


def test_without_routing_a_step_is_named():
    X, y = make_data("MLPClassifier")
    pipeline = Pipeline([("mlp", MLPClassifier(**STOP))])
    pipeline.fit(X, y, mlp__X_val=X[::3], mlp__y_val=y[::3])
    expected = MLPClassifier(**STOP).fit(X, y, X_val=X[::3], y_val=y[::3])
    assert_same_training(pipeline[0], expected)


# ------------------------------------------------------------------------ splitters
GROUPS = np.arange(150) // 10
SPLITTERS = {
    "groups": GroupShuffleSplit(n_splits=2, test_size=0.3, random_state=3),
    "time": TimeSeriesSplit(n_splits=4),
    "folds": KFold(3),
    "strata": StratifiedKFold(3),
    "predefined": PredefinedSplit(np.where(np.arange(150) < 100, -1, 0)),
}


@pytest.mark.feature(
    "Validation split by groups, by time or by any splitter",
    use="MLPClassifier(early_stopping=True, validation_fraction=TimeSeriesSplit())",
)
@pytest.mark.parametrize("splitter", SPLITTERS)
def test_a_splitter_holds_its_last_fold_out(splitter):
    X, y = make_data("MLPClassifier")
    splitter = SPLITTERS[splitter]
    model = MLPClassifier(**STOP, validation_fraction=splitter)
    grouped = isinstance(splitter, GroupShuffleSplit)
    model.fit(X, y, groups=GROUPS if grouped else None)
    train, held_out = list(splitter.split(X, y, GROUPS if grouped else None))[-1]
    expected = MLPClassifier(**STOP)
    expected.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    assert_same_training(model, expected)


def test_a_search_tries_splitters():
    X, y = make_data("MLPClassifier")
    grid = {"validation_fraction": [0.2, KFold(3), [halves(75)]]}
    search = GridSearchCV(MLPClassifier(**STOP), grid, cv=StratifiedKFold(2)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    clone(search.best_estimator_).fit(X[:75], y[:75])


def test_groups_are_routed():
    X, y = make_data("MLPClassifier")
    params = STOP | {"validation_fraction": SPLITTERS["groups"]}
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(**params).set_fit_request(groups=True)
        pipeline = Pipeline([("mlp", model)]).fit(X, y, groups=GROUPS)
    assert_same_training(pipeline[0], MLPClassifier(**params).fit(X, y, groups=GROUPS))


# ------------------------------------------------------------------------- errors
A = np.arange(100)
PAIRS = {
    "beyond": ((A, [150]), r"validation rows.*from 0 to 149.*150"),
    "negative": ((A, [-1, 120]), "validation rows.*-1"),
    "shared": ((A, [99, 100, 101]), "disjoint.*row 99"),
    "empty": (([], [1, 2]), "training rows.*non-empty"),
    "masks": ((np.arange(150) < 100, np.arange(150) >= 100), "training rows.*bool"),
    "floats": ((A, [100.0, 101.0]), "validation rows.*float64"),
    "two_dimensional": ((A, [[100, 101]]), "validation rows.*one-dimensional"),
    "one": ((A, [100]), "too small"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_invalid_validation_rows_are_named(pair):
    X, y = make_data("MLPClassifier")
    pair, says = PAIRS[pair]
    with pytest.raises(ValueError, match=says):
        MLPClassifier(**STOP, validation_fraction=[pair]).fit(X, y)


class Empty:
    """A splitter without any split."""

    def split(self, X, y=None, groups=None):
        return iter(())


def refusals():
    X, y = make_data("MLPClassifier")
    grouped = {"validation_fraction": SPLITTERS["groups"], "early_stopping": True}
    held_out = {"X_val": X[:9], "y_val": y[:9]}
    yield {}, {"X_val": X}, "X_val and y_val.*X_val without y_val"
    yield {}, {"y_val": y}, "X_val and y_val.*y_val without X_val"
    yield {}, {"sample_weight_val": y}, "sample_weight_val without X_val"
    yield {}, held_out | {"y_val": y}, "X_val.*inconsistent"
    yield {}, held_out | {"X_val": X[:9, :3]}, "X_val.*3 features.*4 features"
    yield {}, held_out | {"X_val": X[:9] * np.nan}, "X_val.*NaN"
    yield {}, held_out | {"y_val": y[:9] + 5}, r"y_val.*\[0 1 2\].*\[5"
    yield {}, held_out | {"y_val": np.eye(9)}, "y_val"
    weights = {"sample_weight_val": np.ones(8)}
    yield {}, held_out | weights, r"sample_weight_val.*\(9,\).*\(8,\)"
    weights = {"sample_weight_val": -np.ones(9)}
    yield {}, held_out | weights, "sample_weight_val.*>= 0"
    yield {}, {"groups": GROUPS}, "groups.*validation_fraction=0.1"
    yield grouped | {"early_stopping": False}, {"groups": GROUPS}, "groups.*early_stop"
    yield grouped | {"solver": "lbfgs"}, {"groups": GROUPS}, "groups.*solver='lbfgs'"
    yield grouped, held_out | {"groups": GROUPS}, "groups and X_val"
    yield grouped, {"groups": GROUPS[1:]}, "groups.*150 samples.*149"
    yield grouped, {}, "groups"
    empty = grouped | {"validation_fraction": Empty()}
    yield empty, {}, "validation_fraction.*pairs"


@pytest.mark.parametrize(("params", "arguments", "says"), list(refusals()))
def test_arguments_that_clash_are_named_before_any_work(params, arguments, says):
    X, y = make_data("MLPClassifier")
    model = MLPClassifier(**FAST).fit(X, y).set_params(**params)
    before = state_of(model)
    with pytest.raises(ValueError, match=says):
        model.fit(X, y, **arguments)
    assert_state(vars(model), before)


@pytest.mark.parametrize(
    ("y_val", "says"), [(np.ones((9, 2)), "output"), (-np.ones(9), "y_val.*poisson")]
)
def test_targets_of_a_validation_set_must_be_in_the_domain_of_the_loss(y_val, says):
    X, y = make_data("MLPRegressor")
    with pytest.raises(ValueError, match=says):
        MLPRegressor("poisson", **FAST).fit(X, y - y.min(), X_val=X[:9], y_val=y_val)

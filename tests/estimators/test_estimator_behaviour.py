"""The estimators work wherever scikit-learn's do, after a change of the import."""

import copy
import pickle
import warnings
from unittest import mock

import joblib
import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import AdaBoostRegressor, BaggingClassifier, VotingRegressor
from sklearn.exceptions import DataConversionWarning
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor
from support.both_packages import ESTIMATORS, FAST, PACKAGES, SOLVERS, bits, make_data
from support.reference import assert_state, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -------------------------------------------------------------------- round trips
def through_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


ROUND_TRIPS = {
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "pickle_2": lambda model, _: pickle.loads(pickle.dumps(model, protocol=2)),
    "joblib": through_joblib,
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_training_continues_after_a_round_trip(name, solver, round_trip, tmp_path):
    X, y = make_data(name)
    params = FAST | {"random_state": np.random.RandomState(0), "warm_start": True}
    params |= {"learning_rate": "invscaling"}
    model = getattr(pybackprop, name)(solver=solver, **params).fit(X, y)
    for _ in range(2):
        model.partial_fit(X, y)
    other = ROUND_TRIPS[round_trip](model, tmp_path)
    assert_state(vars(other), vars(model))
    assert bits(other, X) == bits(model, X)
    before = bits(model, X)
    for method in ("partial_fit", "partial_fit", "fit", "partial_fit"):
        getattr(other, method)(X, y)
        assert bits(model, X) == before
    for method in ("partial_fit", "partial_fit", "fit", "partial_fit"):
        getattr(model, method)(X, y)
    assert bits(other, X) == bits(model, X) != before
    assert other.loss_curve_ == model.loss_curve_


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_lbfgs_continues_after_a_round_trip(name, round_trip, tmp_path):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(solver="lbfgs", warm_start=True, **FAST).fit(X, y)
    other = ROUND_TRIPS[round_trip](model, tmp_path)
    assert bits(other, X) == bits(model, X)
    assert bits(other.fit(X, y), X) == bits(model.fit(X, y), X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_unfitted_estimator_can_be_stored(name, tmp_path):
    for round_trip in ROUND_TRIPS.values():
        model = getattr(pybackprop, name)(**FAST)
        assert vars(round_trip(model, tmp_path)) == vars(model)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_predicting_changes_nothing(name):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(**FAST).fit(X, y)
    before = state_of(model)
    bits(model, X)
    model.score(X, y)
    assert_state(vars(model), before)


# ----------------------------------------------------------- in other estimators
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_pipeline_scores_as_with_scikit_learns(name):
    X, y = make_data(name)
    ours, theirs = (
        cross_val_score(
            make_pipeline(StandardScaler(), getattr(package, name)(**FAST)), X, y, cv=3
        )
        for package in PACKAGES
    )
    assert_allclose(ours, theirs, rtol=1e-9)


GRID = {
    "hidden_layer_sizes": [(), (5,), (4, 3)],
    "alpha": [0.01, 1],
    "activation": ["tanh", "relu"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_grid_search_with_two_workers(name):
    X, y = make_data(name)
    scores = []
    for package, n_jobs in zip(PACKAGES, (2, None), strict=True):
        model = getattr(package, name)(max_iter=5, random_state=0)
        search = GridSearchCV(model, GRID, cv=2, n_jobs=n_jobs).fit(X, y)
        scores.append(search.cv_results_["mean_test_score"])
        assert isinstance(search.best_estimator_, getattr(package, name))
        assert search.predict(X).shape == y.shape
    assert_allclose(*scores, rtol=1e-9)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_tools_that_inspect_an_estimator(name):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(**FAST)
    importances = permutation_importance(model.fit(X, y), X, y, n_repeats=2)
    assert importances.importances_mean.shape == (X.shape[1],)
    _, train_scores, _ = learning_curve(
        model, X, y, cv=3, train_sizes=[0.5, 1.0], exploit_incremental_learning=True
    )
    assert train_scores.shape == (2, 3)


class ScikitLearnWithLogits(neural_network.MLPClassifier):
    def decision_function(self, X):
        *hidden, output = zip(self.coefs_, self.intercepts_, strict=True)
        for coef, intercept in hidden:
            X = np.maximum(X @ coef + intercept, 0)
        return X @ output[0] + output[1]


WEIGHTED = {
    "bagging": lambda p: BaggingClassifier(
        p.MLPClassifier(**FAST), n_estimators=3, random_state=0
    ),
    "calibration": lambda p: CalibratedClassifierCV(p.MLPClassifier(**FAST), cv=3),
    "boosting": lambda p: AdaBoostRegressor(
        p.MLPRegressor(**FAST), n_estimators=3, random_state=0
    ),
    "outputs": lambda p: MultiOutputRegressor(p.MLPRegressor(**FAST)),
    "voting": lambda p: VotingRegressor([("mlp", p.MLPRegressor(**FAST))]),
    "target": lambda p: TransformedTargetRegressor(p.MLPRegressor(**FAST)),
}


@pytest.mark.parametrize("meta", WEIGHTED)
def test_sample_weight_goes_through_meta_estimators(meta):
    classifies = meta in ("bagging", "calibration")
    X, y = make_data("MLPClassifier" if classifies else "MLPRegressor")
    if meta == "outputs":
        y = np.column_stack([y, -y])
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y))
    packages = PACKAGES
    if meta == "calibration":  # the scorer prefers logits if available
        packages = pybackprop, mock.Mock(MLPClassifier=ScikitLearnWithLogits)
    ours, theirs = (
        WEIGHTED[meta](package).fit(X, y, sample_weight=weights) for package in packages
    )
    unweighted = WEIGHTED[meta](pybackprop).fit(X, y)
    method = "predict_proba" if classifies else "predict"
    actual = getattr(ours, method)(X)
    assert_allclose(actual, getattr(theirs, method)(X), rtol=1e-7, atol=1e-9)
    assert not np.allclose(actual, getattr(unweighted, method)(X))


def test_one_vs_rest():
    X, y = make_data()
    ours, theirs = (
        OneVsRestClassifier(package.MLPClassifier(**FAST)).fit(X, y)
        for package in PACKAGES
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights_are_routed_where_they_are_requested(name):
    X, y = make_data(name)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = getattr(pybackprop, name)(**FAST)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            make_pipeline(model).fit(X, y, sample_weight=weights)
        model.set_fit_request(sample_weight=True)
        model.set_partial_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler(), model)
        pipeline[0].set_fit_request(sample_weight=False)
        scorer = get_scorer("accuracy" if name == "MLPClassifier" else "r2")
        scorer.set_score_request(sample_weight=True)
        grid = {name.lower() + "__alpha": [0.1]}
        search = GridSearchCV(pipeline, grid, cv=2, scoring=scorer)
        search.fit(X, y, sample_weight=weights)
    expected = getattr(pybackprop, name)(alpha=0.1, **FAST)
    expected.fit(StandardScaler().fit_transform(X), y, weights)
    assert bits(search.best_estimator_[1], X) == bits(expected, X)


# ------------------------------------------------------------------------- labels
def make_labels():
    codes = make_data()[1]
    binary = codes % 2
    words = np.array(["setosa", "versicolor", "virginica"])
    yield "str", words[codes]
    yield "object", words.astype(object)[codes]
    yield "bool", binary.astype(bool)
    yield "negative", np.array([-5, -1, 3])[codes]
    yield "minus_one_one", 2 * binary - 1
    yield "int8", codes.astype(np.int8)
    yield "uint64", codes.astype(np.uint64) + 7
    yield "float", codes.astype(float)
    yield "list", words[codes].tolist()
    yield "column", codes[:, np.newaxis]


LABELS = dict(make_labels())


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_labels_of_any_type_come_back(labels, early_stopping):
    X, y = make_data()[0], LABELS[labels]
    params = FAST | {"learning_rate_init": 0.05}
    model = MLPClassifier(early_stopping=early_stopping, **params).fit(X, y)
    theirs = neural_network.MLPClassifier(**params).fit(X, y)
    assert_array_equal(model.classes_, theirs.classes_)
    assert model.classes_.dtype == theirs.classes_.dtype
    predicted = model.predict(X)
    assert predicted.dtype == theirs.predict(X).dtype
    assert np.mean(predicted == np.ravel(y)) > 0.6
    assert model.score(X, y) == np.mean(predicted == np.ravel(y))
    if not early_stopping:
        assert_array_equal(predicted, theirs.predict(X))


def through_pandas(y, kind):
    pd = pytest.importorskip("pandas")
    return pd.Series(y, dtype=kind)


@pytest.mark.parametrize("kind", ["category", "string", "object"])
def test_labels_in_a_pandas_series(kind):
    X, y = make_data()[0], LABELS["object"]
    model = MLPClassifier(**FAST).fit(X, through_pandas(y, kind))
    expected = MLPClassifier(**FAST).fit(X, y)
    assert_array_equal(model.predict(X), expected.predict(X))
    assert_array_equal(model.classes_, expected.classes_)


def test_labels_in_a_polars_series():
    pl = pytest.importorskip("polars")
    X = make_data()[0]
    for labels in ("str", "int8", "bool"):
        model = MLPClassifier(**FAST).fit(X, pl.Series(LABELS[labels]))
        expected = MLPClassifier(**FAST).fit(X, LABELS[labels])
        assert_array_equal(model.predict(X), expected.predict(X))


def test_classes_given_to_partial_fit_may_be_more_than_are_seen():
    X, y = make_data()
    words = np.array(["a", "b", "c", "never"])
    ours, theirs = (
        package.MLPClassifier(**FAST).partial_fit(X, words[y], classes=words)
        for package in PACKAGES
    )
    assert_array_equal(ours.classes_, words)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
    assert ours.predict_proba(X).shape == (len(y), 4)


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_classes_given_to_partial_fit_may_be_any_sequence_in_any_order(container):
    X, y = make_data()
    words = ["versicolor", "virginica", "setosa"]
    classes = container(words)
    model = MLPClassifier(**FAST).partial_fit(X, np.array(words)[y], classes=classes)
    assert_array_equal(model.classes_, sorted(words))
    assert set(model.predict(X)) <= set(words)
    model.partial_fit(X, np.array(words)[y], classes=classes)


@pytest.mark.parametrize("solver", SOLVERS)
def test_multilabel_targets_may_be_sparse(solver):
    X, y = make_data()
    indicators = np.column_stack([y == 0, y > 0, y == 2]).astype(int)
    params = FAST | {"solver": solver}
    dense = MLPClassifier(**params).fit(X, indicators)
    for container in (scipy.sparse.csr_matrix, scipy.sparse.csc_matrix):
        ours, theirs = (
            package.MLPClassifier(**params).fit(X, container(indicators))
            for package in PACKAGES
        )
        expected, predicted = theirs.predict(X), ours.predict(X)
        assert scipy.sparse.issparse(predicted) == scipy.sparse.issparse(expected)
        assert_array_equal(
            predicted.toarray() if scipy.sparse.issparse(predicted) else predicted,
            expected.toarray() if scipy.sparse.issparse(expected) else expected,
        )
        assert_array_equal(ours.predict_proba(X), dense.predict_proba(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_target_of_one_column_is_taken_with_a_warning(name):
    X, y = make_data(name)
    flat = getattr(pybackprop, name)(**FAST).fit(X, y)
    with pytest.warns(DataConversionWarning):
        column = getattr(pybackprop, name)(**FAST).fit(X, y[:, np.newaxis])
    assert bits(flat, X) == bits(column, X)
    assert column.predict(X).shape == y.shape


def test_regression_targets_of_any_number_type():
    X = make_data("MLPRegressor")[0]
    y = np.arange(len(X)) % 7
    expected = bits(MLPRegressor(**FAST).fit(X, y.astype(float)), X)
    for other in (y, y.astype(np.int8), y.astype(np.float32), y.tolist()):
        assert bits(MLPRegressor(**FAST).fit(X, other), X) == expected


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, object])
def test_inputs_of_any_number_type(dtype):
    X, y = make_data()
    X = (X > 0).astype(dtype)
    ours, theirs = (package.MLPClassifier(**FAST).fit(X, y) for package in PACKAGES)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert ours.coefs_[0].dtype == theirs.coefs_[0].dtype == np.float64


# -------------------------------------------------------------------- data frames
def make_frame(library, X, names):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip(f"this scikit-learn does not read the names of {library} frames")
    return frame


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_data_frames_keep_their_names(name, library):
    X, y = make_data(name)
    names = [f"feature {i}" for i in range(X.shape[1])]
    frame = make_frame(library, X, names)
    model = getattr(pybackprop, name)(early_stopping=True, **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        model.fit(frame, y)
        answers = bits(model, frame)
    assert_array_equal(model.feature_names_in_, np.array(names, dtype=object))
    assert model.feature_names_in_.dtype == object
    with pytest.warns(UserWarning, match="feature names"):
        assert bits(model, X) == answers
    with pytest.raises(ValueError, match="feature names"):
        model.predict(make_frame(library, X, names[::-1]))
    without = getattr(pybackprop, name)(early_stopping=True, **FAST).fit(X, y)
    assert not hasattr(without, "feature_names_in_")
    assert bits(without, X) == answers
    with pytest.warns(UserWarning, match="feature names"):
        without.predict(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_pipeline_of_data_frames(library):
    X, y = make_data("MLPRegressor")
    names = [f"x{i}" for i in range(X.shape[1])]
    model = make_pipeline(StandardScaler(), MLPRegressor(**FAST))
    model.set_output(transform=library)
    model.fit(make_frame(library, X, names), y)
    assert_array_equal(model[-1].feature_names_in_, names)
    assert model.predict(make_frame(library, X, names)).shape == y.shape


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_targets_and_weights_in_data_frames(library):
    frames = pytest.importorskip(library)
    X, y = make_data("MLPRegressor")
    weights = np.linspace(0.5, 2, len(y))
    expected = MLPRegressor(**FAST).fit(X, y, weights)
    model = MLPRegressor(**FAST).fit(X, frames.Series(y), frames.Series(weights))
    assert bits(model, X) == bits(expected, X)
    two = frames.DataFrame({"y": y, "minus y": -y})
    model = MLPRegressor(**FAST).fit(X, two)
    assert_array_equal(
        model.predict(X), MLPRegressor(**FAST).fit(X, np.asarray(two)).predict(X)
    )

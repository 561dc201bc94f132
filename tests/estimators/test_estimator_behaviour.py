"""The estimators work wherever scikit-learn's do: change one import, and no more."""

import copy
import inspect
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
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import AdaBoostRegressor, BaggingClassifier, VotingRegressor
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import get_tags

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, state_of, timeless

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ESTIMATORS = ("MLPClassifier", "MLPRegressor")
PACKAGES = (pybackprop, neural_network)
SOLVERS = ("sgd", "adam", "lbfgs")
FAST = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 0}


def make_data(name="MLPClassifier"):
    X, y = (
        load_iris(return_X_y=True) if "Cl" in name else load_diabetes(return_X_y=True)
    )
    return scale(X), y if "Cl" in name else scale(y)


def bits(model, X):
    """All that a model answers, as bytes."""
    answers = [model.predict(X).tobytes()]
    if hasattr(model, "predict_proba"):
        answers.append(model.predict_proba(X).tobytes())
    return answers


# ------------------------------------------------------------------ one signature
COMMON = {
    "activation": "relu",
    "solver": "adam",
    "alpha": 0.0001,
    "batch_size": "auto",
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "power_t": 0.5,
    "max_iter": 200,
    "shuffle": True,
    "random_state": None,
    "tol": 1e-4,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "n_iter_no_change": 10,
    "max_fun": 15000,
}
# Ours, after all of theirs.
OURS = {"n_jobs": None, "output_activation": "auto"}
OURS_OF_NUMBERS = {"huber_delta": 1.0, "quantile": None, "power": 1.5}
OURS_OF_CLASSES = {"loss": "log_loss", "label_smoothing": 0.0, "class_weight": None}
OURS_THEN = {
    "coefs_init": None,
    "intercepts_init": None,
    "scoring": None,
    "weight_decay": 0.01,
    "decay_rate": 0.1,
    "decay_steps": 10,
    "warmup_epochs": 0,
    "global_clipnorm": None,
    "l1_ratio": 0.0,
    "max_norm": None,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "max_time": None,
}
SIGNATURES = {
    "MLPClassifier": (
        {"hidden_layer_sizes": (100,)} | COMMON | OURS | OURS_OF_CLASSES | OURS_THEN
    ),
    "MLPRegressor": (
        {"loss": "squared_error", "hidden_layer_sizes": (100,)}
        | COMMON
        | OURS
        | OURS_OF_NUMBERS
        | OURS_THEN
    ),
}
HELD_OUT = ["X_val", "y_val", "sample_weight_val"]
METHODS = {
    "MLPClassifier": {
        "fit": ["self", "X", "y", "sample_weight", *HELD_OUT, "groups", "resume"],
        "partial_fit": ["self", "X", "y", "sample_weight", "classes", *HELD_OUT],
        "predict": ["self", "X"],
        "predict_proba": ["self", "X"],
        "predict_log_proba": ["self", "X"],
        "score": ["self", "X", "y", "sample_weight"],
    },
    "MLPRegressor": {
        "fit": ["self", "X", "y", "sample_weight", *HELD_OUT, "groups", "resume"],
        "partial_fit": ["self", "X", "y", "sample_weight", *HELD_OUT],
        "predict": ["self", "X"],
        "score": ["self", "X", "y", "sample_weight"],
    },
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_signature_is_scikit_learns_and_then_ours(name):
    signature = inspect.signature(getattr(pybackprop, name))
    defaults = {p.name: p.default for p in signature.parameters.values()}
    assert list(defaults.items()) == list(SIGNATURES[name].items())
    positional = [
        p.name for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]
    assert positional == list(SIGNATURES[name])[: list(defaults).index("solver")]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_methods_take_the_same_arguments(name):
    for method, arguments in METHODS[name].items():
        function = inspect.unwrap(getattr(getattr(pybackprop, name), method))
        assert list(inspect.signature(function).parameters) == arguments, method


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_that_is_public_in_scikit_learns_is_public_here(name):
    ours, theirs = (dir(getattr(package, name)()) for package in PACKAGES)
    assert {a for a in theirs if not a.startswith("_")} <= set(ours)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_fitted_attributes_are_there(name, solver, early_stopping):
    X, y = make_data(name)
    fitted = []
    for package in PACKAGES:
        model = getattr(package, name)(solver=solver, early_stopping=early_stopping)
        model.set_params(**FAST).fit(X, y)
        fitted.append(
            {
                a: type(v)
                for a, v in vars(model).items()
                if a.endswith("_") and not a.startswith("_")
            }
        )
    ours, theirs = fitted
    assert theirs.keys() <= ours.keys()
    for attribute in theirs.keys() & {"coefs_", "intercepts_", "loss_curve_"}:
        assert ours[attribute] is list


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_tags_are_the_same(name, solver):
    ours, theirs = (getattr(package, name)(solver=solver) for package in PACKAGES)
    tags = get_tags(ours)
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    tags.transformer_tags = None  # scikit-learn's has no transform
    assert tags == get_tags(theirs)
    linear = getattr(pybackprop, name)(hidden_layer_sizes=())
    assert get_tags(linear).transformer_tags is None
    assert is_classifier(ours) is is_classifier(theirs)
    assert is_regressor(ours) is is_regressor(theirs)


def test_the_tags_tell_that_the_poisson_loss_refuses_negative_targets():
    assert get_tags(MLPRegressor("poisson")).target_tags.positive_only
    assert not get_tags(MLPRegressor()).target_tags.positive_only


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_is_written_like_an_estimator(name):
    model = getattr(pybackprop, name)(alpha=0.5, hidden_layer_sizes=(3, 4))
    assert repr(model) == f"{name}(alpha=0.5, hidden_layer_sizes=(3, 4))"
    assert name in model._repr_html_()


# --------------------------------------------------------------------- parameters
@pytest.mark.parametrize("name", ESTIMATORS)
def test_parameters_go_in_and_come_out_as_they_are(name):
    values = {key: object() for key in SIGNATURES[name]}
    model = getattr(pybackprop, name)(**values)
    assert model.get_params() == values
    for key in values:
        value = object()
        assert model.set_params(**{key: value}) is model
        assert getattr(model, key) is value
    with pytest.raises(ValueError, match="hidden_layers"):
        model.set_params(hidden_layers=(3,))


@pytest.mark.parametrize(
    "hidden", [5, (5,), [5], np.array([5]), np.int64(5), (), [4, 3]]
)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_hidden_layer_sizes_may_be_written_in_any_way(name, hidden):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(hidden, max_iter=2, random_state=0)
    if name == "MLPRegressor":
        model = MLPRegressor("squared_error", hidden, max_iter=2, random_state=0)
    model.fit(X, y)
    assert model.hidden_layer_sizes is hidden
    sizes = [c.shape[1] for c in model.coefs_[:-1]]
    assert sizes == np.atleast_1d(np.asarray(hidden, dtype=int)).tolist()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_clone_is_unfitted_and_trains_alike(name):
    X, y = make_data(name)
    model = getattr(pybackprop, name)(**FAST).fit(X, y)
    other = clone(model)
    assert other.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        other.predict(X)
    assert bits(other.fit(X, y), X) == bits(model, X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_seed_gives_the_same_bits(name, solver):
    X, y = make_data(name)
    first, second = (
        getattr(pybackprop, name)(solver=solver, **FAST).fit(X, y) for _ in range(2)
    )
    assert_state(timeless(first), timeless(second))
    assert bits(first, X) == bits(second, X)
    second.fit(X, y)
    assert bits(first, X) == bits(second, X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_inputs_are_not_written_to(name, solver):
    X, y = make_data(name)
    weights = np.linspace(0.5, 1.5, len(y))
    copies = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    getattr(pybackprop, name)(solver=solver, **FAST).fit(X, y, weights).predict(X)
    for array, before in zip((X, y, weights), copies, strict=True):
        assert_array_equal(array, before)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_layout_of_the_input_gives_the_same_bits(name):
    X, y = make_data(name)
    expected = bits(getattr(pybackprop, name)(**FAST).fit(X, y), X)
    padded = np.zeros((2 * len(X), 3 * X.shape[1]))
    padded[::2, ::3] = X
    for layout in (np.asfortranarray(X), padded[::2, ::3], X[::-1].copy()[::-1]):
        assert (
            bits(getattr(pybackprop, name)(**FAST).fit(layout, y), layout) == expected
        )
    for container in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        model = getattr(pybackprop, name)(**FAST).fit(container(X), y)
        assert_allclose(model.predict(container(X)), model.predict(X))


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
def test_training_goes_on_after_a_round_trip(name, solver, round_trip, tmp_path):
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
def test_lbfgs_goes_on_after_a_round_trip(name, round_trip, tmp_path):
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
def test_tools_that_look_into_an_estimator(name):
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
    if meta == "calibration":  # which prefers logits where there are any
        packages = pybackprop, mock.Mock(MLPClassifier=ScikitLearnWithLogits)
    ours, theirs = (
        WEIGHTED[meta](package).fit(X, y, sample_weight=weights) for package in packages
    )
    unweighted = WEIGHTED[meta](pybackprop).fit(X, y)
    method = "predict_proba" if classifies else "predict"
    actual = getattr(ours, method)(X)
    assert_allclose(actual, getattr(theirs, method)(X), rtol=1e-7, atol=1e-9)
    assert not np.allclose(actual, getattr(unweighted, method)(X))


def test_one_against_the_rest():
    X, y = make_data()
    ours, theirs = (
        OneVsRestClassifier(package.MLPClassifier(**FAST)).fit(X, y)
        for package in PACKAGES
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights_are_routed_where_they_are_asked_for(name):
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

"""Tests that calls with meaningless arguments raise an error.

The cases are labels of mixed types, parameters that do not match the fitted network,
continued training with other settings, and scores with impossible weights. Similar
arguments that do have a meaning are accepted, and tested here too.
"""

import copy
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.export import from_sklearn, to_c, to_sklearn
from support.reference import assert_state, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 20
X = np.random.RandomState(0).standard_normal((N, 3))
LABELS = np.arange(N) % 2
VALUES = X[:, 0] + 2
PARAMS = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


def classifier(**params):
    return MLPClassifier(**PARAMS | params)


def regressor(**params):
    return MLPRegressor(**PARAMS | params)


def refused(model, method, *args, says, **kwargs):
    before = state_of(model)
    with pytest.raises((ValueError, TypeError), match=says):
        getattr(model, method)(*args, **kwargs)
    assert_state(vars(model), before)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def repeated(*values):
    return [values[i % len(values)] for i in range(N)]


# -------------------------------------------------------------------------- labels
def missing_in(library, values, dtype):
    def made():
        return pytest.importorskip(library).Series(values, dtype=dtype)

    return made


MIXED = {
    "list": (lambda: repeated("a", 1), "strings and, among them, int"),
    "nan_in_a_list": (lambda: repeated("a", float("nan")), "strings and.*float"),
    "none_in_a_list": (lambda: repeated("a", None), "strings and.*NoneType"),
    "bool_in_a_list": (lambda: repeated("a", True), "strings and.*bool"),
    "objects": (lambda: objects(repeated("a", 1)), "strings and.*int"),
    "nan_in_objects": (lambda: objects(repeated("a", np.nan)), "strings and.*float"),
    "pandas_na": (
        missing_in("pandas", repeated("a", None), "string"),
        "strings and, among them",
    ),
    "pandas_category": (
        missing_in("pandas", repeated("a", None), "category"),
        "strings and, among them",
    ),
    "polars_null": (missing_in("polars", repeated("a", None), None), "NoneType"),
    "numbers_and_na": (missing_in("pandas", repeated(1, None), "Int64"), "NaN"),
    "bools_and_na": (missing_in("pandas", repeated(True, None), "boolean"), "NaN"),
    "masked": (lambda: np.ma.array(LABELS, mask=LABELS == 1), "y has 10 masked"),
    "not_a_time": (
        lambda: np.array(repeated("NaT", "2020"), "datetime64[Y]"),
        "y must hold labels. Got NaT",
    ),
    "bytes": (lambda: np.array(repeated(b"a", b"b")), "bytes"),
    "tuples": (lambda: repeated((1, 2), (3, 4)), "several columns"),
    "tuple_objects": (lambda: objects(repeated((1, 2), (3, 4))), "multi-label|label"),
    "fractions": (lambda: repeated(0.5, 1.5), "[Cc]ontinuous"),
    "probabilities": (lambda: np.linspace(0, 1, N), "[Cc]ontinuous"),
    "rows_of_probabilities": (lambda: np.full((N, 2), 0.5), "[Cc]ontinuous"),
    "infinity": (lambda: repeated(np.inf, 1.0), "y contains infinity"),
    "complex": (lambda: LABELS + 0j, "[Cc]omplex"),
    "ints_beyond_64_bits": (lambda: repeated(2**70, 2**70 + 1), "label type"),
    "signed_and_unsigned_64_bits": (lambda: repeated(2**63 + 1, -1), "[Cc]ontinuous"),
    "bools_and_ints_in_objects": (lambda: objects(repeated(True, 2)), "label type"),
    "a_row": (lambda: LABELS[np.newaxis], "samples"),
    "a_sparse_column": (lambda: scipy.sparse.csr_array(LABELS[:, None]), "[Ss]parse"),
    "a_string": (lambda: "ab" * (N // 2), "dimension"),
}


@pytest.mark.promise(
    "No silently wrong results",
    "Labels of mixed types, missing labels and numbers that are not classes are "
    "refused; none becomes a class named 'nan' or '1'.",
)
@pytest.mark.parametrize("case", MIXED)
def test_values_that_are_not_labels_are_refused(case):
    make, says = MIXED[case]
    y = make()
    refused(classifier(), "fit", X, y, says=says)
    refused(classifier().fit(X, LABELS), "fit", X, y, says=says)
    refused(classifier(), "partial_fit", X, y, classes=[0, 1], says=".")
    validated = classifier().fit(X, LABELS)
    with pytest.raises((ValueError, TypeError), match="X_val, y_val"):
        validated.fit(X, LABELS, X_val=X, y_val=y)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (["a", 1], "classes must hold labels of one type"),
        ([0, None], "label type"),
        ([0, np.nan], "NaN"),
        ([0.5, 1], "label type"),
        ("01", "array-like"),
        ({0, 1}, "array-like"),
        ([], "classes"),
        (np.ma.array([0, 1, 2], mask=[0, 0, 1]), "classes has 1 masked"),
    ],
)
def test_bad_classes_are_refused(classes, says):
    refused(classifier(), "partial_fit", X, LABELS, classes=classes, says=says)


LARGE = {
    "int64": np.array([2**62, 2**62 + 1]),
    "uint64": np.array([2**63, 2**63 + 1], dtype=np.uint64),
    "whole_floats": np.array([2.0**53, 2.0**53 + 2]),
    "bools": np.array([False, True]),
    "days": np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
    "empty_and_not": np.array(["", "a"]),
}


@pytest.mark.parametrize("case", LARGE)
def test_labels_that_are_close_stay_distinct(case):
    y = LARGE[case][LABELS]
    model = classifier(solver="lbfgs", max_iter=200, hidden_layer_sizes=(20,)).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.classes_.dtype == y.dtype


def test_one_hot_rows_are_multilabel_targets_as_in_scikit_learn():
    model = classifier().fit(X, np.eye(3, dtype=int)[np.arange(N) % 3])
    assert model.predict(X).shape == (N, 3)
    refused(model, "partial_fit", X, np.arange(N) % 3, says="one column|output")


# ------------------------------------------------------- parameters after the fit
OTHERS = {
    "hidden_layer_sizes": (7, 7),
    "solver": "lbfgs",
    "alpha": 5.0,
    "output_activation": "softmax",
    "loss": "squared_error",
    "random_state": 5,
    "warm_start": True,
    "class_weight": "balanced",
    "label_smoothing": 0.1,
}


@pytest.mark.parametrize("parameter", OTHERS)
def test_parameters_of_the_next_fit_change_no_prediction(parameter):
    model = classifier().fit(X, LABELS)
    before = model.predict_proba(X).tobytes(), model.decision_function(X).tobytes()
    model.set_params(**{parameter: OTHERS[parameter]})
    after = model.predict_proba(X).tobytes(), model.decision_function(X).tobytes()
    assert before == after


def unchanged(model):
    return model


def unpickled(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.promise(
    "No silently wrong results",
    "After set_params(activation=...), a fitted estimator must be fitted again before"
    " it predicts: weights are never evaluated with an activation that they were not "
    "trained with.",
)
@pytest.mark.parametrize("made", [unchanged, unpickled, copy.deepcopy])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_a_changed_activation_is_refused(name, made):
    y = LABELS if name == "MLPClassifier" else VALUES
    model = made(getattr(pybackprop, name)(**PARAMS).fit(X, y))
    expected = model.predict(X)
    says = "activation='tanh' is not that of the fit, 'relu'"
    model.set_params(activation="tanh")
    for rows in (X[:1], X):
        for method in ("predict", "transform", "activations"):
            refused(model, method, rows, says=says)
        refused(model, "score", rows, y[: len(rows)], says=says)
    with pytest.raises(ValueError, match=says):
        to_c(model)
    with pytest.raises(ValueError, match=says):
        to_sklearn(model)
    with pytest.raises(ValueError, match=says):
        unpickled(model).predict(X)
    # The same activation spelled differently, set back, or fitted.
    for same in (["relu"], ("relu",), "relu"):
        np.testing.assert_array_equal(
            model.set_params(activation=same).predict(X), expected
        )
    model.set_params(activation="tanh").fit(X, y)
    fresh = getattr(pybackprop, name)(**PARAMS | {"activation": "tanh"}).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), fresh.predict(X))
    fresh.set_params(hidden_layer_sizes=(), activation="relu").fit(X, y)
    fresh.set_params(activation="tanh").predict(X)  # nothing hidden, nothing changed


def test_models_made_by_hand_predict_with_their_activation():
    theirs = neural_network.MLPRegressor(**PARAMS, activation="tanh").fit(X, VALUES)
    model = from_sklearn(theirs)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-12)
    model.activation = "identity"  # an edit by hand, as in scikit-learn
    theirs.activation = "identity"
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-12)


# -------------------------------------------------------------- continued training
@pytest.mark.parametrize("continuation", ["warm_start", "partial_fit"])
@pytest.mark.parametrize(
    "params",
    [
        {"activation": "tanh"},
        {"loss": "huber"},
        {"loss": "poisson", "output_activation": "exp"},
        {"alpha": 1.0},
    ],
)
def test_training_may_continue_with_another_activation_or_loss(params, continuation):
    """Test fine-tuning: training continues from the weights with the new functions."""
    model = regressor(warm_start=True).fit(X, VALUES)
    reached = [c.copy() for c in (*model.coefs_, *model.intercepts_)]
    model.set_params(**params)
    fresh = regressor(**params, coefs_init=reached[:2], intercepts_init=reached[2:])
    if continuation == "warm_start":
        model.fit(X, VALUES)
    else:
        model.partial_fit(X, VALUES)
    before = PARAMS["max_iter"]
    expected = fresh.fit(X, VALUES).loss_curve_[0]
    assert model.loss_curve_[before] == pytest.approx(expected, rel=1e-12)


@pytest.mark.promise(
    "No silently wrong results",
    "Continued training (partial_fit, warm_start, resume) refuses other features, "
    "classes, numbers of outputs and layers, and partial_fit refuses another solver.",
)
def test_continued_training_refuses_other_settings():
    model = regressor().fit(X, VALUES)
    model.set_params(solver="sgd")
    refused(model, "partial_fit", X, VALUES, says="solver='adam'.*Got solver='sgd'")
    model.set_params(solver="adam").partial_fit(X, VALUES)
    refused(model, "partial_fit", X[:, :2], VALUES, says="2 features")
    two = np.column_stack([VALUES, VALUES])
    refused(model, "partial_fit", X, two, says="1 output.*Got 2")
    model.set_params(hidden_layer_sizes=(5,))
    refused(model, "partial_fit", X, VALUES, says="hidden_layer_sizes")
    model = classifier(warm_start=True).fit(X, LABELS.astype(str))
    refused(model, "partial_fit", X, LABELS, says="classes")
    refused(model, "fit", X, LABELS, says="same classes")
    model.set_params(output_activation="softmax")
    refused(model, "fit", X, LABELS.astype(str), says="layer sizes")


def test_partial_fit_after_lbfgs_begins_an_optimizer():
    model = regressor(solver="lbfgs").fit(X, VALUES)
    model.set_params(solver="sgd").partial_fit(X, VALUES)
    assert model.partial_fit(X, VALUES).n_iter_ == 1


def test_names_of_features_must_match():
    pd = pytest.importorskip("pandas")
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    other = pd.DataFrame(X, columns=["a", "b", "d"])
    model = classifier(warm_start=True).fit(named, LABELS)
    for method in ("fit", "partial_fit"):
        refused(model, method, other, LABELS, says="feature names")
    refused(model, "fit", named, LABELS, X_val=other, y_val=LABELS, says="X_val")


# -------------------------------------------------------------------------- scores
IMPOSSIBLE = {
    "negative": (np.r_[-20.0, np.ones(N - 1)], "sample_weight must be >= 0"),
    "nan": (np.full(N, np.nan), "sample_weight.*NaN"),
    "all_zero": (np.zeros(N), "sample_weight must not be zero"),
    "infinite_sum": (np.full(N, 1e308), "sample_weight must have a finite sum"),
    "two_dimensions": (np.ones((N, 1)), r"sample_weight must have the shape \(20,\)"),
    "other_length": (np.ones(N - 1), r"sample_weight must have the shape \(20,\)"),
    "strings": (np.ones(N).astype(str), "sample_weight must hold numbers"),
    "masked": (np.ma.array(np.ones(N), mask=LABELS), "sample_weight has 10 masked"),
    "an_int_beyond_float64": ([10**400] * N, "sample_weight must fit in float64"),
}


@pytest.mark.promise(
    "No silently wrong results",
    "score accepts the same weights as fit: negative weights cannot give an accuracy "
    "or R2 above 1.",
)
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_score_refuses_the_weights_that_a_fit_refuses(case):
    weights, says = IMPOSSIBLE[case]
    for model, y in ((classifier(), LABELS), (regressor(), VALUES)):
        refused(model.fit(X, y), "score", X, y, sample_weight=weights, says=says)
        refused(model, "fit", X, y, sample_weight=weights, says=says)
        refused(
            model,
            "fit",
            X,
            y,
            X_val=X,
            y_val=y,
            sample_weight_val=weights,
            says=says.replace("sample_weight", "sample_weight_val"),
        )


def test_a_score_of_labels_that_are_no_classes():
    model = classifier().fit(X, LABELS)
    assert model.score(X, LABELS + 5) == 0  # as in scikit-learn: no prediction is right
    for y in (repeated("a", 1), np.ma.array(LABELS, mask=LABELS), LABELS[:-1]):
        refused(model, "score", X, y, says=".")


def test_weights_may_be_bools_and_one_number():
    half = LABELS == 1
    kept = regressor(solver="lbfgs").fit(X[half], VALUES[half])
    model = regressor(solver="lbfgs").fit(X, VALUES, sample_weight=half)
    np.testing.assert_allclose(model.predict(X), kept.predict(X))
    # In the sums of scikit-learn's score, twice a number rounds like the number.
    assert model.score(X, VALUES, sample_weight=2) == model.score(X, VALUES)


# ---------------------------------------------------------------------- parameters
TOO_LARGE = {"alpha", "learning_rate_init", "tol", "epsilon", "power_t", "max_norm"}


@pytest.mark.parametrize("parameter", sorted(TOO_LARGE))
def test_a_number_that_no_float_holds_is_out_of_range(parameter):
    model = regressor().set_params(**{parameter: 10**400})
    refused(model, "fit", X, VALUES, says=f"{parameter!r} parameter")


def test_a_number_that_is_zero_as_a_float_is_zero():
    tiny = Fraction(1, 10**400)
    for parameter in ("learning_rate_init", "epsilon"):
        model = regressor().set_params(**{parameter: tiny})
        refused(model, "fit", X, VALUES, says=f"{parameter!r} parameter")


def test_a_class_weight_that_no_float_holds():
    model = classifier(class_weight={0: 10**400})
    refused(model, "fit", X, LABELS, says="class_weight must be finite")


@pytest.mark.parametrize(
    "given", [1.0, "0", b"0", 2**32, -1, np.random.default_rng(0), np.array([1, 2])]
)
def test_a_random_state_of_another_kind_is_refused(given):
    refused(regressor(random_state=given), "fit", X, VALUES, says="random_state")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"layer_sizes": (3, 2.7, 1)}, "layer_sizes"),
        ({"layer_sizes": ("3", "1")}, "layer_sizes"),
        ({"layer_sizes": (3, np.nan)}, "layer_sizes"),
        ({"activation": np.array(["relu"])}, "activation"),
        ({"alpha": "1"}, "alpha must hold numbers"),
        ({"alpha": 1j}, "alpha"),
        ({"alpha": [10**400]}, "alpha"),
        ({"l1_ratio": "a"}, "l1_ratio"),
        ({"l1_ratio": np.nan}, "l1_ratio"),
        ({"loss": "quantile", "loss_parameter": "a"}, "loss_parameter"),
        ({"dtype": "float16"}, "dtype"),
        ({"dtype": np.longdouble}, "dtype"),
    ],
)
def test_a_network_refuses_impossible_arguments(params, says):
    with pytest.raises((ValueError, TypeError), match=says):
        Network(**{"layer_sizes": (3, 1)} | params)


@pytest.mark.parametrize("parameter", ["coefs_init", "intercepts_init"])
def test_masked_initial_weights_are_refused(parameter):
    arrays = [np.ones((3, 4)), np.ones((4, 1))]
    if parameter == "intercepts_init":
        arrays = [np.ones(4), np.ones(1)]
    arrays[0] = np.ma.array(arrays[0], mask=arrays[0] > 0)
    model = regressor().set_params(**{parameter: arrays})
    refused(model, "fit", X, VALUES, says=re.escape(f"{parameter}[0] has"))

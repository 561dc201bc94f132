"""Tests that class_weight acts as a sample_weight per class, wherever weights count."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_sample_weight

from pybackprop import MLPClassifier

X, CODES = load_iris(return_X_y=True)
X = scale(X)[30:]  # 20, 50 and 50 of the classes
CODES = CODES[30:]
WORDS = np.array(["setosa", "versicolor", "virginica"])[CODES]
X_ML, Y_ML = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
FAST = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0}
SOLVERS = ("sgd", "adam", "lbfgs")
WEIGHTS = np.random.RandomState(0).uniform(0.5, 2, len(CODES))


def same_fit(model, other):
    """Compare weights up to rounding: a product of weights may round once more."""
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-12)


CASES = {
    "balanced": (X, CODES, "balanced"),
    "dict": (X, CODES, {0: 3, 1: 0.5, 2: 1}),
    "part_of_a_dict": (X, CODES, {2: 4.0}),
    "words": (X, WORDS, {"setosa": 2, "virginica": 0.25}),
    "binary": (X, CODES > 0, {False: 5, True: 1}),
    "sparse": (scipy.sparse.csr_matrix(X), CODES, "balanced"),
    "multilabel_balanced": (X_ML, Y_ML, "balanced"),
    "multilabel_without_0s": (X_ML, Y_ML | [[1, 0, 0]], "balanced"),
    "multilabel_dicts": (X_ML, Y_ML, [{0: 1, 1: 4}, {1: 0.5}, {}]),
}


@pytest.mark.feature(
    "Class weights",
    use="MLPClassifier(class_weight='balanced')",
    requested="#9113",
)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", CASES)
def test_a_class_weight_is_the_sample_weight_that_scikit_learn_makes_of_it(
    case, solver
):
    table, y, class_weight = CASES[case]
    as_dicts = class_weight
    if case == "multilabel_dicts":  # scikit-learn requires a weight for each value
        as_dicts = [{0: 1, 1: 1} | by_value for by_value in class_weight]
    elif isinstance(class_weight, dict):
        as_dicts = dict.fromkeys(np.unique(y).tolist(), 1) | class_weight
    expected = MLPClassifier(solver=solver, **FAST)
    expected.fit(table, y, compute_sample_weight(as_dicts, y))
    model = MLPClassifier(solver=solver, class_weight=class_weight, **FAST)
    same_fit(model.fit(table, y), expected)


@pytest.mark.parametrize("solver", SOLVERS)
def test_class_weights_multiply_sample_weights(solver):
    expected = MLPClassifier(solver=solver, **FAST)
    expected.fit(X, CODES, WEIGHTS * np.array([1, 3, 0.5])[CODES])
    by_class = {1: 3, 2: 0.5}
    model = MLPClassifier(solver=solver, class_weight=by_class, **FAST)
    same_fit(model.fit(X, CODES, WEIGHTS), expected)


def test_balanced_classes_have_equal_weight_for_any_sample_weights():
    """Test that balancing counts weights: a row of weight two is like two rows."""
    counts = np.random.RandomState(1).randint(0, 3, len(CODES))
    params = FAST | {"solver": "lbfgs", "class_weight": "balanced"}
    weighted = MLPClassifier(**params).fit(X, CODES, counts)
    repeated = MLPClassifier(**params)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(CODES, counts))
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-7)


@pytest.mark.parametrize("class_weight", [{0: 7}, {0: 0}])
def test_the_validation_set_is_weighted_alike(class_weight):
    params = FAST | {"early_stopping": True, "validation_fraction": 0.3}
    model = MLPClassifier(class_weight=class_weight, **params).fit(X, CODES)
    expected = MLPClassifier(**params)
    expected.fit(X, CODES, compute_sample_weight(class_weight | {1: 1, 2: 1}, CODES))
    assert model.validation_scores_ == expected.validation_scores_
    assert model.validation_loss_curve_ == expected.validation_loss_curve_
    unweighted = MLPClassifier(**params).fit(X, CODES)
    assert model.validation_loss_curve_ != unweighted.validation_loss_curve_
    held_out = (X[::3], CODES[::3])
    recorded = MLPClassifier(class_weight=class_weight, **FAST)
    recorded.fit(X, CODES, X_val=held_out[0], y_val=held_out[1])
    proba = recorded.predict_proba(held_out[0])
    losses = -np.log(proba[np.arange(len(proba)), held_out[1]])
    weights = np.array([class_weight[0], 1, 1])[held_out[1]]
    # The loss after the last epoch is that of the fitted weights.
    expected = np.average(losses, weights=weights)
    assert_allclose(recorded.validation_loss_curve_[-1], expected, rtol=1e-12)


def test_partial_fit_takes_a_dict_and_says_why_not_balanced():
    by_class = {0: 3, 2: 0.5}
    model = MLPClassifier(class_weight=by_class, **FAST)
    expected = MLPClassifier(**FAST)
    for rows in (slice(0, 60), slice(60, None)):
        y = CODES[rows]
        model.partial_fit(X[rows], y, classes=[0, 1, 2])
        weights = np.array([3, 1, 0.5])[y]
        expected.partial_fit(X[rows], y, weights, classes=[0, 1, 2])
    same_fit(model, expected)
    model.set_params(class_weight="balanced")
    with pytest.raises(ValueError, match="(?s)balanced.*partial_fit.*compute_class_w"):
        model.partial_fit(X, CODES)


@pytest.mark.parametrize(
    ("class_weight", "y", "says"),
    [
        ({0: 1, 7: 2}, CODES, r"class_weight.*\[0, 1, 2\].*\[7\]"),
        ({"setosa": 1, "iris": 2}, WORDS, r"class_weight.*virginica.*iris"),
        ({0: -1}, CODES, "class_weight.*>= 0.*-1"),
        ({0: np.nan}, CODES, "class_weight.*finite.*nan"),
        ({0: "much"}, CODES, "class_weight.*numbers.*much"),
        ({0: 0, 1: 0, 2: 0}, CODES, "class_weight.*zero"),
        ([{0: 1}], CODES, "class_weight.*dict"),
        ({0: 1}, Y_ML, "class_weight.*list of 3 dicts"),
        ([{0: 1}], Y_ML, "class_weight.*list of 3 dicts"),
        ([{0: 1}, {2: 1}, {}], Y_ML, r"class_weight.*\[0, 1\].*\[2\]"),
    ],
    ids=repr,
)
def test_a_wrong_class_weight_is_named(class_weight, y, says):
    table = X_ML if y is Y_ML else X
    with pytest.raises(ValueError, match=says):
        MLPClassifier(class_weight=class_weight, **FAST).fit(table, y)


def test_a_search_tries_class_weights():
    grid = {"class_weight": [None, "balanced", {0: 1, 1: 2, 2: 2}]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        search = GridSearchCV(MLPClassifier(**FAST), grid, cv=2).fit(X, CODES)
    assert_array_equal(np.isfinite(search.cv_results_["mean_test_score"]), True)

"""Tests that check_training accepts a correct setup and names mistakes."""

import copy
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_linnerud
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.inspection import check_training
from support.reference import assert_state, state_of

X, Y = load_iris(return_X_y=True)
X = scale(X)
DIABETES, PROGRESSION = load_diabetes(return_X_y=True, scaled=False)
DIABETES, PROGRESSION = scale(DIABETES), scale(PROGRESSION)
FAST = {"hidden_layer_sizes": (30,), "random_state": 0, "learning_rate_init": 0.01}


def named(check, name):
    (row,) = [row for row in check.rows if row.name == name]
    return row


def failed(check):
    return {row.name: row.words for row in check.rows if row.ok is False}


# --- A correct setup is accepted ------------------------------------------------------


@pytest.mark.feature("Sanity checks before a training", "check_training(model, X, y)")
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "lbfgs"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "numbers"])
def test_a_correct_setup_passes(kind, solver):
    kinds = {
        "binary": (MLPClassifier, X[50:], np.array(["no", "yes"])[Y[50:] - 1]),
        "multiclass": (MLPClassifier, X, np.array(["a", "b", "c"])[Y]),
        "multilabel": (MLPClassifier, X, np.c_[Y == 0, Y > 1].astype(int)),
        "numbers": (MLPRegressor, DIABETES, PROGRESSION),
    }
    make, table, y = kinds[kind]
    check = check_training(make(solver=solver, **FAST), table, y)
    assert check.ok is True, check
    names = [row.name for row in check.rows]
    assert ("first step" in names) == (solver != "lbfgs")
    assert min(check.losses) <= 0.02 * check.losses[0]


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        ("absolute_error", {}),
        ("huber", {"huber_delta": 1.0}),
        ("quantile", {"quantile": 0.3}),
        ("poisson", {}),
        ("gamma", {}),
        ("tweedie", {"power": 1.5}),
    ],
)
def test_every_loss_passes(loss, parameters):
    y = PROGRESSION
    if loss in ("poisson", "gamma", "tweedie"):
        y = np.exp(y)
    model = MLPRegressor(loss, **parameters, **FAST)
    check = check_training(model, DIABETES, y)
    assert check.ok is True, check


def test_a_custom_loss_gets_no_other_predictions():
    asked = []

    def loss(y, y_pred):
        asked.append(y_pred)
        return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y

    check = check_training(MLPRegressor(loss, **FAST), DIABETES, PROGRESSION)
    assert check.ok is True, check
    assert named(check, "first loss").ok is None
    assert check.gradients.rows[0].name == "dloss_dy_pred"


def test_a_negative_loss_has_no_goal_to_overfit_to():
    def log_likelihood(y, y_pred):
        return ((y_pred - y) ** 2).sum(axis=1) / 2 - 100, y_pred - y

    check = check_training(MLPRegressor(log_likelihood, **FAST), DIABETES, PROGRESSION)
    assert named(check, "overfit").ok is None and check.losses == []
    assert "The first loss is not above 0" in repr(check)


def test_wrong_derivatives_of_a_custom_loss_are_found():
    def forgot_a_half(y, y_pred):
        return ((y_pred - y) ** 2).sum(axis=1), y_pred - y

    check = check_training(MLPRegressor(forgot_a_half, **FAST), DIABETES, PROGRESSION)
    assert check.ok is False
    assert "dloss_dy_pred" in failed(check)["gradients"]


# --- The numbers ----------------------------------------------------------------------


def test_first_losses_of_classes_are_the_known_ones():
    check = check_training(MLPClassifier(**FAST), X, Y)
    start = Network(
        [4, 30, 3], output_activation="softmax", loss="log_loss", random_state=0
    )
    row = named(check, "first loss")
    assert row.found == pytest.approx(start.objective(X, np.eye(3)[Y]))
    assert row.expected == pytest.approx(np.log(3))
    assert row.words == "Near log 3, the loss of 3 equal probabilities."
    # The classes are balanced, so no constant is better than zero parameters.
    assert named(check, "constant").expected == pytest.approx(np.log(3))
    rare = np.r_[np.ones(3), np.zeros(147)]
    check = check_training(MLPClassifier(**FAST), X, rare)
    assert named(check, "first loss").expected == pytest.approx(np.log(2))
    p = 3 / 150
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    row = named(check, "constant")
    assert row.expected == pytest.approx(entropy, rel=1e-6)
    assert row.ok is True and "intercepts_init may" not in row.words
    assert "much better" in row.words


@pytest.mark.parametrize(
    ("loss", "parameters", "expected"),
    [
        ("squared_error", {}, lambda y: np.var(y) / 2),
        (
            "absolute_error",
            {},
            lambda y: np.mean(np.abs(y - np.median(y))),
        ),
        (
            "poisson",
            {},
            lambda y: np.mean(y * np.log(y / np.mean(y)) - y + np.mean(y)),
        ),
    ],
)
def test_the_best_constant_of_numbers_is_the_known_one(loss, parameters, expected):
    y = np.exp(PROGRESSION / 2)
    check = check_training(MLPRegressor(loss, **parameters, **FAST), DIABETES, y)
    found = named(check, "constant").expected
    assert found == pytest.approx(expected(y), rel=1e-3)


def test_the_first_step_is_that_of_a_fit():
    options = FAST | {"batch_size": len(Y)}
    check = check_training(MLPClassifier(**options), X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stepped = MLPClassifier(shuffle=False, max_iter=1, **options).fit(X, Y)
    start = Network([4, 30, 3], output_activation="softmax", random_state=0)
    expected = [
        np.linalg.norm(after - before) / np.linalg.norm(after)
        for after, before in zip(stepped.coefs_, start.coefs, strict=True)
    ]
    assert check.update_ratios == pytest.approx(expected)


def test_sample_weights_and_class_weights_count():
    weights = np.linspace(0, 2, len(Y))
    by_class = {0: 1.0, 1: 4.0, 2: 0.5}
    check = check_training(
        MLPClassifier(class_weight=by_class, **FAST), X, Y, sample_weight=weights
    )
    start = Network(
        [4, 30, 3], output_activation="softmax", loss="log_loss", random_state=0
    )
    both = weights * np.array([by_class[k] for k in Y])
    expected = start.objective(X, np.eye(3)[Y], both)
    assert named(check, "first loss").found == pytest.approx(expected)


# --- The estimator and its data are not changed ---------------------------------------


@pytest.mark.parametrize("fitted", [False, True])
def test_the_estimator_is_not_changed(fitted):
    rng = np.random.RandomState(3)
    model = MLPClassifier(hidden_layer_sizes=(5,), random_state=rng, max_iter=3)
    if fitted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y)
    before, draws = state_of(model), copy.deepcopy(rng.get_state()[1])
    table, y = X.copy(), Y.copy()
    check_training(model, table, y, max_iter=50)
    assert_state(vars(model), before)
    np.testing.assert_array_equal(rng.get_state()[1], draws)
    np.testing.assert_array_equal(table, X)
    np.testing.assert_array_equal(y, Y)


def test_no_callback_of_the_estimator_is_called():
    class Raises:
        def __getattr__(self, name):
            raise AssertionError(name)

    model = MLPClassifier(**FAST)
    model._skl_callbacks = [Raises()]
    fresh = clone(MLPClassifier(**FAST))
    assert repr(check_training(model, X, Y)) == repr(check_training(fresh, X, Y))


def test_it_reports_without_warnings():
    table = X.copy()
    table[:, 1] *= 1e5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = check_training(MLPClassifier(**FAST), table, Y)
    assert "scale the inputs, with make_pipeline" in failed(check)["inputs"]


@pytest.mark.parametrize("kind", ["sparse", "float32", "names", "lists"])
def test_any_table_that_fit_accepts(kind):
    table, y = X, Y
    if kind == "sparse":
        table = scipy.sparse.csc_matrix(X)
    elif kind == "float32":
        table = X.astype(np.float32)
    elif kind == "names":
        table = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    else:
        table, y = X.tolist(), Y.tolist()
    assert check_training(MLPClassifier(**FAST), table, y).ok is True


# --- A wrong setup is reported --------------------------------------------------------


def test_initial_weights_far_too_large():
    rng = np.random.RandomState(0)
    coefs = [5 * rng.randn(4, 30), 50 * rng.randn(30, 3)]
    check = check_training(MLPClassifier(coefs_init=coefs, **FAST), X, Y)
    words = failed(check)["first loss"]
    assert "The initial weights are too large: in layer 2" in words
    # The default weights are uniform with the bound sqrt(6 / (30 + 3)).
    usual = np.sqrt(6 / 33 / 3)
    assert f"{np.sqrt(np.mean(coefs[1] ** 2)) / usual:.3g} times as large" in words


def test_inputs_far_too_large():
    check = check_training(MLPClassifier(**FAST), 1000 * X, Y)
    assert "The inputs are large, root mean square 1e+03" in failed(check)["first loss"]


def test_targets_off_scale():
    check = check_training(MLPRegressor(**FAST), DIABETES, PROGRESSION + 100)
    assert "scale the targets" in failed(check)["constant"]


def test_weights_that_are_trained_already():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        taught = MLPClassifier(**FAST, max_iter=100).fit(X, Y)
    model = MLPClassifier(
        coefs_init=taught.coefs_, intercepts_init=taught.intercepts_, **FAST
    )
    row = named(check_training(model, X, Y), "first loss")
    assert row.ok is True and "the weights fit the data already" in row.words


def test_only_dead_units():
    intercepts = [np.full(30, -100.0), np.zeros(3)]
    check = check_training(MLPClassifier(intercepts_init=intercepts, **FAST), X, Y)
    found = failed(check)
    assert "100% of the units of layer 1 are dead." in found["dead or saturated units"]
    assert "vanishes" in found["gradient of first layer / last"]
    assert "100% of the units of layer 1 are dead." in found["overfit"]
    assert named(check, "dead or saturated units").found == 1
    assert named(check, "first loss").ok is True


def test_only_saturated_units():
    intercepts = [np.full(30, 100.0), np.zeros(3)]
    model = MLPClassifier(activation="tanh", intercepts_init=intercepts, **FAST)
    found = failed(check_training(model, X, Y))
    assert (
        "100% of the units of layer 1 are saturated" in found["dead or saturated units"]
    )


def test_a_gradient_that_vanishes():
    options = FAST | {"hidden_layer_sizes": (10,) * 8, "activation": "logistic"}
    check = check_training(MLPClassifier(**options), X, Y, max_iter=10)
    row = named(check, "gradient of first layer / last")
    assert row.ok is False
    layers = check.layers
    ratio = layers[0].coef_grad_norm / layers[-1].coef_grad_norm
    assert row.found == pytest.approx(ratio)


def test_contradicting_labels_cannot_be_overfitted():
    table = np.repeat(X[:10], 2, axis=0)
    labels = np.tile([0, 1], 10)
    check = check_training(MLPClassifier(**FAST), table, labels)
    assert list(failed(check)) == ["overfit"]
    assert "have the same inputs and different targets" in failed(check)["overfit"]
    # The best prediction for two such samples is one half.
    assert check.losses[-1] == pytest.approx(np.log(2), rel=0.05)


def test_a_learning_rate_near_zero():
    options = FAST | {"learning_rate_init": 1e-12}
    found = failed(check_training(MLPClassifier(**options), X, Y))
    assert list(found) == ["first step", "overfit"]
    assert "a larger learning_rate_init" in found["first step"]
    assert "raise learning_rate_init" in found["overfit"]


def test_a_learning_rate_far_too_large():
    options = FAST | {"learning_rate_init": 100.0}
    found = failed(check_training(MLPClassifier(solver="sgd", **options), X, Y))
    assert "a smaller learning_rate_init" in found["first step"]


def test_too_few_steps_are_distinguished_from_mistakes():
    options = FAST | {"learning_rate_init": 1e-3}
    found = failed(check_training(MLPClassifier(**options), X, Y, max_iter=20))
    assert list(found) == ["overfit"]
    assert "still decreasing: use a larger max_iter" in found["overfit"]


def test_targets_that_no_output_reaches():
    model = MLPRegressor(output_activation="tanh", **FAST)
    found = failed(check_training(model, DIABETES, 5 * PROGRESSION))
    assert "stays between -1 and 1" in found["overfit"]


def test_a_penalty_that_outweighs_the_loss():
    found = failed(check_training(MLPClassifier(alpha=1e4, **FAST), X, Y))
    assert list(found) == ["penalty"]
    assert named(check_training(MLPClassifier(**FAST), X, Y), "penalty").ok is True


def test_the_penalty_is_that_of_all_rows():
    table, labels = np.tile(X, (20, 1)), np.tile(Y, 20)
    row = named(
        check_training(MLPClassifier(alpha=1.0, **FAST), table, labels), "penalty"
    )
    start = Network([4, 30, 3], output_activation="softmax", random_state=0)
    squares = sum((W**2).sum() for W in start.coefs)
    assert row.found == pytest.approx(squares / 2 / len(labels))


def test_the_sampled_rows_are_spread_over_a_long_table():
    y = np.repeat([0.0, 2.0], 1500)
    table = np.random.RandomState(0).standard_normal((len(y), 2))
    nothing = {
        "coefs_init": [np.zeros((2, 1))],
        "intercepts_init": [np.zeros(1)],
        "hidden_layer_sizes": (),
    }
    check = check_training(MLPRegressor(**nothing), table, y, max_iter=1)
    assert named(check, "first loss").found == pytest.approx((y**2).mean() / 2)


def test_rare_classes_are_in_the_sample():
    labels = np.zeros(len(Y), dtype=int)
    labels[[40, 90]] = 1
    check = check_training(MLPClassifier(**FAST), X, labels, n_samples=10)
    # With samples of class 0 alone, the loss would be near 0 at once.
    assert check.ok is True and len(check.losses) > 10


# --- Arguments and tables -------------------------------------------------------------


def test_other_estimators_and_pipelines_are_refused():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier())
    with pytest.raises(TypeError, match=r"model\[-1\], and transform X with"):
        check_training(pipeline, X, Y)
    with pytest.raises(TypeError, match="estimator must be an MLPClassifier or"):
        check_training(LogisticRegression(), X, Y)


@pytest.mark.parametrize("name", ["n_samples", "max_iter"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True, None])
def test_numbers_are_checked_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an int >= 1. Got "):
        check_training(MLPClassifier(), X, Y, **{name: value})


def test_arguments_that_fit_refuses_are_refused():
    with pytest.raises(ValueError, match="'alpha' parameter of MLPClassifier"):
        check_training(MLPClassifier(alpha=-1), X, Y)
    with pytest.raises(ValueError, match="NaN"):
        check_training(MLPClassifier(), X * np.nan, Y)
    with pytest.raises(ValueError, match="inconsistent"):
        check_training(MLPClassifier(), X, Y[1:])


def test_a_number_of_samples_above_all_means_all():
    check = check_training(MLPClassifier(**FAST), X[::15], Y[::15], n_samples=1000)
    assert "10 samples are overfitted" in named(check, "overfit").words
    start = Network(
        [4, 30, 3], output_activation="softmax", loss="log_loss", random_state=0
    )
    # The network has its initial weights again after the first step.
    assert check.losses[0] == pytest.approx(
        start.objective(X[::15], np.eye(3)[Y[::15]])
    )


def test_it_prints_as_tables():
    digits, labels = load_digits(return_X_y=True)
    check = check_training(MLPClassifier(random_state=0), digits / 16, labels)
    text, html = repr(check), check._repr_html_()
    assert text.startswith("Ready to train: no check has failed.")
    for row in check.rows:
        assert row.name in text and f">{row.words}</td>" in html
    assert "Layers at the initial weights." in text
    assert html.count("<table>") == 2
    bad = check_training(MLPClassifier(alpha=1e9, random_state=0), digits / 16, labels)
    assert repr(bad).startswith("Before a long training, correct\npenalty: ")


def test_overfitting_is_judged_by_the_loss_of_a_constant():
    X, y = load_linnerud(return_X_y=True)
    model = MLPRegressor("poisson", hidden_layer_sizes=(5,), random_state=0)
    (row,) = (r for r in check_training(model, X, y).rows if r.name == "overfit")
    assert row.ok is False and row.found > 1e3
    assert str(row.expected).startswith("below 0.0")

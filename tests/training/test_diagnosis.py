"""The warnings of a fit are right, few, and name the remedy.

An experiment shows that they are right: on scikit-learn's data sets, and on some made
worse, training improves wherever the remedy of a warning is applied.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.exceptions import ScalingWarning
from support.reference import assert_state, state_of, timeless

SOLVERS = ("adam", "sgd", "lbfgs")
WINE, WINE_CLASSES = datasets.load_wine(return_X_y=True)
DIABETES, PROGRESSION = datasets.load_diabetes(return_X_y=True)


def warnings_of(category, fit):
    """Return the warnings of a category that a fit gives."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        fit()
    return [w for w in given if issubclass(w.category, category)]


def scalings_of(model, X, y, **kwargs):
    """Return the texts of the ScalingWarnings of a fit, which may diverge."""

    def fit():
        try:
            model.fit(X, y, **kwargs)
        except ValueError as diverged:
            assert "non-finite" in str(diverged)

    return [str(w.message) for w in warnings_of(ScalingWarning, fit)]


# ---------------------------------------------------------------------- the experiment
def shipped():
    """Yield name, X, y and estimator of each data set that comes with scikit-learn."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name, X, y, MLPClassifier
    yield "diabetes", DIABETES, PROGRESSION, MLPRegressor
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes, raw", X, y, MLPRegressor
    yield "linnerud", *datasets.load_linnerud(return_X_y=True), MLPRegressor
    for name in ("moons", "circles", "blobs", "classification", "gaussian_quantiles"):
        X, y = getattr(datasets, f"make_{name}")(random_state=0)
        yield name, X, y, MLPClassifier
    X, y = datasets.make_hastie_10_2(500, random_state=0)
    yield "hastie_10_2", X, y, MLPClassifier
    for name in ("friedman1", "friedman2", "friedman3", "sparse_uncorrelated"):
        X, y = getattr(datasets, f"make_{name}")(n_samples=200, random_state=0)
        yield name, X, y, MLPRegressor
    for name in ("swiss_roll", "s_curve"):
        X, y = getattr(datasets, f"make_{name}")(n_samples=200, random_state=0)
        yield name, X, y, MLPRegressor
    X, y = datasets.make_regression(n_features=20, n_informative=5, random_state=0)
    yield "regression", X, y, MLPRegressor


def made_worse():
    """Yield scaled tables with one fault, large enough to matter or not."""
    wine = scale(WINE)
    for factor in (3, 30, 1000):
        X = wine * np.r_[factor, np.ones(12)]
        yield f"wine, one feature * {factor}", X, WINE_CLASSES, MLPClassifier
    for shift in (3, 10, 21, 30, 1000):
        yield f"wine + {shift}", wine + shift, WINE_CLASSES, MLPClassifier
    year = 2000 + 5 * np.random.RandomState(0).standard_normal((len(wine), 1))
    yield "wine and year", np.hstack([wine, year]), WINE_CLASSES, MLPClassifier
    iris, species = datasets.load_iris(return_X_y=True)
    for factor in (0.01, 0.1, 10, 100):
        yield f"iris * {factor}", iris * factor, species, MLPClassifier
    X, y = scale(DIABETES), scale(PROGRESSION)
    for factor in (0.01, 0.1, 3, 30, 100):
        yield f"progression * {factor}", X, y * factor, MLPRegressor
    for shift in (1, 3, 10, 100):
        yield f"progression + {shift}", X, y + shift, MLPRegressor
    rng = np.random.RandomState(0)
    X, noise = rng.uniform(size=(300, 10)), rng.standard_normal(300)
    yield "noise", X, 20 * noise + 5, MLPRegressor
    yield "skewed", X, np.exp(noise + 3 * X[:, 0]), MLPRegressor


def badness(model, X, y):
    """Return mean log-loss or fraction of unexplained variance, inf if diverged."""
    if not hasattr(model, "coefs_"):
        return np.inf
    if hasattr(model, "classes_"):
        log_proba = model.predict_log_proba(X)
        columns = (np.asarray(y)[:, np.newaxis] == model.classes_).argmax(axis=1)
        return -log_proba[np.arange(len(y)), columns].mean()
    return np.mean(np.mean((y - model.predict(X)) ** 2, axis=0) / np.var(y, axis=0))


CASES = {name: case for name, *case in [*shipped(), *made_worse()]}
WARNED = {
    "wine",
    "breast_cancer",
    "diabetes",
    "diabetes, raw",
    "linnerud",
    "friedman2",
    "friedman3",
    "wine, one feature * 1000",
    "wine + 21",
    "wine + 30",
    "wine + 1000",
    "wine and year",
    "iris * 0.01",
}


@pytest.mark.slow
@pytest.mark.sampled(36)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", CASES)
def test_a_warning_is_right_and_scaled_data_gets_none(name, solver):
    X, y, Estimator = CASES[name]
    is_regression = Estimator is MLPRegressor
    scaled_X, scaled_y = scale(X), scale(y) if is_regression else y
    model = Estimator(solver=solver, random_state=0)
    texts = scalings_of(model, X, y)
    before = badness(model, X, y)
    cured = Estimator(solver=solver, random_state=0)
    assert not scalings_of(cured, scaled_X, scaled_y)
    assert len(texts) <= 1
    if name in WARNED:
        assert texts
    if texts:
        cured_X = scaled_X if "scale the inputs" in texts[0] else X
        cured_y = scaled_y if "scaled targets" in texts[0] else y
        assert (cured_X is not X) or (cured_y is not y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cured = Estimator(solver=solver, random_state=0).fit(cured_X, cured_y)
        assert badness(cured, cured_X, cured_y) < 0.75 * before


# ------------------------------------------------------------------ texts of warnings
def mean_score(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_score(model, X, y, cv=3).mean()


@pytest.mark.feature(
    "A warning about badly scaled inputs or targets",
    use="pybackprop.exceptions.ScalingWarning",
    requested="#29504",
)
def test_the_remedy_in_the_warning_works_as_written():
    model = MLPClassifier(random_state=0)
    (text,) = scalings_of(model, WINE, WINE_CLASSES)
    rms = np.sqrt(np.mean(WINE[:, 12] ** 2))
    deviation = np.median(WINE.std(axis=0))
    assert f"eature number 12 has a root mean square of {rms:.3g}," in text
    assert f"standard deviation is {deviation:.3g}." in text
    assert "make_pipeline(StandardScaler(), model)" in text
    cured = make_pipeline(StandardScaler(), model)
    assert not scalings_of(cured, WINE, WINE_CLASSES)
    assert mean_score(cured, WINE, WINE_CLASSES) > 0.05 + mean_score(
        model, WINE, WINE_CLASSES
    )

    X, model = scale(DIABETES), MLPRegressor(random_state=0)
    (text,) = scalings_of(model, X, PROGRESSION)
    assert "targets have the mean 152 and the standard deviation 77" in text
    call = "TransformedTargetRegressor(model, transformer=StandardScaler())"
    assert call in text and "make_pipeline" not in text
    cured = TransformedTargetRegressor(model, transformer=StandardScaler())
    assert not scalings_of(cured, X, PROGRESSION)
    assert mean_score(cured, X, PROGRESSION) > 0.3 + mean_score(model, X, PROGRESSION)


def test_a_feature_is_called_by_its_name():
    pytest.importorskip("pandas")
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    (text,) = scalings_of(MLPClassifier(max_iter=2), X, y)
    assert text.startswith("Feature 'proline' has a root mean square of 810,")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_inputs_are_told_of_the_scaler_that_keeps_them_sparse(dtype):
    rng = np.random.RandomState(0)
    X = scipy.sparse.random(200, 30, 0.1, "csr", dtype=dtype, random_state=rng)
    y = np.arange(200) % 2
    model = MLPClassifier(max_iter=2)
    assert not scalings_of(model, X, y)
    assert not scalings_of(model, X[:, :0:-1], y)
    far = scipy.sparse.hstack([X, 1e4 * X[:, :1]], format="csr").astype(dtype)
    (text,) = scalings_of(model, far, y)
    assert "number 30" in text and "make_pipeline(MaxAbsScaler(), model)" in text
    assert not scalings_of(make_pipeline(MaxAbsScaler(), model), far, y)
    words = scipy.sparse.random(500, 5000, 0.004, "csr", random_state=rng)
    words.data[:] = 1 / np.sqrt(20)  # rows of length one, as TfidfVectorizer's
    assert not scalings_of(MLPClassifier((5,), max_iter=2), words, np.arange(500) % 2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_warning_per_fit_and_none_when_training_continues(solver):
    fit = {"max_iter": 2, "solver": solver, "random_state": 0}
    model = MLPClassifier(warm_start=True, **fit)
    assert len(scalings_of(model, WINE, WINE_CLASSES)) == 1
    assert not scalings_of(model, WINE, WINE_CLASSES)
    if solver != "lbfgs":
        model = MLPClassifier(**fit)

        def stream():
            for _ in range(5):
                model.partial_fit(WINE, WINE_CLASSES, classes=[0, 1, 2])

        assert len(warnings_of(ScalingWarning, stream)) == 1
        scaled = MLPRegressor(**fit)

        def stream_of_numbers():  # later calls may reach the scale of the targets
            for _ in range(5):
                scaled.partial_fit(scale(DIABETES), PROGRESSION)

        assert not warnings_of(ScalingWarning, stream_of_numbers)


def test_no_warning_for_constant_features_and_rows_of_weight_zero():
    X = np.hstack([scale(WINE), np.full((178, 1), 7.0), np.zeros((178, 1))])
    weights = np.r_[np.zeros(3), np.ones(175)]
    X[:3, 0] *= 1e9
    model = MLPClassifier(max_iter=2)
    assert not scalings_of(model, X, WINE_CLASSES, sample_weight=weights)
    assert scalings_of(model, X, WINE_CLASSES)
    assert not scalings_of(MLPRegressor(max_iter=2), scale(DIABETES), np.full(442, 99))
    y = scale(PROGRESSION)
    y[:3] = 1e9
    weights = np.r_[np.zeros(3), np.ones(439)]
    model = MLPRegressor(max_iter=200, random_state=0)
    assert not scalings_of(model, scale(DIABETES), y, sample_weight=weights)


def test_no_warning_for_unscaled_targets_that_were_learned():
    """Warn only after the fit: with enough steps any scale can be reached."""
    X, y = scale(DIABETES), PROGRESSION
    assert scalings_of(MLPRegressor(random_state=0), X, y)
    assert not scalings_of(MLPRegressor(random_state=0, batch_size=5), X, y)
    poisson = MLPRegressor(loss="poisson", random_state=0)
    assert not scalings_of(poisson, X, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_output_and_weight_counts_in_the_result(dtype):
    X, y = scale(DIABETES).astype(dtype), scale(PROGRESSION)
    y = np.column_stack([y, y + 100]).astype(dtype)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y))
    for sample_weight in (None, weights):
        model = MLPRegressor(random_state=0)
        (text,) = scalings_of(model, X, y, sample_weight=sample_weight)
        assert text.startswith("The targets of column 1 have the mean 100 and")
    # The rows that were not learned have small weights: without weights, half of their
    # squared error is one offset.
    y = np.r_[scale(PROGRESSION), np.full(442, 1e3)].astype(dtype)
    weights = np.r_[np.ones(442), np.full(442, 1e-12)]
    assert not scalings_of(model, np.r_[X, X], y, sample_weight=weights)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("value", [1e-200, 1e200])
def test_numbers_whose_squares_overflow_are_handled(Estimator, value):
    X, y = value * scale(DIABETES), value * PROGRESSION
    if Estimator is MLPClassifier:
        y = PROGRESSION > 140

    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        warnings.filterwarnings("error", category=RuntimeWarning)
        model = Estimator(max_iter=2, random_state=0)
        try:
            model.fit(X, y)
        except ValueError as diverged:
            assert "non-finite" in str(diverged)
    assert sum(w.category is ScalingWarning for w in given) <= 1


def test_a_diagnosis_changes_no_number():
    models = []
    for action in ("ignore", "always"):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter(action)
            random_state = np.random.RandomState(0)
            model = MLPRegressor(random_state=random_state, max_iter=5)
            models.append(model.fit(DIABETES, PROGRESSION))
    assert_state(timeless(models[0]), timeless(models[1]))


@pytest.mark.parametrize(
    "X, y", [(DIABETES, PROGRESSION), (scale(DIABETES), PROGRESSION)]
)
def test_a_warning_made_an_error_leaves_the_estimator_as_it_was(X, y):
    model = MLPRegressor(random_state=0)
    for fitted in (False, True):
        if fitted:
            assert not scalings_of(model, scale(DIABETES), scale(PROGRESSION))
        before = state_of(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ScalingWarning)
            with pytest.raises(ScalingWarning, match="targets"):
                model.fit(X, y)
        assert_state(vars(model), before)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline])
def test_warnings_point_to_the_line_that_called_fit(wrap):
    for solver in SOLVERS:
        model = wrap(MLPClassifier(solver=solver, max_iter=2, batch_size=10**4))
        given = warnings_of(Warning, lambda m=model: m.fit(WINE, WINE_CLASSES))
        kinds = {w.category for w in given}
        assert {ScalingWarning, ConvergenceWarning} <= kinds
        assert {w.filename for w in given} == {__file__}


# ----------------------------------------------------------------------- no convergence
def convergence_text(model, X, y, **kwargs):
    given = warnings_of(ConvergenceWarning, lambda: model.fit(X, y, **kwargs))
    (text,) = (str(w.message) for w in given)
    return text


def largest_derivatives(model, X):
    """Return the largest |f'(z)| of each unit over the rows, layer by layer."""
    derivatives = {
        "identity": np.ones_like,
        "relu": lambda z: (z > 0).astype(float),
        "tanh": lambda z: 1 / np.cosh(z) ** 2,
        "logistic": lambda z: 0.25 / np.cosh(z / 2) ** 2,
    }
    inputs = model.activations(X)[:-2]
    for a, W, b in zip(inputs, model.coefs_, model.intercepts_, strict=False):
        yield np.abs(derivatives[model.activation](a @ W + b)).max(axis=0)


@pytest.mark.feature(
    "Dead and saturated units in the ConvergenceWarning",
    use="MLPClassifier().fit(X, y)",
    requested="#31235",
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
def test_units_that_no_longer_learn_are_counted_by_layer(activation, solver, dtype):
    X = (100 * np.abs(scale(DIABETES)) + 1000).astype(dtype)
    y = (PROGRESSION > 140).astype(int)
    model = MLPClassifier((40, 20), activation, solver=solver, max_iter=1)
    text = convergence_text(model.set_params(random_state=0), X, y)
    with np.errstate(over="ignore"):
        flat = [
            int(np.sum(largest < 1e-3)) for largest in largest_derivatives(model, X)
        ]
    assert flat[0] > 4
    for layer, (count, size) in enumerate(zip(flat, (40, 20), strict=True), 1):
        words = f"{count} of the {size} units of hidden layer {layer}"
        assert (words in text) is (count >= size / 10)
    assert "a derivative of about 0 on all 442 rows examined" in text
    assert ("learning_rate_init (now 0.001)" in text) is (solver != "lbfgs")


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_a_network_that_learns_is_not_called_dead(activation):
    for factor in (1, 1e5) if activation == "identity" else (1,):
        X = factor * scale(DIABETES)
        model = MLPRegressor(activation=activation, max_iter=5, random_state=0)
        text = convergence_text(model, X, scale(PROGRESSION))
        assert all(np.all(largest > 1e-3) for largest in largest_derivatives(model, X))
        assert "slope" not in text


def test_only_rows_with_a_weight_can_keep_a_unit_alive():
    X = np.vstack([-np.ones((50, 2)), np.ones((50, 2))]) + 1e-3 * np.eye(100, 2)
    y = np.arange(100) % 2
    model = MLPClassifier((30,), max_iter=1, solver="sgd", random_state=0)
    model.set_params(learning_rate_init=1e-9)
    counts = []
    for weights, rows in ((None, 100), (np.repeat([1.0, 0.0], 50), 50)):
        text = convergence_text(model, X, y, sample_weight=weights)
        (largest,) = largest_derivatives(model, X[:rows])
        counts.append(np.sum(largest == 0))
        assert f"{counts[-1]} of the 30 units of hidden layer 1" in text
        assert f"all {rows} rows examined" in text
    assert 0 < counts[0] < counts[1] < 30


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_above_that_of_a_network_of_zeros_is_named(weighted):
    weights = 1.0 + WINE_CLASSES if weighted else None
    model = MLPClassifier(max_iter=1, random_state=0)
    text = convergence_text(model, WINE, WINE_CLASSES, sample_weight=weights)
    assert f"{model.loss_:.3g} is worse than {np.log(3):.3g}, that of a" in text
    text = convergence_text(model, scale(WINE), WINE_CLASSES, sample_weight=weights)
    assert "worse" not in text
    # Weights after very few steps are no sign of a fault.
    linear = MLPClassifier((), max_iter=2, random_state=0)
    assert "worse" not in convergence_text(linear, scale(WINE), WINE_CLASSES)
    assert linear.loss_ > np.log(3)

    y = np.column_stack([scale(PROGRESSION), 2 * scale(PROGRESSION)])
    model = MLPRegressor(max_iter=1, random_state=0)
    text = convergence_text(model, 1000 * scale(DIABETES), y)
    of_zeros = np.sum(y**2) / 2 / len(y)
    assert f"{model.loss_:.3g} is worse than {of_zeros:.3g}, that of a" in text
    text = convergence_text(model, scale(DIABETES), y)
    assert "worse" not in text


def test_a_warning_of_no_convergence_begins_as_scikit_learns():
    model = MLPClassifier(max_iter=1, random_state=0)
    text = convergence_text(model, scale(WINE), WINE_CLASSES)
    assert text == (
        "Stochastic Optimizer: Maximum iterations (1) reached and the optimization "
        "hasn't converged yet."
    )
    assert_array_equal(model.classes_, [0, 1, 2])


def test_divergence_names_epoch_learning_rate_and_remedy():
    model = MLPRegressor(solver="sgd", learning_rate_init=1e3, activation="identity")
    said = r"(?s)scaled|preprocessed.*epoch \d+;.*learning_rate_init \(now 1000.0\)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=said):
            model.fit(scale(DIABETES), scale(PROGRESSION))
    model.set_params(early_stopping=True, random_state=0)
    given = warnings_of(
        ConvergenceWarning, lambda: model.fit(scale(DIABETES), scale(PROGRESSION))
    )
    (text,) = (str(w.message) for w in given)
    assert model.stopping_reason_ == f"training diverged in epoch {model.n_iter_}"
    assert f"diverged in epoch {model.n_iter_}:" in text
    assert "learning_rate_init (now 1000.0)" in text and "Scale the inputs" in text

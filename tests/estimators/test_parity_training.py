"""Compares training with scikit-learn's: weights, shuffles, losses and stopping.

Each case is trained with both, call by call, and all public results are compared
after each call. The same `random_state` gives the same initial weights and
the same order of samples, so that in float64 the loss curves differ by rounding only,
and the passed generator ends in the same state.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import pybackprop
from support.reference import keep_the_best_weights_apart, scikit_learn_set_right

SIZES = (1, 2, 3, 7, 8, 9, 15, 17, 63, 65)
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
TARGETS = ("binary", "multiclass", "multilabel", "regression", "multioutput", "counts")
CLASSIFIER_TARGETS = ("binary", "multiclass", "multilabel")
DEPTHS = ((), (9,), (9, 8), (9, 8, 7), (9, 8, 7, 8), (9, 8, 7, 8, 9))


def make_data(target, rows=120, features=12, outputs=3):
    """Return standardised inputs and a target that a small network partly learns."""
    rng = np.random.RandomState(rows * 1000 + features)
    X = rng.standard_normal((rows, features))
    z = X @ rng.standard_normal((features, outputs)) / np.sqrt(features)
    z += 0.3 * rng.standard_normal(z.shape)
    if target == "binary":
        y = (z[:, 0] > 0).astype(int)
        y[:2] = np.arange(2)[:rows]
    elif target == "multiclass":
        y = z.argmax(axis=1)
        y[:outputs] = np.arange(outputs)[:rows]
    elif target == "multilabel":
        y = (z > 0.4).astype(int)
    elif target == "regression":
        y = np.tanh(z[:, 0]) + 0.1 * z[:, 1 % outputs]
    elif target == "multioutput":
        y = np.tanh(z) + 0.1 * z[:, ::-1]
    else:
        y = rng.poisson(np.exp(0.5 * z[:, 0])).astype(float)
    return X, y


@dataclass
class Case:
    """One training: the data, the parameters and the sequence of calls."""

    name: str
    target: str
    calls: tuple = ("fit",)
    params: dict = field(default_factory=dict)
    shape: dict = field(default_factory=dict)
    container: type = np.asarray
    weights: str | float | None = None
    seed: str = "RandomState"
    dtype: type = np.float64

    def estimator(self, package):
        kind = "Classifier" if self.target in CLASSIFIER_TARGETS else "Regressor"
        params = {"max_iter": 40, "tol": 0, "n_iter_no_change": np.inf}
        params |= {"hidden_layer_sizes": (9, 8), "batch_size": 32}
        params |= {"loss": "poisson"} if self.target == "counts" else {}
        random_state = np.random.RandomState(3) if self.seed == "RandomState" else 3
        model = getattr(package, "MLP" + kind)(random_state=random_state)
        return model.set_params(**params | self.params)

    def data(self):
        X, y = make_data(self.target, **self.shape)
        X = X.astype(self.dtype)
        if self.container is not np.asarray:
            X[np.abs(X) < 0.8] = 0
        if self.target not in CLASSIFIER_TARGETS:
            y = y.astype(self.dtype)
        if self.weights == "rows":
            weights = np.random.RandomState(5).uniform(0, 2, len(y))
            weights[::7] = 0
        elif self.weights == "counts":
            weights = np.random.RandomState(5).randint(1, 4, len(y))
        else:
            weights = self.weights
        return self.container(X), y, weights

    def __str__(self):
        return self.name


def call(model, method, X, y, weights):
    """Make one call; return the categories of its warnings."""
    kwargs = {} if weights is None else {"sample_weight": weights}
    if method == "partial_fit" and hasattr(model, "predict_proba"):
        kwargs["classes"] = np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(model, method)(X, y, **kwargs)
    watched = (UserWarning, DataConversionWarning, ConvergenceWarning)
    return sorted(w.category.__name__ for w in caught if w.category in watched)


def assert_same(ours, theirs, rtol, score_atol=1e-9):
    """Check that the results of training agree: numbers to rtol, the rest exactly."""
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol, atol=0)
    for name in ("loss_", "best_loss_"):
        if getattr(theirs, name) is None:
            assert getattr(ours, name) is None, name
        else:
            assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=rtol)
    for name in ("validation_scores_", "best_validation_score_"):
        if getattr(theirs, name) is None:
            assert getattr(ours, name) is None, name
        else:
            assert_allclose(
                getattr(ours, name), getattr(theirs, name), rtol=0, atol=score_atol
            )
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert a.shape == b.shape and a.dtype == b.dtype


def assert_same_predictions(ours, theirs, X, atol):
    expected = theirs.predict(X)
    if hasattr(theirs, "predict_proba"):
        assert_array_equal(ours.predict(X), expected)
        assert_allclose(
            ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=atol
        )
    else:
        assert_allclose(ours.predict(X), expected, rtol=atol, atol=atol)
    assert ours.predict(X).dtype == expected.dtype


def assert_same_generator(actual, expected):
    for a, b in zip(actual.get_state(), expected.get_state(), strict=True):
        assert_array_equal(a, b)


def train_both(case, rtol, atol, score_atol=1e-9):
    """Train both, call by call, and compare after each call; return both."""
    X, y, weights = case.data()
    ours, theirs = case.estimator(pybackprop), case.estimator(neural_network)
    with scikit_learn_set_right():
        for method in case.calls:
            expected = call(theirs, method, X, y, weights)
            keep_the_best_weights_apart(theirs)
            assert call(ours, method, X, y, weights) == expected
            assert_same(ours, theirs, rtol, score_atol)
    assert_same_predictions(ours, theirs, X, atol)
    if case.seed == "RandomState":
        assert_same_generator(ours.random_state, theirs.random_state)
    return ours, theirs


# ------------------------------------------------------------------- the cases
SGD = {"solver": "sgd", "learning_rate_init": 0.003}
ADAM = {"solver": "adam", "learning_rate_init": 0.003}
SOLVERS = {"sgd": SGD, "adam": ADAM}


def make_cases():
    """Return the cases: one per promise, all for one small network."""
    for solver, params in SOLVERS.items():
        for target in TARGETS:
            for activation in ACTIVATIONS:
                yield Case(
                    f"{solver}-{target}-{activation}",
                    target,
                    params=params | {"activation": activation},
                )
            for depth, hidden in enumerate(DEPTHS):
                more = {"hidden_layer_sizes": hidden, "activation": "tanh"}
                yield Case(
                    f"{solver}-{target}-depth{depth}", target, params=params | more
                )
            for weights in ("rows", "counts", 0.5, 2):
                yield Case(
                    f"{solver}-{target}-weights_{weights}",
                    target,
                    params=params,
                    weights=weights,
                )
            for container in (scipy.sparse.csr_matrix, scipy.sparse.csc_array):
                yield Case(
                    f"{solver}-{target}-{container.__name__}",
                    target,
                    params=params,
                    container=container,
                )
            stop = {"early_stopping": True, "validation_fraction": 0.2}
            for weights in (None, "rows"):
                yield Case(
                    f"{solver}-{target}-early_stopping-weights_{weights}",
                    target,
                    params=params | stop | {"n_iter_no_change": 5, "tol": 1e-3},
                    weights=weights,
                )

        for target in ("multiclass", "regression"):
            for alpha in (0, 1e-4, 1):
                yield Case(
                    f"{solver}-{target}-alpha{alpha}",
                    target,
                    params=params | {"alpha": alpha},
                )
            for shuffle in (True, False):
                for batch_size in ("auto", 1, 7, 60, 500):
                    more = {"shuffle": shuffle, "batch_size": batch_size}
                    more |= {"learning_rate_init": 0.001}
                    yield Case(
                        f"{solver}-{target}-shuffle{shuffle}-batch{batch_size}",
                        target,
                        params=params | more,
                        shape={"rows": 60},
                    )
            yield from make_sequences(solver, params, target)

    for target in ("binary", "regression"):
        for schedule in ("constant", "invscaling", "adaptive"):
            for momentum, nesterov in ((0, True), (0.9, False), (0.9, True), (1, True)):
                more = {"learning_rate": schedule, "momentum": momentum}
                more |= {"nesterovs_momentum": nesterov, "power_t": 0.25}
                more |= {"n_iter_no_change": 3, "tol": 1e-2, "learning_rate_init": 0.02}
                yield Case(
                    f"sgd-{target}-{schedule}-momentum{momentum}-nesterov{nesterov}",
                    target,
                    params=SGD | more,
                )
        for early_stopping in (False, True):
            more = {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1}
            yield Case(
                f"sgd-{target}-adaptive_to_the_end-early_stopping{early_stopping}",
                target,
                params=SGD | more | {"early_stopping": early_stopping},
            )
        for beta_1, beta_2, epsilon in ((0, 0.9, 1e-8), (0.5, 0, 0.1), (0, 0, 1)):
            more = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
            yield Case(
                f"adam-{target}-beta{beta_1}_{beta_2}-epsilon{epsilon}",
                target,
                params=ADAM | more,
            )


def make_sequences(solver, params, target):
    """Return cases of continued training: warm starts, partial fits, and both."""
    short = params | {"max_iter": 10}
    warm = {"warm_start": True}
    stop = {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e-3}
    plain = {
        "again": (("fit", "fit"), {}),
        "warm": (("fit",) * 4, warm),
        "warm_early_stopping": (("fit",) * 4, warm | stop),
        "partial": (("partial_fit",) * 40, {}),
        "fit_then_partial": (("fit",) + ("partial_fit",) * 20, {}),
        "partial_then_fit": (("partial_fit",) * 20 + ("fit",), {}),
        "partial_then_warm": (("partial_fit",) * 10 + ("fit",) * 2, warm),
        "mixture": (("fit", "partial_fit", "partial_fit") * 4, warm),
    }
    for seed in ("RandomState", "int"):
        for name, (calls, more) in plain.items():
            yield Case(
                f"{solver}-{target}-{name}-seed_{seed}",
                target,
                calls=calls,
                params=short | more,
                seed=seed,
            )
    for schedule in ("invscaling", "adaptive"):
        if solver == "sgd":
            yield Case(
                f"sgd-{target}-mixture-{schedule}",
                target,
                calls=("fit", "partial_fit", "partial_fit") * 4,
                params=short | warm | {"learning_rate": schedule, "tol": 1e-2},
            )


def make_odd_sizes():
    """Return cases with every size as features, rows, units and batch."""
    n = len(SIZES)
    for target in ("binary", "multiclass", "regression", "multioutput"):
        for i, features in enumerate(SIZES):
            for j in range(3):
                rows, units = SIZES[(i + 3 * j) % n], SIZES[(3 * i + j + 1) % n]
                batch = SIZES[(7 * i + j + 2) % n]
                rows = max(rows, {"binary": 2, "multiclass": 3}.get(target, 1))
                params = (SGD, ADAM)[(i + j) % 2] | {"batch_size": batch}
                params |= {"learning_rate_init": 0.003, "activation": "tanh"}
                yield Case(
                    f"{target}-features{features}-rows{rows}-units{units}-batch{batch}",
                    target,
                    params=params | {"hidden_layer_sizes": (units, SIZES[j + 1])},
                    shape={"rows": rows, "features": features},
                )
    for outputs in SIZES[1:]:
        for target in ("multilabel", "multioutput"):
            yield Case(f"{target}-outputs{outputs}", target, shape={"outputs": outputs})


@pytest.mark.sampled(90)
@pytest.mark.parametrize("case", list(make_cases()), ids=str)
def test_forty_epochs_have_the_same_losses_to_rounding(case):
    train_both(case, rtol=1e-10, atol=1e-9)


@pytest.mark.sampled(36)
@pytest.mark.parametrize("case", list(make_odd_sizes()), ids=str)
def test_sizes_that_fill_no_register_have_the_same_losses(case):
    train_both(case, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("target", TARGETS)
def test_the_first_loss_is_that_of_the_same_initial_weights(target):
    """One batch and one epoch give the loss of the initial weights."""
    params = {"max_iter": 1, "batch_size": 120, "learning_rate_init": 1e-300}
    for activation in ACTIVATIONS:
        more = {"activation": activation, "solver": "sgd", "alpha": 1}
        ours, theirs = train_both(
            Case("", target, params=params | more), rtol=1e-14, atol=1e-14
        )
        for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
            assert_array_equal(a, b)
        for a, b in zip(ours.intercepts_, theirs.intercepts_, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_without_a_random_state_numpys_own_generator_is_used(target, early_stopping):
    X, y = make_data(target)
    before = np.random.get_state()  # noqa: NPY002
    curves, states = [], []
    try:
        for package in (pybackprop, neural_network):
            model = Case("", target, params=ADAM).estimator(package)
            model.set_params(random_state=None, early_stopping=early_stopping)
            np.random.seed(11)  # noqa: NPY002
            call(model, "fit", X, y, None)
            curves.append(model.loss_curve_)
            states.append(np.random.get_state())  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert_allclose(*curves, rtol=1e-10)
    for a, b in zip(*states, strict=True):
        assert_array_equal(a, b)


# ------------------------------------------------------------ the long trainings
# These trainings are not chaotic: a change of scikit-learn's initial weights by 1e-15
# changes its losses after 400 epochs by less than 1e-14.
def make_long_cases():
    more = {"max_iter": 400, "n_iter_no_change": 10, "tol": 1e-7}
    linear = {"hidden_layer_sizes": ()}
    tanh = {"hidden_layer_sizes": (9,), "activation": "tanh", "alpha": 1}
    logistic = {"hidden_layer_sizes": (9,), "activation": "logistic", "alpha": 0.1}
    for name, network in (("linear", linear), ("tanh", tanh), ("logistic", logistic)):
        for target in TARGETS:
            yield Case(f"sgd-{target}-{name}", target, params=SGD | more | network)
            yield Case(f"adam-{target}-{name}", target, params=ADAM | more | network)


@pytest.mark.slow
@pytest.mark.sampled(6)
@pytest.mark.parametrize("case", list(make_long_cases()), ids=str)
def test_four_hundred_epochs_stay_together_where_training_is_well_conditioned(case):
    ours, theirs = train_both(case, rtol=1e-6, atol=1e-8)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert_allclose(a, b, rtol=0, atol=1e-8)


# ------------------------------------------------------------------------ float32
def make_float32_cases():
    for solver, params in SOLVERS.items():
        for target in TARGETS:
            for container in (np.asarray, scipy.sparse.csr_matrix):
                yield Case(
                    f"{solver}-{target}-{container.__name__}",
                    target,
                    params=params | {"activation": "tanh"},
                    container=container,
                    dtype=np.float32,
                )
        more = {"early_stopping": True, "activation": "tanh"}
        for target in ("multiclass", "regression"):
            for weights in (None, "rows"):
                yield Case(
                    f"{solver}-{target}-early_stopping-weights_{weights}",
                    target,
                    params=params | more,
                    weights=weights,
                    dtype=np.float32,
                )


@pytest.mark.sampled(12)
@pytest.mark.parametrize("case", list(make_float32_cases()), ids=str)
def test_float32_stays_float32_and_agrees_to_its_rounding(case):
    """The limit is 20 times the effect of one bit of scikit-learn's initial weights.

    A relative change of the initial weights by 6e-8, half a unit in the last place,
    changes its losses by up to 5e-7 and its predictions by 2e-6; another order of sums
    rounds differently in each of the 160 steps.
    """
    ours, _ = train_both(case, rtol=1e-5, atol=4e-5, score_atol=1e-5)
    X, _, _ = case.data()
    assert {a.dtype for a in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    if hasattr(ours, "predict_proba"):
        assert ours.predict_proba(X).dtype == np.float32
        assert ours.predict_log_proba(X).dtype == np.float32
    else:
        assert ours.predict(X).dtype == np.float32


# ---------------------------------------------------------------- printed output
VERBOSE = {
    "sgd": SGD,
    "adam": ADAM,
    "stops": SGD | {"tol": 0.1, "n_iter_no_change": 2},
    "early_stopping": ADAM | {"early_stopping": True},
    "early_stopping_stops": ADAM
    | {"early_stopping": True, "tol": 0.1, "n_iter_no_change": 2},
    "adaptive": SGD | {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "adaptive_early_stopping": SGD
    | {"learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1}
    | {"early_stopping": True},
}


@pytest.mark.parametrize("target", ["multiclass", "regression"])
@pytest.mark.parametrize("name", VERBOSE)
def test_verbose_prints_the_same_lines(name, target, capsys):
    X, y = make_data(target)
    printed = []
    for package in (pybackprop, neural_network):
        model = Case("", target, params=VERBOSE[name]).estimator(package)
        model.set_params(verbose=True)
        call(model, "fit", X, y, None)
        if not model.early_stopping:
            call(model, "partial_fit", X, y, None)
        printed.append(capsys.readouterr().out.splitlines())
    ours, theirs = printed
    assert ours == theirs
    assert theirs[0].startswith("Iteration 1, loss = ")


def test_not_verbose_prints_nothing(capsys):
    X, y = make_data("multiclass")
    for params in (SGD, ADAM, {"solver": "lbfgs"}):
        call(
            Case("", "multiclass", params=params).estimator(pybackprop), "fit", X, y, 1
        )
    assert capsys.readouterr().out == ""

"""Tests L1 and L2 penalties per layer in objective, gradient and training."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from pybackprop import MLPClassifier, MLPRegressor, Network, by_hand
from support.internals import Optimizer, Samples, Targets, Training
from support.plain_training import PlainTraining, assert_follows

X = np.random.RandomState(1).standard_normal((33, 4))
Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])
WEIGHTS = np.arange(33) % 3 / 2
ALPHAS = [0.7, 0.0, 1.9]
SETTINGS = {
    "hidden_layer_sizes": (5, 3),
    "activation": "tanh",
    "shuffle": False,
    "batch_size": 9,
    "max_iter": 6,
    "tol": 0.0,
    "learning_rate_init": 0.02,
    "random_state": 0,
}


def make_network(**params):
    network = Network([4, 5, 3, 2], activation="tanh", random_state=0, **params)
    network.coefs[0][1] = 0  # where |w| has no derivative
    return network


PER_LAYER = pytest.mark.feature(
    "A separate L2 penalty for each layer",
    use="MLPClassifier(hidden_layer_sizes=(50,), alpha=[0.1, 0.001])",
)
ELASTIC = pytest.mark.feature(
    "L1 and elastic net penalty", use="MLPClassifier(alpha=0.1, l1_ratio=0.5)"
)


@pytest.mark.parametrize("alpha", [0.3, ALPHAS])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.25, 1.0])
def test_objective_and_gradient_match_by_hand(l1_ratio, alpha):
    network = make_network(alpha=alpha, l1_ratio=l1_ratio)
    trace = network.backprop(X, Y, WEIGHTS)
    F, coef_grads, intercept_grads, *_ = by_hand.backprop.objective(
        X,
        Y,
        network.coefs,
        network.intercepts,
        activation="tanh",
        output_activation="identity",
        loss="squared_error",
        alpha=alpha,
        l1_ratio=l1_ratio,
        sample_weight=WEIGHTS,
    )
    assert trace.loss == pytest.approx(F, rel=1e-13)
    for ours, theirs in zip(
        trace.coef_grads + trace.intercept_grads,
        coef_grads + intercept_grads,
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.25, 1.0])
def test_the_gradient_matches_finite_differences(l1_ratio):
    network = make_network(alpha=ALPHAS, l1_ratio=l1_ratio)
    coef_grads, _ = network.gradients(X, Y, WEIGHTS)
    for W, g in zip(network.coefs, coef_grads, strict=True):
        k = np.unravel_index(np.argmax(np.abs(W)), W.shape)
        middle = W[k]
        W[k] = middle + 1e-6
        above = network.objective(X, Y, WEIGHTS)
        W[k] = middle - 1e-6
        below = network.objective(X, Y, WEIGHTS)
        W[k] = middle
        assert g[k] == pytest.approx((above - below) / 2e-6, rel=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_alpha_for_each_layer_is_alpha(dtype):
    one = make_network(alpha=0.3, dtype=dtype)
    each = make_network(alpha=[0.3] * 3, dtype=dtype)
    data = X.astype(dtype), Y.astype(dtype)
    assert one.objective(*data) == each.objective(*data)
    for a, b in zip(one.gradients(*data)[0], each.gradients(*data)[0], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("alpha", "l1_ratio"),
    [
        pytest.param(ALPHAS, 0.0, marks=PER_LAYER),
        pytest.param(0.5, 0.4, marks=ELASTIC),
        (ALPHAS, 1.0),
    ],
)
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_training_uses_the_penalty(solver, alpha, l1_ratio):
    penalty = {"alpha": alpha, "l1_ratio": l1_ratio}
    model = MLPRegressor(solver=solver, **SETTINGS, **penalty)
    plain = PlainTraining(model, X, Y, sample_weight=WEIGHTS).fit()
    assert_follows(model.fit(X, Y, WEIGHTS), plain)
    assert_follows(clone(model).fit(scipy.sparse.csc_array(X), Y, WEIGHTS), plain)


def test_lbfgs_minimizes_a_penalty_of_each_layer():
    """Compare with a linear model's closed form: (X'X + alpha) w = X'y, centred."""
    y = X @ [1.0, -2.0, 0.5, 0.0] + 1
    model = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=[3.0], tol=1e-10, max_iter=500
    ).fit(X, y)
    centred = X - X.mean(axis=0)
    w = np.linalg.solve(centred.T @ centred + 3 * np.eye(4), centred.T @ y)
    # SciPy stops at a relative progress of 1e-9; without alpha they are 5 % off.
    np.testing.assert_allclose(model.coefs_[0][:, 0], w, rtol=0, atol=1e-4)
    # The penalty of one layer does not shrink the other layer.
    params = {"hidden_layer_sizes": (3,), "solver": "lbfgs", "random_state": 0}
    first, second = (
        MLPRegressor(alpha=alpha, max_iter=300, **params).fit(X, y)
        for alpha in ([50.0, 0.0], [0.0, 50.0])
    )
    sizes = [[np.linalg.norm(W) for W in m.coefs_] for m in (first, second)]
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] > sizes[1][1]


def test_l1_sets_useless_weights_to_zero():
    """For orthogonal features, w = sign(c) max(|c| - alpha / n, 0)."""
    n = 64
    table = np.linalg.qr(np.random.RandomState(0).standard_normal((n, 4)))[0]
    table = np.sqrt(n) * (table - table.mean(axis=0))
    table = np.sqrt(n) * np.linalg.qr(table)[0]
    c = np.array([2.0, -1.0, 0.3, -0.1])
    y = table @ c
    model = MLPRegressor(
        hidden_layer_sizes=(), alpha=0.5 * n, l1_ratio=1.0, random_state=0,
        solver="sgd", momentum=0.0, learning_rate="linear", learning_rate_init=0.2,
        max_iter=2000, batch_size=n, tol=0.0, n_iter_no_change=10000,
    ).fit(table, y)  # fmt: skip
    np.testing.assert_allclose(model.coefs_[0][:, 0], [1.5, -0.5, 0, 0], atol=1e-3)


# -------------------------------------------------------------------------- errors


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_l1_with_lbfgs_names_both(estimator):
    model = estimator(l1_ratio=0.1, solver="lbfgs")
    with pytest.raises(ValueError, match=r"l1_ratio=0.1 .*solver='lbfgs'"):
        model.fit(X, Y[:, 0] > 0)


@pytest.mark.parametrize("alpha", [[0.1], (0.1, 0.2, 0.3), np.array([0.1])])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_wrong_number_of_alphas_names_the_layers(solver, alpha):
    model = MLPClassifier((4,), alpha=alpha, solver=solver)
    with pytest.raises(ValueError, match=r"alpha=.*2 .*hidden_layer_sizes=\(4,\)"):
        model.fit(X, Y[:, 0] > 0)


@pytest.mark.parametrize(
    "alpha", [[0.1, -0.1], [0.1, None], [[0.1], [0.1]], [], [0.1, np.inf], "0.1"]
)
def test_alphas_out_of_range_are_named(alpha):
    with pytest.raises(ValueError, match="alpha.*sequence"):
        MLPClassifier((4,), alpha=alpha).fit(X, Y[:, 0] > 0)


@pytest.mark.parametrize("alpha", [-1, [0.1], [0.1, 0.2, np.nan], np.inf])
def test_a_network_refuses_such_alphas(alpha):
    with pytest.raises(ValueError, match="alpha"):
        Network([4, 5, 3, 2], alpha=alpha)


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, np.nan])
def test_a_network_refuses_such_ratios(l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio"):
        Network([4, 2], l1_ratio=l1_ratio)


def test_a_grid_may_mix_floats_tuples_and_arrays():
    grid = {"alpha": [0.1, (0.1, 0.2), np.array([0.2, 0.1])], "l1_ratio": [0.0, 0.5]}
    model = MLPClassifier((4,), max_iter=3, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(X, Y[:, 0] > 0)
    assert len(search.cv_results_["params"]) == 6
    assert clone(search.best_estimator_).get_params().keys() == grid.keys() | (
        model.get_params().keys()
    )


# ------------------------------------------------------------------------ reported


@pytest.mark.parametrize("clipnorm", [None, 0.3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_epoch_reports_its_penalty_and_its_last_gradient(dtype, clipnorm):
    params = SETTINGS | {"alpha": ALPHAS, "l1_ratio": 0.2, "global_clipnorm": clipnorm}
    model = MLPRegressor(solver="sgd", momentum=0, **params)
    plain = PlainTraining(model, X, Y, sample_weight=WEIGHTS).fit()
    network = Network(
        [4, 5, 3, 2], activation="tanh", random_state=0, alpha=ALPHAS, l1_ratio=0.2,
        dtype=dtype,
    )  # fmt: skip
    optimizer = Optimizer(
        "sgd", len(network.parameters), dtype, schedule="constant", power_t=0.5,
        learning_rate_init=0.02, momentum=0, nesterov=False, beta_1=0, beta_2=0,
        epsilon=1, global_clipnorm=clipnorm,
    )  # fmt: skip
    tables = X.astype(dtype), Y.astype(dtype)
    training = Training(
        network.core, network.parameters, optimizer,
        Samples(tables[0], network.dtype),
        Targets(tables[1], network.dtype),
        WEIGHTS, 9, 1,
    )  # fmt: skip
    rtol = 1e-10 if dtype == "float64" else 1e-4
    for k in range(6):
        loss, finite, penalty, gradient_norm = training.epoch(None)
        assert finite
        assert loss == pytest.approx(plain.losses[k], rel=rtol)
        assert penalty == pytest.approx(plain.penalties[k], rel=rtol)
        assert gradient_norm == pytest.approx(plain.gradient_norms[k], rel=rtol)
    assert optimizer.n_epochs == 6

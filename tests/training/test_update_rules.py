"""Tests that every solver takes the published steps, and those of other libraries."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from pybackprop import MLPClassifier, MLPRegressor
from support.lists import OPTIMIZERS
from support.plain_training import RULES, PlainTraining, assert_follows

SOLVERS = list(OPTIMIZERS)
ADAPTIVE = [name for name in SOLVERS if name != "sgd"]
SETTINGS = {
    "hidden_layer_sizes": (5, 4),
    "activation": "tanh",
    "shuffle": False,
    "batch_size": 7,
    "max_iter": 6,
    "tol": 0.0,
    "n_iter_no_change": 1000,
    "alpha": 0.5,
    "learning_rate_init": 0.02,
    "random_state": 0,
}


def make_data(n=40, n_outputs=2):
    rng = np.random.RandomState(3)
    X = rng.standard_normal((n, 6)) * (rng.rand(n, 6) < 0.7)
    y = np.tanh(X[:, :n_outputs]) + 0.1 * rng.standard_normal((n, n_outputs))
    weights = rng.randint(4, size=n) / 2.0
    weights[7:14] = 0  # a batch of weight zero
    return X, y, weights


def arrays(model):
    return [*model.coefs_, *model.intercepts_]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "solver",
    [
        "sgd",
        "adam",
        pytest.param(
            "adamw",
            marks=pytest.mark.feature(
                "AdamW: Adam with decoupled weight decay",
                use="MLPClassifier(solver='adamw', weight_decay=0.01)",
            ),
        ),
        pytest.param(
            "rmsprop",
            marks=pytest.mark.feature("RMSprop", use="MLPClassifier(solver='rmsprop')"),
        ),
        pytest.param(
            "nadam",
            marks=pytest.mark.feature(
                "NAdam: Adam with Nesterov's momentum",
                use="MLPClassifier(solver='nadam')",
            ),
        ),
    ],
)
def test_each_step_is_the_published_one(solver, weighted):
    X, y, weights = make_data()
    weights = weights if weighted else None
    more = {"weight_decay": 0.7, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
    model = MLPRegressor(solver=solver, **SETTINGS, **more)
    plain = PlainTraining(model, X, y, sample_weight=weights).fit()
    assert_follows(model.fit(X, y, weights), plain)
    sparse = clone(model).fit(scipy.sparse.csr_array(X), y, weights)
    assert_follows(sparse, plain)


def test_every_solver_of_the_list_is_tested_here():
    assert SOLVERS == ["sgd", "adam", "adamw", "rmsprop", "nadam"]
    # Other tests follow these rules, each written as it was published.
    assert list(RULES) == SOLVERS


@pytest.mark.parametrize("solver", SOLVERS)
def test_only_adamw_has_weight_decay_and_none_of_intercepts(solver):
    X, y, _ = make_data()
    one_step = SETTINGS | {"max_iter": 1, "batch_size": 40, "alpha": 0}
    without, with_decay = (
        MLPRegressor(solver=solver, weight_decay=decay, **one_step).fit(X, y)
        for decay in (0, 0.5)
    )
    for a, b in zip(without.intercepts_, with_decay.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    # The decay of the initial weights: 0.02 * 0.5 of each is subtracted.
    start = MLPRegressor(**one_step | {"learning_rate_init": 1e-300}).fit(X, y)
    taken_off = 0.01 if solver == "adamw" else 0
    for W, a, b in zip(start.coefs_, without.coefs_, with_decay.coefs_, strict=True):
        np.testing.assert_allclose(a - b, taken_off * W, rtol=0, atol=1e-15)


def test_alpha_stays_in_the_objective_beside_weight_decay():
    X, y, _ = make_data()
    model = MLPRegressor(solver="adamw", **SETTINGS | {"max_iter": 1}).fit(X, y)
    small = MLPRegressor(
        solver="adamw", **SETTINGS | {"max_iter": 1, "alpha": 0.0}
    ).fit(X, y)
    assert model.loss_ > small.loss_
    assert not np.array_equal(model.coefs_[0], small.coefs_[0])


# ----------------------------------------------------------------- other libraries


def torch_optimizer(torch, solver, layers, rate):
    coefs, intercepts = [W for W, _ in layers], [b for _, b in layers]
    if solver == "rmsprop":
        return torch.optim.RMSprop(coefs + intercepts, lr=rate, alpha=0.95, eps=1e-6)
    groups = [
        {"params": coefs, "weight_decay": 0.3},
        {"params": intercepts, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.8, 0.95), eps=1e-6)


@pytest.mark.parametrize("solver", ["adamw", "rmsprop"])
def test_the_steps_match_torch(solver):
    torch = pytest.importorskip("torch")
    X, y, _ = make_data()
    params = SETTINGS | {"alpha": 0.0, "weight_decay": 0.3, "epsilon": 1e-6}
    model = MLPRegressor(solver=solver, beta_1=0.8, beta_2=0.95, **params)
    start = PlainTraining(model, X, y)
    layers = [
        [torch.tensor(a, requires_grad=True) for a in pair]
        for pair in zip(start.coefs, start.intercepts, strict=True)
    ]
    optimizer = torch_optimizer(torch, solver, layers, params["learning_rate_init"])
    tables = torch.tensor(X), torch.tensor(y)
    for _ in range(params["max_iter"]):
        for k in range(0, len(X), params["batch_size"]):
            a, target = (table[k : k + params["batch_size"]] for table in tables)
            for W, b in layers[:-1]:
                a = torch.tanh(a @ W + b)
            y_pred = a @ layers[-1][0] + layers[-1][1]
            optimizer.zero_grad()
            ((y_pred - target) ** 2 / 2).sum(dim=1).mean().backward()
            optimizer.step()
    model.fit(X, y)
    for ours, theirs in zip(
        arrays(model), [W for W, _ in layers] + [b for _, b in layers], strict=True
    ):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("solver", ["adamw", "rmsprop", "nadam"])
def test_the_steps_match_optax(solver):
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    rule = {
        "adamw": lambda: optax.adamw(0.02, 0.8, 0.95, 1e-6, weight_decay=0.3),
        "rmsprop": lambda: optax.rmsprop(0.02, 0.95, 1e-6, eps_in_sqrt=False),
        "nadam": lambda: optax.nadam(0.02, 0.8, 0.95, 1e-6),
    }[solver]
    # One weight of a linear model: gradients of both by the same formula.
    X = np.linspace(-1, 2, 12).reshape(-1, 1)
    y = 3 * X[:, 0]
    settings = SETTINGS | {"hidden_layer_sizes": (), "alpha": 0.0, "batch_size": 4}
    more = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6, "weight_decay": 0.3}
    model = MLPRegressor(solver=solver, **settings, **more)
    start = PlainTraining(model, X, y)
    with jax.enable_x64(True):
        optimizer = rule()
        w = jax.numpy.array([start.arrays[0][0, 0], start.arrays[1][0]])
        if solver == "adamw":  # the intercept does not decay
            mask = jax.numpy.array([0.3, 0.0])
            optimizer = optax.chain(
                optax.scale_by_adam(0.8, 0.95, 1e-6),
                optax.GradientTransformation(
                    lambda params: optax.EmptyState(),
                    lambda g, state, params: (g + mask * params, state),
                ),
                optax.scale(-0.02),
            )
        state = optimizer.init(w)
        for _ in range(settings["max_iter"]):
            for k in range(0, 12, 4):
                x, target = X[k : k + 4, 0], y[k : k + 4]
                residual = x * w[0] + w[1] - target
                g = jax.numpy.array([(residual * x).mean(), residual.mean()])
                change, state = optimizer.update(g, state, w)
                w = optax.apply_updates(w, change)
    model.fit(X, y)
    ours = [model.coefs_[0][0, 0], model.intercepts_[0][0]]
    np.testing.assert_allclose(ours, np.array(w), rtol=1e-9)


# ------------------------------------------------------------- in the estimators


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", ADAPTIVE)
def test_partial_fit_continues_from_a_pickle_with_the_same_bits(solver, dtype):
    X, y, _ = make_data()
    X = X.astype(dtype)
    params = SETTINGS | {"learning_rate": "one_cycle", "warmup_epochs": 2.5}
    model = MLPRegressor(solver=solver, global_clipnorm=0.5, max_norm=1.0, **params)
    fitted = clone(model).fit(X, y)
    for _ in range(3):
        model.partial_fit(X, y)
    model = pickle.loads(pickle.dumps(model))
    for _ in range(3):
        model.partial_fit(X, y)
    for ours, theirs in zip(arrays(model), arrays(fitted), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_train_a_classifier_and_can_be_searched(solver):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((120, 4))
    y = np.array(["a", "b", "c"])[np.argmax(X[:, :3], axis=1)]
    model = MLPClassifier((8,), solver=solver, random_state=0, max_iter=100)
    grid = {
        "learning_rate_init": [0.02, (0.2, 0.1)],
        "alpha": [0.0, [0.1, 0.2]],
        "learning_rate": ["cosine", lambda epoch: 0.02],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.8

"""Tests the learning rate of every step for every schedule and solver."""

import math
import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone

from pybackprop import MLPClassifier, MLPRegressor
from support.internals import Optimizer
from support.lists import OPTIMIZERS, SCHEDULES, schedule_rate
from support.plain_training import RULES, PlainTraining, assert_follows

EPOCHS = 10
SETTINGS = {
    "hidden_layer_sizes": (4,),
    "activation": "tanh",
    "shuffle": False,
    "batch_size": 8,
    "max_iter": EPOCHS,
    "tol": 0.0,
    "n_iter_no_change": 1000,
    "random_state": 0,
    "learning_rate_init": 0.04,
    "decay_rate": 0.5,
    "decay_steps": 3,
}
RATE = SETTINGS["learning_rate_init"]
X = np.random.RandomState(1).standard_normal((36, 3))
Y = np.sin(X[:, 0]) + X[:, 1]


def cosine(epoch):
    return RATE * (1 + math.cos(math.pi * min(epoch / EPOCHS, 1))) / 2


def linear(epoch):
    return RATE * (1 - min(epoch / EPOCHS, 1))


def one_cycle(epoch):
    x = min(epoch / EPOCHS, 1)
    begin, end = RATE / 25, RATE / 25 / 1e4
    if x < 0.3:
        return begin + (RATE - begin) * (1 - math.cos(math.pi * x / 0.3)) / 2
    return end + (RATE - end) * (1 + math.cos(math.pi * (x - 0.3) / 0.7)) / 2


def step(epoch):
    return RATE * 0.5 ** math.floor(epoch / 3)


def exponential(epoch):
    return RATE * 0.5 ** (epoch / 3)


FORMULAS = {
    "cosine": cosine,
    "linear": linear,
    "one_cycle": one_cycle,
    "step": step,
    "exponential": exponential,
}


def ramp(epochs):
    return lambda epoch, length: min(1, (epoch + length) / epochs) if epochs else 1


def schedule(name, **params):
    """Return an optimizer with the schedule, to read its rates."""
    params = {"power_t": 0.5, "momentum": 0, "nesterov": False} | params
    more = {"horizon": EPOCHS, "decay_rate": 0.5, "decay_steps": 3}
    return Optimizer(
        "sgd", 1, "float64", schedule=name, learning_rate_init=RATE, **params, **more
    )


def test_every_schedule_has_a_formula_here():
    # scikit-learn's, which act on sgd only, are held against scikit-learn.
    assert list(FORMULAS) == [k for k, v in SCHEDULES.items() if not v["only_sgd"]]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_is_never_above_the_one_asked_for(name):
    epochs = np.arange(0, 2 * EPOCHS, 0.25)
    rates = [schedule_rate(schedule(name), epoch, 0.25) for epoch in epochs]
    assert 0 <= min(rates) <= max(rates) <= RATE


@pytest.mark.feature(
    "Schedules that act at each step: cosine, linear, one_cycle, step, exponential",
    use="MLPClassifier(learning_rate='cosine')",
)
@pytest.mark.parametrize("solver", RULES)
@pytest.mark.parametrize("name", FORMULAS)
def test_each_step_has_the_rate_of_the_formula(name, solver):
    model = MLPRegressor(solver=solver, learning_rate=name, **SETTINGS)
    plain = PlainTraining(model, X, Y, lambda epoch, length: FORMULAS[name](epoch))
    assert_follows(model.fit(X, Y), plain.fit())


@pytest.mark.feature(
    "Warm-up of the learning rate", use="MLPClassifier(warmup_epochs=5)"
)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["constant", "adaptive", *FORMULAS])
@pytest.mark.parametrize("warmup_epochs", [2, 3.5])
def test_a_warm_up_multiplies_any_schedule_by_a_ramp(name, solver, warmup_epochs):
    warm = {"warmup_epochs": warmup_epochs, "learning_rate": name}
    model = MLPRegressor(solver=solver, **SETTINGS, **warm)
    formula = FORMULAS.get(name, lambda epoch: RATE)
    factor = ramp(warmup_epochs)
    plain = PlainTraining(
        model, X, Y, lambda epoch, length: formula(epoch) * factor(epoch, length)
    )
    assert_follows(model.fit(X, Y), plain.fit())


@pytest.mark.feature(
    "Your own learning rate schedule",
    use="MLPClassifier(learning_rate=lambda epoch: 0.01 / (1 + epoch))",
)
@pytest.mark.parametrize("solver", ["sgd", "rmsprop"])
def test_a_callable_gives_the_rate_of_each_epoch(solver):
    asked = []

    def rate(epoch):
        asked.append(epoch)
        return 0.05 / (1 + epoch)

    model = MLPRegressor(solver=solver, learning_rate=rate, **SETTINGS).fit(X, Y)
    assert asked == list(range(EPOCHS))
    plain = PlainTraining(
        model, X, Y, lambda epoch, length: 0.05 / (1 + math.floor(epoch))
    )
    assert_follows(model, plain.fit())


def falling(epoch):
    return 0.1 / (1 + epoch)


def test_partial_fit_continues_a_callable_and_a_new_fit_restarts_it():
    params = SETTINGS | {"max_iter": 4}
    fitted = MLPRegressor(learning_rate=falling, **params).fit(X, Y)
    model = clone(fitted)
    for _ in range(2):
        model.partial_fit(X, Y)
    model = pickle.loads(pickle.dumps(model))
    for _ in range(2):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], fitted.coefs_[0])
    assert model._optimizer.learning_rate == falling(3)
    model.fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], fitted.coefs_[0])


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf, None, "0.1"])
def test_a_bad_rate_of_a_callable_is_refused_and_changes_nothing(rate):
    model = MLPRegressor(**SETTINGS).fit(X, Y)
    before = pickle.dumps(model.coefs_)
    model.set_params(learning_rate=lambda epoch: 0.1 if epoch < 2 else rate)
    with pytest.raises(
        ValueError, match=rf"learning_rate.*> 0.*{re.escape(repr(rate))}"
    ):
        model.fit(X, Y)
    assert pickle.dumps(model.coefs_) == before


# ---------------------------------------------------------------- during training


@pytest.mark.parametrize("name", FORMULAS)
def test_partial_fit_follows_the_schedule_of_max_iter_epochs(name):
    model = MLPRegressor(learning_rate=name, **SETTINGS)
    fitted = clone(model).fit(X, Y)
    for _ in range(EPOCHS):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], fitted.coefs_[0])


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_past_the_end_at_a_rate_of_zero_no_weight_changes(name, solver):
    model = MLPRegressor(solver=solver, learning_rate=name, **SETTINGS).fit(X, Y)
    before = [W.copy() for W in model.coefs_ + model.intercepts_]
    states = model._optimizer.states.copy()
    for _ in range(3):
        model.partial_fit(X, Y)
    for now, then in zip(model.coefs_ + model.intercepts_, before, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(model._optimizer.states, states)
    assert np.isfinite(model.loss_)
    assert model.loss_curve_[-3:] == [model.loss_] * 3


def test_one_cycle_stays_at_its_final_rate():
    rates = [schedule_rate(schedule("one_cycle"), e, 1) for e in (10, 11, 100)]
    assert rates == pytest.approx([RATE / 25e4] * 3, rel=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_warm_start_begins_a_new_schedule(name):
    model = MLPRegressor(learning_rate=name, warm_start=True, **SETTINGS).fit(X, Y)
    before = [W.copy() for W in model.coefs_]
    model.fit(X, Y)
    assert model._optimizer.n_epochs == EPOCHS
    assert not np.array_equal(before[0], model.coefs_[0])


@pytest.mark.parametrize("name", FORMULAS)
def test_training_stops_on_a_plateau_as_at_a_constant_rate(name):
    params = SETTINGS | {"tol": 1e9, "n_iter_no_change": 2}
    stopped = MLPRegressor(learning_rate=name, **params).fit(X, Y)
    constant = MLPRegressor(learning_rate="constant", **params).fit(X, Y)
    assert stopped.n_iter_ == constant.n_iter_ < EPOCHS
    assert stopped.stopping_reason_ == constant.stopping_reason_


@pytest.mark.parametrize("solver", [s for s in OPTIMIZERS if s != "sgd"])
@pytest.mark.parametrize("name", ["invscaling", "adaptive"])
def test_scikit_learns_schedules_act_on_sgd_alone(name, solver):
    constant = MLPRegressor(solver=solver, **SETTINGS).fit(X, Y)
    other = MLPRegressor(solver=solver, learning_rate=name, **SETTINGS).fit(X, Y)
    np.testing.assert_array_equal(constant.coefs_[0], other.coefs_[0])


@pytest.mark.parametrize("name", ["cosine", "one_cycle", falling])
def test_lbfgs_ignores_schedules(name):
    params = SETTINGS | {"solver": "lbfgs"}
    plain = MLPRegressor(**params).fit(X, Y)
    other = MLPRegressor(learning_rate=name, warmup_epochs=3, **params).fit(X, Y)
    np.testing.assert_array_equal(plain.coefs_[0], other.coefs_[0])


def test_a_batch_without_weight_advances_the_schedule():
    weights = np.ones(len(X))
    weights[8:16] = 0
    model = MLPRegressor(learning_rate="linear", **SETTINGS).fit(X, Y, weights)
    plain = PlainTraining(
        model, X, Y, lambda epoch, length: linear(epoch), sample_weight=weights
    )
    assert_follows(model, plain.fit())


# ---------------------------------------------------------------------- per layer


@pytest.mark.feature(
    "A separate learning rate for each layer",
    use="MLPClassifier(hidden_layer_sizes=(50,), learning_rate_init=[0.01, 0.001])",
)
@pytest.mark.parametrize("solver", RULES)
@pytest.mark.parametrize("name", ["constant", "cosine"])
def test_layers_may_have_different_rates(name, solver):
    rates = SETTINGS | {"learning_rate_init": [0.01, RATE], "learning_rate": name}
    model = MLPRegressor(solver=solver, weight_decay=0.3, **rates)
    formula = FORMULAS.get(name, lambda epoch: RATE)
    plain = PlainTraining(model, X, Y, lambda epoch, length: formula(epoch))
    assert_follows(model.fit(X, Y), plain.fit())


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_the_same_rate_for_each_layer_is_the_rate(solver):
    one = MLPRegressor(solver=solver, **SETTINGS).fit(X, Y)
    each = clone(one).set_params(learning_rate_init=(RATE, RATE)).fit(X, Y)
    np.testing.assert_array_equal(one.coefs_[0], each.coefs_[0])


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.1, 0.1]])
def test_a_wrong_number_of_rates_names_the_layers(rates, solver, estimator):
    model = estimator(hidden_layer_sizes=(4,), learning_rate_init=rates, solver=solver)
    with pytest.raises(ValueError, match=r"learning_rate_init=.*hidden_layer_sizes"):
        model.fit(X, Y > 0)


# ----------------------------------------------------------------- other libraries


def torch_rates(torch, make, n):
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=RATE)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("name", ["cosine", "linear", "step", "exponential"])
def test_the_rates_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    n = EPOCHS * 5
    make = {
        "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=n),
        "linear": lambda s, o: s.LinearLR(o, 1, 0, total_iters=n),
        "step": lambda s, o: s.StepLR(o, step_size=15, gamma=0.5),
        "exponential": lambda s, o: s.ExponentialLR(o, gamma=0.5 ** (1 / 15)),
    }[name]
    ours = [schedule_rate(schedule(name), k / 5, 0.2) for k in range(n)]
    np.testing.assert_allclose(ours, torch_rates(torch, make, n), rtol=1e-9)


def test_one_cycle_matches_torch():
    """torch reaches peak and end a step earlier: after 30 % and 100 % of steps."""
    torch = pytest.importorskip("torch")
    n = 10**4
    theirs = torch_rates(
        torch, lambda s, o: s.OneCycleLR(o, max_lr=RATE, total_steps=n), n
    )
    ours = [schedule_rate(schedule("one_cycle"), EPOCHS * k / n, 0) for k in range(n)]
    np.testing.assert_allclose(ours, theirs, atol=RATE * 1e-3)
    assert max(ours) == pytest.approx(max(theirs))
    assert ours[0] == pytest.approx(theirs[0])

"""The regressor's losses have the values of their definitions, and fits minimize them.

Their gradients are in test_gradients.py.
"""

import numpy as np
import pytest
from sklearn import metrics
from sklearn._loss import loss as sklearn_losses
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from pybackprop import MLPRegressor, Network
from support import lists

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ("sgd", "adam", "lbfgs")
# Loss, its parameter, and scikit-learn's loss with the output activation as link.
LOSSES = {
    "squared_error": (None, sklearn_losses.HalfSquaredError()),
    "absolute_error": (None, sklearn_losses.AbsoluteError()),
    "huber": (0.75, sklearn_losses.HuberLoss(delta=0.75)),
    "quantile": (0.2, sklearn_losses.PinballLoss(quantile=0.2)),
    "poisson": (None, sklearn_losses.HalfPoissonLoss()),
    "gamma": (None, sklearn_losses.HalfGammaLoss()),
    "tweedie": (1.3, sklearn_losses.HalfTweedieLoss(power=1.3)),
}
PARAMETER = {"huber": "huber_delta", "quantile": "quantile", "tweedie": "power"}


def value_and_delta(loss, parameter, y, z, dtype="float64"):
    """Return loss and delta of single outputs of a network with one weight of 1."""
    output = lists.LOSSES[loss]["default_output"]
    network = Network(
        [1, 1],
        loss=loss,
        loss_parameter=parameter,
        output_activation=output,
        dtype=dtype,
    )
    network.coefs[0][:] = 1
    network.intercepts[0][:] = 0
    values = [network.objective([[z_i]], [y_i]) for y_i, z_i in zip(y, z, strict=True)]
    trace = network.backprop(np.reshape(z, (-1, 1)), y)
    return np.array(values), trace.delta[0][:, 0]


def test_every_regression_loss_is_tested_here():
    records = lists.LOSSES
    assert set(LOSSES) == {n for n, row in records.items() if row["regression"]}
    assert {n: row["parameter"] for n, row in records.items() if row["parameter"]} == (
        PARAMETER
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_values_and_gradients_match_scikit_learn(loss):
    parameter, reference = LOSSES[loss]
    rng = np.random.RandomState(0)
    z = rng.uniform(-3, 3, 200)
    y = rng.uniform(0.1, 8, 200)
    y[:9] = z[:9] = np.linspace(0.2, 3, 9)  # ties of the losses with an identity
    values, delta = value_and_delta(loss, parameter, y, z)
    theirs, their_delta = reference.loss_gradient(y, z)
    # scikit-learn may leave out terms that do not depend on the prediction.
    theirs = theirs + reference.constant_to_optimal_zero(y)
    scale_of_terms = np.abs(theirs).max() + np.abs(y).max() ** 2
    np.testing.assert_allclose(values, theirs, rtol=1e-12, atol=1e-15 * scale_of_terms)
    tied = y == z if loss in ("absolute_error", "quantile") else np.zeros(200, bool)
    np.testing.assert_allclose(
        delta[~tied], their_delta[~tied], rtol=1e-12, atol=1e-14 * np.abs(y).max()
    )
    assert (delta[tied] == 0).all()


@pytest.mark.parametrize("power", [1.0001, 1.5, 1.9999])
def test_a_deviance_has_all_its_terms(power):
    rng = np.random.RandomState(1)
    z, y = rng.uniform(-2, 2, 50), rng.uniform(0.1, 5, 50)
    for loss, parameter, p in (("gamma", None, 2), ("tweedie", power, power)):
        values, _ = value_and_delta(loss, parameter, y, z)
        exact = [
            metrics.mean_tweedie_deviance([a], [b], power=p) / 2
            for a, b in zip(y, np.exp(z), strict=True)
        ]
        # The three terms of the reference are larger than their sum by this factor.
        lost = 1e-15 / abs((p - 1) * (2 - p)) if p != 2 else 1e-15
        np.testing.assert_allclose(values, exact, rtol=1e-12, atol=50 * lost)
        best, delta = value_and_delta(loss, parameter, y, np.log(y))
        np.testing.assert_allclose(best, 0, atol=1e-14)
        np.testing.assert_allclose(delta, 0, atol=1e-13)
        assert (values >= 0).all()


def test_tweedie_approaches_the_losses_at_its_ends():
    # At powers where cancellation leaves no digit of the plain formula.
    rng = np.random.RandomState(2)
    z, y = rng.uniform(-2, 2, 50), rng.uniform(0.1, 5, 50)
    for end, p in (("poisson", 1 + 1e-13), ("gamma", 2 - 1e-13)):
        ours, delta = value_and_delta("tweedie", p, y, z)
        theirs, their_delta = value_and_delta(end, None, y, z)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(delta, their_delta, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["gamma", "tweedie"])
def test_a_deviance_is_finite_wherever_its_formula_is(loss, dtype):
    # y_pred has overflowed or is 0, and the loss is computed from z.
    far = 800.0 if dtype == "float64" else 100.0
    y, z = [1.0, 1.0], [far, -far / 2]
    values, delta = value_and_delta(loss, LOSSES[loss][0], y, z, dtype)
    if loss == "gamma":
        exact = [far - 1, np.exp(far / 2) - 1 - far / 2]
        deltas = [1, 1 - np.exp(far / 2)]
    else:
        p = LOSSES[loss][0]
        exact = [
            np.exp((2 - p) * x) / (2 - p)
            + np.exp((1 - p) * x) / (p - 1)
            - 1 / ((p - 1) * (2 - p))
            for x in z
        ]
        deltas = [np.exp((2 - p) * x) - np.exp((1 - p) * x) for x in z]
    rtol = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(values, exact, rtol=rtol)
    np.testing.assert_allclose(delta, deltas, rtol=rtol)


@pytest.mark.parametrize("reduction", ["l1_loss", "huber_loss", "tweedie"])
def test_torch_has_the_same_losses(reduction):
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(3)
    y, z = rng.uniform(0.1, 5, 40), rng.uniform(-2, 2, 40)
    target = torch.tensor(y)
    at = torch.tensor(z, requires_grad=True)
    functional = torch.nn.functional
    if reduction == "l1_loss":
        loss, parameter = "absolute_error", None
        theirs = functional.l1_loss(at, target, reduction="none")
    elif reduction == "huber_loss":
        loss, parameter = "huber", 0.3
        theirs = functional.huber_loss(at, target, reduction="none", delta=0.3)
    else:
        loss, parameter, p = "tweedie", 1.3, 1.3
        theirs = (
            target ** (2 - p) / ((1 - p) * (2 - p))
            - target * torch.exp((1 - p) * at) / (1 - p)
            + torch.exp((2 - p) * at) / (2 - p)
        )
    theirs.sum().backward()
    values, delta = value_and_delta(loss, parameter, y, z)
    np.testing.assert_allclose(values, theirs.detach().numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(delta, at.grad.numpy(), rtol=1e-11, atol=1e-13)


# ------------------------------------------------------------------ fitted models
def skewed(n=600):
    """Return a table with skewed noise that grows with the first feature."""
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (n, 2))
    return X, np.exp(X[:, 0]) * rng.gamma(2.0, 0.5, n) + 0.01


@pytest.mark.feature(
    "Quantile regression", use="MLPRegressor(loss='quantile', quantile=0.9)"
)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_a_quantile_regression_covers_its_quantile(quantile, solver):
    X, y = skewed()
    model = MLPRegressor(
        "quantile",
        (8,),
        quantile=quantile,
        solver=solver,
        learning_rate_init=0.01,
        max_iter=80,
        tol=0,
        n_iter_no_change=np.inf,
        random_state=0,
    ).fit(X, y)
    assert np.mean(y <= model.predict(X)) == pytest.approx(quantile, abs=0.04)
    shares = [np.mean(y[m] <= model.predict(X[m])) for m in (X[:, 0] < 0, X[:, 0] > 0)]
    assert shares == pytest.approx([quantile] * 2, abs=0.08)
    reported = metrics.mean_pinball_loss(y, model.predict(X), alpha=quantile)
    assert model.loss_ == pytest.approx(reported, rel=0.05)


@pytest.mark.feature(
    "Absolute error and Huber loss",
    use="MLPRegressor(loss='huber', huber_delta=1.0)",
    requested="#14571",
)
@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_outliers_do_not_change_a_robust_fit(loss):
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (300, 1))
    line = 2 * X[:, 0] + 1
    y = line + 0.1 * rng.standard_normal(300)
    y[::10] += 50
    settings = {"hidden_layer_sizes": (), "random_state": 0, "max_iter": 400}
    settings |= {"learning_rate_init": 0.02, "tol": 0, "n_iter_no_change": np.inf}
    robust = MLPRegressor(loss, huber_delta=0.5, **settings).fit(X, y)
    square = MLPRegressor(**settings).fit(X, y)
    assert np.abs(robust.predict(X) - line).max() < 0.2
    assert np.abs(square.predict(X) - line).max() > 1


@pytest.mark.feature(
    "Gamma and Tweedie deviance", use="MLPRegressor(loss='tweedie', power=1.5)"
)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("loss", "power"), [("gamma", 2), ("tweedie", 1.5), ("poisson", 1)]
)
def test_an_intercept_only_model_predicts_the_mean(loss, power, solver):
    # The deviance of an exponential dispersion model is minimal at the weighted mean.
    _, y = skewed(200)
    weights = np.random.RandomState(1).uniform(0.5, 2, 200)
    model = MLPRegressor(
        loss,
        (),
        power=1.5,
        solver=solver,
        learning_rate_init=0.02,
        max_iter=500,
        tol=1e-10,
        n_iter_no_change=np.inf,
        batch_size=200,
        random_state=0,
    ).fit(np.zeros((200, 1)), y, weights)
    mean = np.average(y, weights=weights)
    assert model.predict([[0.0]]) == pytest.approx(mean, rel=1e-4)
    deviance = metrics.mean_tweedie_deviance(
        y, np.full(200, mean), power=power, sample_weight=weights
    )
    # The penalty applies to a weight that has no effect, since all inputs are 0.
    assert model.loss_ == pytest.approx(deviance / 2, rel=1e-3)
    assert model.out_activation_ == "exp"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_solver_lowers_every_loss(loss, solver, dtype):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X).astype(dtype), (y / y.mean()).astype(dtype)
    model = MLPRegressor(
        loss, (6,), solver=solver, max_iter=15, quantile=0.3, power=1.7, random_state=0
    )
    model.fit(X, y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.predict(X).dtype == dtype
    many = model.set_params(early_stopping=solver != "lbfgs").fit(X, np.c_[y, y])
    assert many.predict(X).shape == (len(y), 2)


@pytest.mark.parametrize(("power", "row"), [(1, "poisson"), (2.0, "gamma")])
def test_the_ends_of_tweedie_are_separate_losses(power, row):
    X, y = skewed(100)
    settings = {"max_iter": 3, "random_state": 0}
    end = MLPRegressor("tweedie", power=power, **settings).fit(X, y)
    other = MLPRegressor(row, **settings).fit(X, y)
    assert end.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(end.predict(X), other.predict(X))


# ------------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("params", "y", "words"),
    [
        ({"loss": "gamma"}, 0.0, "y must be finite numbers > 0 for the loss 'gamma'"),
        ({"loss": "gamma"}, -1.0, "y must be finite numbers > 0 for the loss 'gamma'"),
        ({"loss": "tweedie"}, -1.0, "numbers >= 0 for the loss 'tweedie' with power"),
        ({"loss": "tweedie", "power": 2}, 0.0, "> 0 for the loss 'tweedie' with power"),
        ({"loss": "quantile"}, 1.0, "loss='quantile' needs quantile"),
        ({"loss": "huber", "huber_delta": 1e-60}, 1.0, None),
        ({"loss": "huber", "huber_delta": 1e60}, 1.0, None),
    ],
)
def test_targets_outside_the_domain_of_a_loss_are_named(params, y, words):
    X = np.eye(4)
    model = MLPRegressor(max_iter=2, **params)
    if words is None:
        model.fit(X, [1.0, 2, 3, y])
        with pytest.raises(ValueError, match="huber_delta must be a float32 in the"):
            model.fit(X.astype("float32"), [1.0, 2, 3, y])
        return
    with pytest.raises(ValueError, match=words):
        model.fit(X, [1.0, 2, 3, y])
    assert not hasattr(model, "coefs_")


def test_gamma_refuses_a_target_that_float32_rounds_to_zero():
    y = [1.0, 4.9e-324]
    MLPRegressor("gamma", max_iter=1).fit(np.eye(2), y)
    with pytest.raises(ValueError, match="> 0 for the loss 'gamma'. Got 0"):
        MLPRegressor("gamma", max_iter=1).fit(np.eye(2, dtype="float32"), y)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_tags_say_whether_targets_must_be_positive(loss):
    tags = MLPRegressor(loss).__sklearn_tags__()
    assert tags.target_tags.positive_only == (loss in ("poisson", "gamma", "tweedie"))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"loss": "huber"}, "loss_parameter must be .* huber_delta of loss='huber'"),
        ({"loss": "quantile", "loss_parameter": 1.5}, r"in the range \[0, 1\]"),
        ({"loss": "tweedie", "loss_parameter": 1}, r"in the range \(1, 2\)"),
        ({"loss_parameter": 1.0}, "loss='squared_error' has no parameter"),
        ({"loss": lambda y, p: None, "loss_parameter": 1.0}, "has no parameter"),
    ],
)
def test_a_network_names_a_wrong_loss_parameter(params, words):
    with pytest.raises(ValueError, match=words):
        Network([2, 1], **params)

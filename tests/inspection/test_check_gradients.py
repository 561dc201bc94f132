"""Tests that check_gradients accepts correct gradients and locates mistakes."""

import signal
import time
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.by_hand.losses import LOSSES as BY_HAND
from pybackprop.inspection import check_gradients
from pybackprop.inspection.gradients.kinks import kinks_of
from support.gradient_problems import COMBINATIONS, make_problem
from support.lists import ACTIVATIONS, LOSSES


def named(check, name):
    (row,) = [row for row in check.rows if row.name == name]
    return row


def wrong(check):
    return {row.name: row.mistake for row in check.rows if row.ok is False}


def small(kind=Network, **options):
    """A smooth network and rows for it."""
    options = {"activation": "tanh", "random_state": 0} | options
    rng = np.random.RandomState(1)
    net = kind([3, 4, 2], **options)
    return net, rng.uniform(-1, 1, (20, 3)), rng.uniform(0.1, 0.9, (20, 2))


class Planted(Network):
    """A network whose gradients a subclass falsifies with its function `spoil`."""

    def gradients(self, X, y, sample_weight=None):
        coef_grads, intercept_grads = super().gradients(X, y, sample_weight)
        return self.spoil(list(coef_grads), list(intercept_grads))


def planted(spoil):
    return type("Spoiled", (Planted,), {"spoil": staticmethod(spoil)})


# --- Correct gradients pass -----------------------------------------------------------


@pytest.mark.feature(
    "Gradients checked against finite differences", "check_gradients(network, X, y)"
)
@pytest.mark.sampled(60)
@pytest.mark.parametrize(("loss", "output", "hidden", "depth"), COMBINATIONS)
def test_every_loss_output_and_activation_passes(loss, output, hidden, depth):
    net, X, y, weights = make_problem(loss, output, hidden, depth)
    check = check_gradients(net, X, y, sample_weight=weights)
    assert check.ok is True, check
    # Elements at a kink may be skipped, but only few.
    assert sum(check.skipped.values()) <= 0.1 * len(net.parameters), check
    assert max(row.relative_error for row in check.rows) < 1e-6


@pytest.mark.parametrize(
    ("loss", "output", "hidden"),
    [
        ("log_loss", "softmax", "relu"),
        ("binary_log_loss", "logistic", "tanh"),
        ("squared_error", "identity", "leaky_relu"),
        ("poisson", "exp", "selu"),
        ("absolute_error", "identity", "gelu"),
    ],
)
def test_float32_is_compared_with_its_copy_in_float64(loss, output, hidden):
    net, X, y, weights = make_problem(loss, output, hidden, 2, dtype="float32")
    check = check_gradients(net, X, y, sample_weight=weights)
    assert check.ok is True, check
    assert "float32" in repr(check) and "float64" in repr(check)
    # Network.gradients returns float32, so the relative error is that of float32.
    assert 1e-9 < named(check, "coefs_[0]").relative_error < 1e-4


def test_invalid_networks_and_options_are_refused_by_name():
    net, X, y = small()
    with pytest.raises(TypeError, match="network must be a Network or .*Got str"):
        check_gradients("net", X, y)
    with pytest.raises(ValueError, match="loss must be a callable.*Got 'huber'"):
        check_gradients(net, X, y, loss="huber")
    for step in (0, -1, np.inf, np.nan, "1", True):
        with pytest.raises(ValueError, match="step must be a finite number > 0"):
            check_gradients(net, X, y, step=step)
    with pytest.raises(ValueError, match="X must have 3 features. Got 2"):
        check_gradients(net, X[:, :2], y)
    with pytest.raises(ValueError, match="y must have the shape"):
        check_gradients(net, X, y[:, :1])


@pytest.mark.parametrize("kind", ["labels", "several labels", "numbers"])
def test_a_fitted_estimator_is_checked_with_its_own_targets(kind):
    X, labels = load_iris(return_X_y=True)
    X = scale(X)
    if kind == "numbers":
        model, y = MLPRegressor(loss="poisson"), X[:, 0] ** 2
    else:
        model, y = MLPClassifier(label_smoothing=0.1), np.array(["a", "b", "c"])[labels]
        if kind == "several labels":
            y = np.c_[labels == 0, labels > 1].astype(int)
    model.set_params(hidden_layer_sizes=5, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    check = check_gradients(model, X, y)
    assert check.ok is True, check
    by_network = check_gradients(model.network_, X, model.encode_targets(y))
    assert repr(check) == repr(by_network)


def test_the_network_and_the_tables_are_left_as_they_were():
    net, X, y = small(alpha=0.1)
    before = net.parameters.copy(), X.copy(), y.copy()
    check_gradients(net, X, y)
    for now, then in zip((net.parameters, X, y), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_sparse_rows_give_the_same_check():
    net, X, y = small(alpha=0.1)
    X[X < 0] = 0
    dense = check_gradients(net, X, y)
    assert repr(check_gradients(net, scipy.sparse.csr_matrix(X), y)) == repr(dense)


# --- A wrong gradient is found, and named ---------------------------------------------


def times(factor, layer, kind=0):
    def spoil(*gradients):
        gradients[kind][layer] = factor * gradients[kind][layer]
        return gradients

    return spoil


def one_column_wrong(coef_grads, intercept_grads):
    coef_grads[1] = coef_grads[1].copy()
    coef_grads[1][:, 1] *= 1.01
    return coef_grads, intercept_grads


def not_a_number(coef_grads, intercept_grads):
    coef_grads[0] = coef_grads[0].copy()
    coef_grads[0][2, 1] = np.nan
    return coef_grads, intercept_grads


@pytest.mark.parametrize(
    ("spoil", "name", "words"),
    [
        (times(2, 0), "coefs_[0]", "it is 2 times what it should be"),
        (times(-1, 1), "coefs_[1]", "its sign is the opposite"),
        (times(1.00001, 1), "coefs_[1]", "elements differ"),
        (times(0, 0, kind=1), "intercepts_[0]", "it is zero, but the loss changes"),
        (one_column_wrong, "coefs_[1]", "wrong in column 1"),
        (not_a_number, "coefs_[0]", "1 of 12 elements are not finite"),
    ],
)
def test_a_wrong_gradient_is_found_where_it_is(spoil, name, words):
    net, X, y = small(planted(spoil))
    check = check_gradients(net, X, y)
    assert check.ok is False
    assert list(wrong(check)) == [name] and words in wrong(check)[name]
    assert f"WRONG, {name}: " in repr(check)


def test_the_worst_element_is_named_with_its_two_numbers():
    net, X, y = small(planted(one_column_wrong))
    row = named(check_gradients(net, X, y), "coefs_[1]")
    assert row.worst[1] == 1
    assert row.worst_analytic == pytest.approx(1.01 * row.worst_numeric, rel=1e-6)
    right = super(Planted, net).gradients(X, y)[0][1]
    assert row.worst_numeric == pytest.approx(right[row.worst], rel=1e-7)


@pytest.mark.parametrize("hidden", ["relu", "hard_tanh", "selu"])
def test_a_wrong_gradient_is_found_among_kinks_too(hidden):
    net, X, y = small(planted(times(1.01, 0)), activation=hidden)
    check = check_gradients(net, X, y)
    assert list(wrong(check)) == ["coefs_[0]"], check


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_a_wrong_float32_gradient_is_found(loss):
    output = LOSSES[loss]["default_output"]
    options = {"loss": loss, "output_activation": output, "dtype": "float32"}
    net, X, y = small(planted(times(1.01, 0)), **options)
    y = (y / y.sum(axis=1, keepdims=True)).astype("float32")
    assert list(wrong(check_gradients(net, X, y))) == ["coefs_[0]"]


def test_lost_digits_of_float32_are_told_from_a_mistake():
    # At z = 8, float32 keeps one or two digits of 1 - a**2.
    net, X, y = small(dtype="float32")
    net.intercepts[0][:] = 8
    check = check_gradients(net, X, y)
    assert (
        "a copy of the network in float64 has the right gradient"
        in wrong(check)["intercepts_[0]"]
    )
    net, X, y = small(planted(times(1.01, 0)), dtype="float32")
    assert "float64" not in wrong(check_gradients(net, X, y))["coefs_[0]"]


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_a_wrong_element_outside_the_sample_is_found(hidden):
    def spoil(coef_grads, intercept_grads):
        coef_grads[0] = coef_grads[0].copy()
        # Element 1234 is not among the sampled ones.
        coef_grads[0].flat[1234] += 0.01 * np.abs(coef_grads[0]).max()
        return coef_grads, intercept_grads

    rng = np.random.RandomState(0)
    net = planted(spoil)([40, 50, 1], activation=hidden, random_state=0)
    row = named(check_gradients(net, rng.rand(30, 40), rng.rand(30)), "coefs_[0]")
    assert row.ok is False and row.worst == "all at once"
    assert row.mistake == "wrong outside of the elements compared one by one"
    assert row.n_elements == 2000 and 60 <= row.n_compared <= 100


def test_the_elements_compared_lie_in_every_row_and_column():
    from pybackprop.inspection.gradients.data_loss import spread

    for shape in [(100, 10), (64, 100), (10, 100), (784, 16)]:
        rows, columns = np.unravel_index(spread(shape[0] * shape[1]), shape)
        assert len(set(columns)) > 0.5 * min(shape[1], 100)
        assert len(set(rows)) > 0.5 * min(shape[0], 100)
    np.testing.assert_array_equal(spread(100), np.arange(100))


# --- Kinks ----------------------------------------------------------------------------


def test_the_kinks_are_those_of_the_publications():
    expected = {
        "relu": (0,),
        "leaky_relu": (0,),
        "selu": (0,),
        "hard_sigmoid": (-3, 3),
        "hard_tanh": (-1, 1),
        "hard_silu": (-3, 3),
    }
    found = {name: kinks_of(name) for name in ACTIVATIONS}
    assert {name: places for name, places in found.items() if places} == expected


def test_a_pre_activation_of_exactly_0_is_skipped_and_counted():
    net, X, y = small(activation="relu")
    net.intercepts[0][1] = 0
    X[4] = 0  # so z = 0 there for any coefs_[0]
    check = check_gradients(net, X, y)
    assert check.ok is True, check
    # Only the intercept moves the z of this unit.
    assert check.skipped == {"the step crosses a kink of an activation": 1}
    assert named(check, "intercepts_[0]").skipped
    assert "kink" in repr(check) and "1 skipped (3.8%)" in repr(check)


def test_a_kink_hides_no_wrong_gradient_of_another_unit():
    def spoil(coef_grads, intercept_grads):
        intercept_grads[0] = intercept_grads[0].copy()
        intercept_grads[0][3] *= 2
        return coef_grads, intercept_grads

    net, X, y = small(planted(spoil), activation="relu")
    net.intercepts[0][1] = 0
    X[4] = 0
    check = check_gradients(net, X, y)
    assert list(wrong(check)) == ["intercepts_[0]"]
    assert named(check, "intercepts_[0]").n_compared == 3


def test_nothing_is_decided_if_all_elements_are_at_kinks():
    net, X, y = small(activation="relu")
    for b in net.intercepts:
        b[:] = 0
    check = check_gradients(net, 0 * X, y)
    assert check.ok is None
    assert "UNDECIDED" in repr(check) and "kink" in repr(check)
    assert named(check, "intercepts_[0]").ok is None
    # The other parameters do not change the loss, or change it smoothly.
    assert named(check, "coefs_[0]").ok is True
    assert named(check, "intercepts_[1]").ok is True


@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
def test_a_prediction_that_is_the_target_is_a_kink_of_these_losses(loss):
    parameter = 0.3 if loss == "quantile" else None
    net, X, y = small(loss=loss, loss_parameter=parameter)
    y[:, 1] = net.predict(X)[:, 1]
    check = check_gradients(net, X, y)
    # Every row of the second output lies on the kink.
    row = named(check, "intercepts_[1]")
    assert row.n_compared == 1
    assert row.skipped == {
        "the derivatives from left and right differ: a kink of the loss": 1
    }
    assert not wrong(check)
    assert 0 < sum(check.skipped.values())


def test_a_float32_unit_may_be_on_the_other_side_of_its_kink():
    rng = np.random.RandomState(0)
    net = Network([3, 20, 2], activation="relu", dtype="float32", random_state=0)
    X, y = 1000 * rng.rand(20, 3).astype("float32"), rng.rand(20, 2)
    z = X.astype(float) @ net.coefs[0].astype(float)
    net.intercepts[0][:] = -z.diagonal()  # rounded, so that z is nearly 0 there
    exact = np.diag(z) + net.intercepts[0]
    rounded = net.forward(X).z[0].diagonal()
    assert ((exact > 0) != (rounded > 0)).any()
    check = check_gradients(net, X, y)
    assert not wrong(check), check
    assert check.skipped["the step crosses a kink of an activation"] >= 20


def test_steps_are_shortened_before_a_near_kink():
    net, X, y = small(loss="absolute_error")
    y[3] = net.predict(X)[3] + 1e-5  # within the first step, but not within the last
    check = check_gradients(net, X, y)
    assert check.ok is True and not check.skipped


def test_a_network_of_zeros_has_zero_gradients_and_they_agree():
    net, X, y = small()
    net.parameters[:] = 0
    check = check_gradients(net, X, y)
    assert check.ok is True
    row = named(check, "coefs_[0]")
    assert row.analytic == row.numeric == row.relative_error == 0
    assert row.n_compared == 12


def test_a_gradient_below_the_rounding_error_is_not_called_right():
    net, X, y = small(loss="binary_log_loss", output_activation="logistic")
    net.coefs[1][:] *= 1e-13
    check = check_gradients(net, X, y)
    assert check.ok is None
    row = named(check, "coefs_[0]")
    assert row.ok is None and "rounding" in next(iter(row.skipped))


def test_a_loss_that_is_not_finite_is_reported():
    net, X, y = small(loss="poisson")  # of negative predictions
    check = check_gradients(net, X, y)
    assert check.ok is None
    assert check.skipped["the loss is not finite here"] == len(net.parameters)


# --- Steps ----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_the_step_follows_the_scale_of_the_inputs(scale):
    net, X, y = small()
    net.coefs[0][:] /= scale
    check = check_gradients(net, X * scale, y)
    assert check.ok is True and not check.skipped, check


def test_a_given_step_is_used_and_may_be_too_small_or_too_large():
    net, X, y = small()
    good = check_gradients(net, X, y, step=1e-3)
    assert good.ok is True and "step of every parameter is 0.001" in repr(good)
    tiny = check_gradients(net, X, y, step=1e-15)
    assert tiny.ok is None and "rounding" in repr(tiny)
    huge = check_gradients(net, X, y, step=30.0)
    assert huge.ok is None


# --- Penalties ------------------------------------------------------------------------


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e12, [1e9, 0.0]])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_penalty_of_any_size_is_checked_separately(alpha, l1_ratio, dtype):
    net, X, y = small(alpha=alpha, l1_ratio=l1_ratio, dtype=dtype)
    check = check_gradients(net, X, y, sample_weight=np.linspace(0, 3, 20))
    assert check.ok is True, check
    penalized = [row.name for row in check.rows if row.name.startswith("penalty")]
    n_penalized = np.count_nonzero(np.broadcast_to(alpha, 2))
    assert penalized == [f"penalty of coefs_[{i}]" for i in range(n_penalized)]
    assert named(check, "both, data + penalty").ok is True


def test_a_large_penalty_does_not_hide_the_data():
    right = Network.gradients

    class Hidden(Network):
        def gradients(self, X, y, sample_weight=None):
            plain = Network.from_parameters(
                self.coefs,
                self.intercepts,
                activation="tanh",
                output_activation=self.output_activation,
                loss=self.loss,
            )
            coef_grads, intercept_grads = right(self, X, y, sample_weight)
            of_data, _ = right(plain, X, y, sample_weight)
            # The data's part of the first layer is wrong, and far below the penalty.
            return [coef_grads[0] + of_data[0], coef_grads[1]], intercept_grads

    net, X, y = small(Hidden, alpha=1e10)
    check = check_gradients(net, X, y)
    assert list(wrong(check)) == ["coefs_[0]"]
    assert "2 times" in wrong(check)["coefs_[0]"]
    assert named(check, "penalty of coefs_[0]").ok is True


def test_a_wrong_penalty_is_named_as_such():
    class TwicePenalized(Network):
        def gradients(self, X, y, sample_weight=None):
            coef_grads, intercept_grads = super().gradients(X, y, sample_weight)
            S = len(y) if sample_weight is None else np.sum(sample_weight)
            twice = [
                g + self.alpha * W / S
                for g, W in zip(coef_grads, self.coefs, strict=True)
            ]
            return twice, intercept_grads

    net, X, y = small(TwicePenalized, alpha=0.5)
    found = wrong(check_gradients(net, X, y))
    assert "2 times" in found["penalty of coefs_[0]"]
    assert "coefs_[0]" not in found


def test_a_weight_of_0_is_a_kink_of_the_l1_penalty():
    net, X, y = small(alpha=1.0, l1_ratio=0.5)
    net.coefs[0][1, 2] = 0
    check = check_gradients(net, X, y)
    assert check.ok is True
    assert named(check, "penalty of coefs_[0]").skipped == {
        "|w| has a kink at w = 0": 1
    }
    net.l1_ratio = 0.0
    net.core = net._core_with([1.0, 1.0])
    assert not check_gradients(net, X, y).skipped


# --- User-defined losses --------------------------------------------------------------


def squared(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y


def with_gradients(change):
    def loss(y, y_pred):
        values, gradients = squared(y, y_pred)
        return values, change(gradients)

    return loss


def without_half(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1), y_pred - y


def mean_over_outputs(y, y_pred):
    return ((y_pred - y) ** 2).mean(axis=1) / 2, y_pred - y


def mean_over_the_batch(y, y_pred):
    values, gradients = squared(y, y_pred)
    return np.full(len(y), values.mean()), gradients


def last_output_forgotten(y, y_pred):
    values, gradients = squared(y, y_pred)
    gradients[:, -1] = 0
    return values, gradients


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (with_gradients(lambda s: 2 * s), "it is 2 times what it should be"),
        (with_gradients(lambda s: 7 * s), "it is 7 times what it should be"),
        (without_half, "0.5 times what it should be: perhaps one of the two has a"),
        (with_gradients(lambda s: -s), "its sign is the opposite"),
        (with_gradients(lambda s: s / len(s)), "divided by the number of samples"),
        (mean_over_outputs, "values are a mean over outputs"),
        (
            with_gradients(lambda s: s * 0 + s.sum(axis=1, keepdims=True)),
            "each output has the sum of the derivatives at all outputs",
        ),
        (
            with_gradients(lambda s: s * 0 + s.mean(axis=1, keepdims=True)),
            "each output has the mean of the derivatives at all outputs",
        ),
        (with_gradients(lambda s: 0 * s), "it is zero, but the loss changes"),
        (last_output_forgotten, "wrong in column 2"),
        (mean_over_the_batch, "changes with the other samples"),
    ],
)
def test_a_wrong_derivative_of_a_custom_loss_is_found_and_named(loss, words):
    rng = np.random.RandomState(0)
    net = Network([3, 4, 3], activation="tanh", random_state=0)
    X, y = rng.rand(20, 3), rng.rand(20, 3)
    assert check_gradients(net, X, y, loss=squared).ok is True
    check = check_gradients(net, X, y, loss=loss)
    assert check.ok is False
    assert words in wrong(check)["dloss_dy_pred"], check
    assert check.rows[0].name == "dloss_dy_pred"
    # A loss that averages over samples is wrong, unless all rows are one batch.
    assert loss is mean_over_the_batch or "coefs_[0]" in wrong(check)


BUILT_IN = [
    ("log_loss", "softmax"),
    ("binary_log_loss", "logistic"),
    ("poisson", "exp"),
    ("gamma", "softplus"),
    ("huber", "identity"),
    ("absolute_error", "tanh"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "output"), BUILT_IN)
def test_the_losses_by_hand_pass_as_custom_losses(name, output, dtype):
    net, X, y, weights = make_problem(name, output, "tanh", 1, dtype=dtype)
    parameter = () if net.loss_parameter is None else (net.loss_parameter,)

    def loss(y, y_pred):
        values, gradients = (of(y, y_pred, *parameter) for of in BY_HAND[name])
        return values.sum(axis=1), gradients

    check = check_gradients(net, X, y, sample_weight=weights, loss=loss)
    assert check.ok is True, check
    assert check.rows[0].n_compared >= 0.9 * y.size
    # The network's own loss may be such a callable as well.
    own = Network.from_parameters(
        net.coefs,
        net.intercepts,
        activation="tanh",
        output_activation=output,
        loss=loss,
    )
    assert check_gradients(own, X, y).rows[0].name == "dloss_dy_pred"


def test_a_custom_loss_gets_predictions_in_the_range_of_the_output():
    def strict(y, y_pred):
        if not ((y_pred > 0) & (y_pred < 1)).all():
            raise ValueError("no probabilities")
        values = -(y * np.log(y_pred) + (1 - y) * np.log1p(-y_pred)).sum(axis=1)
        return values, (1 - y) / (1 - y_pred) - y / y_pred

    net, X, y = small(output_activation="logistic")
    net.intercepts[1][:] = -20, 20
    check = check_gradients(net, X, y, loss=strict)
    assert named(check, "dloss_dy_pred").ok is True, check


def test_the_kink_of_a_custom_loss_is_skipped():
    def absolute(y, y_pred):
        return np.abs(y_pred - y).sum(axis=1), np.sign(y_pred - y)

    net, X, y = small()
    y[2, 1] = net.predict(X)[2, 1]
    check = check_gradients(net, X, y, loss=absolute)
    assert check.rows[0].skipped == {
        "the derivatives from left and right differ: a kink of the loss": 1
    }
    assert check.rows[0].ok is True and not wrong(check)


def test_a_loss_that_returns_other_shapes_gets_the_error_of_fit():
    net, X, y = small()
    with pytest.raises(ValueError, match="loss must return dloss_dy_pred"):
        check_gradients(net, X, y, loss=lambda y, p: (p[:, 0], p[:, 0]))


def test_a_loss_may_keep_and_change_its_arguments():
    def careless(y, y_pred):
        result = squared(y, y_pred.copy())
        y_pred[:] = np.nan
        y[:] = np.nan
        return result

    net, X, y = small()
    assert check_gradients(net, X, y, loss=careless).ok is True


# --- Size and interruption ------------------------------------------------------------


def test_many_rows_and_elements_are_sampled_and_counted():
    X, labels = load_digits(return_X_y=True)
    net = Network(
        [64, 30, 10],
        loss="log_loss",
        output_activation="softmax",
        random_state=0,
    )
    check = check_gradients(net, X / 16, np.eye(10)[labels])
    assert check.ok is True, check
    assert named(check, "coefs_[0]").n_elements == 1920
    assert named(check, "coefs_[0]").n_compared <= 100
    assert "of 1797 rows" in repr(check)
    assert sum(check.skipped.values()) <= 3


def test_rows_of_weight_0_take_no_part_even_where_they_overflow():
    net, X, y = small()
    weights = np.ones(20)
    X[3], weights[3] = 1e308, 0
    check = check_gradients(net, X, y, sample_weight=weights)
    assert check.ok is True and "on 19 of 20 rows" in repr(check)


def test_it_prints_as_a_table():
    X, y = load_diabetes(return_X_y=True)
    check = check_gradients(Network([10, 3, 1], random_state=0), X, y / 100)
    text = repr(check)
    for name in ("coefs_[0]", "intercepts_[0]", "coefs_[1]", "intercepts_[1]"):
        assert name in text
    assert text.startswith("The gradients agree with the differences of the loss")
    assert "<table>" in check._repr_html_()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_ctrl_c_ends_it_and_changes_nothing():
    rng = np.random.RandomState(0)
    net = Network([300, 300, 300, 300, 10], activation="tanh", random_state=0)
    before = net.parameters.copy()

    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            while time.monotonic() < begun + 60:
                check_gradients(net, rng.rand(500, 300), rng.rand(500, 10))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_custom_loss_may_return_float32(dtype):
    net, X, y = small()

    def squared(y, y_pred, factor=1):
        difference = y_pred - y
        values = np.square(difference).sum(axis=1) / 2
        return values.astype(dtype), (factor * difference).astype(dtype)

    check = check_gradients(net, X, y, loss=squared)
    assert check.ok is True
    assert check.rows[0].n_compared > 0.9 * y.size
    wrong = check_gradients(net, X, y, loss=lambda y, p: squared(y, p, 1.01))
    assert wrong.rows[0].ok is False


@pytest.mark.filterwarnings("error")
def test_tiny_activations_have_a_step():
    net = Network([1, 1, 1], activation="identity", random_state=0)
    net.intercepts[0][:] = 0
    assert check_gradients(net, [[1e-310]], [[1.0]]).ok is True

"""Tests that both formulations give the same gradient, and the mistake another one."""

import pickle

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, Network, by_hand
from pybackprop.inspection import formulations
from pybackprop.inspection.delta import courses
from pybackprop.inspection.delta.courses import dy_dz
from support.gradient_problems import BY_HAND, DEPTHS, LOSSES, make_problem

FORMULATIONS = ("ng", "hinton", "mistaken", "numeric", "core")
PAIRS = sorted({(loss, output) for loss, output, *_ in BY_HAND})


def layers_of(net):
    return range(1, len(net.coefs) + 1)


def data(n_outputs=3, seed=0, n=12):
    rng = np.random.RandomState(seed)
    X, y = rng.uniform(-1, 1, (n, 4)), rng.uniform(0.1, 0.9, (n, n_outputs))
    return X, y, rng.uniform(0.5, 2, n)


def assert_close(actual, expected, rtol=1e-12):
    atol = 1e-13 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def assert_gradients_of_hand(found, net, X, y, weights):
    """Compare every quantity of an algorithm with by_hand.backprop."""
    _, coef_grads, intercept_grads, _, _, delta = by_hand.backprop.objective(
        X,
        y,
        net.coefs,
        net.intercepts,
        activation=list(net.hidden_activations),
        output_activation=net.output_activation,
        loss=net.loss,
        alpha=net.alpha,
        l1_ratio=net.l1_ratio,
        loss_parameter=net.loss_parameter,
        sample_weight=weights,
    )
    for name, arrays in (
        ("delta", delta),
        ("dW", coef_grads),
        ("db", intercept_grads),
    ):
        for layer, array in enumerate(arrays, 1):
            assert found[f"{name}{layer}"].shape == array.shape
            assert_close(found[f"{name}{layer}"], array)


@pytest.mark.feature(
    "Two courses' formulations of backpropagation, side by side on your network",
    "pybackprop.inspection.formulations(network, X, y)",
)
@pytest.mark.sampled(60)
@pytest.mark.parametrize(("loss", "output", "hidden", "depth"), BY_HAND)
def test_both_formulations_give_the_gradient(loss, output, hidden, depth):
    net, X, y, weights = make_problem(loss, output, hidden, depth)
    both = formulations(net, X, y, sample_weight=weights)
    for found in (both.ng, both.hinton):
        assert_gradients_of_hand(found, net, X, y, weights)
    assert both.max_difference < 1e-13
    for row in both.rows:
        assert row.ng_core is None or row.ng_core < 1e-13
        # The rounding error of a difference is eps / h times the loss, which is near 1.
        if row.ng_numeric is not None:
            assert row.ng_numeric * row.largest < 1e-7 * max(1, row.largest), row


def problem_off_the_kinks(loss, output):
    """Make a problem with predictions on both sides of the kinks of the loss."""
    net, X, y, weights = make_problem(loss, output, "tanh", depth=1)
    if LOSSES[loss]["prediction_low"] == -np.inf:
        net.intercepts[-1][:] = [-0.5, 0.3, 1.2]
        y[:, 0] += 2 * (loss == "huber")
    return net, X, y, weights


@pytest.mark.sampled(60)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_the_mistaken_reading_is_wrong_but_for_the_canonical_pairs(loss, output):
    net, X, y, weights = problem_off_the_kinks(loss, output)
    both = formulations(net, X, y, sample_weight=weights)
    assert both.is_canonical == (LOSSES[loss]["canonical_output"] == output)
    if both.is_canonical:
        for name, array in both.ng.items():
            np.testing.assert_array_equal(both.mistaken[name], array)
        assert both.mistake < 1e-7 and both.cosine > 1 - 1e-12
        assert "is a canonical pair" in repr(both)
    else:
        assert both.mistake > 1e-2 and both.cosine < 1 - 1e-6
        # y_pred - y differs from the gradient at the output already.
        at_output = f"delta{len(net.coefs)}"
        row = next(row for row in both.rows if row.name == at_output)
        assert row.mistaken_numeric > 1e-2
        assert "not a canonical pair" in repr(both)


def test_squared_error_with_logistic_lacks_one_factor():
    X, y, _ = data()
    net = Network([4, 5, 3], output_activation="logistic", random_state=0)
    both = formulations(net, X, y)
    y_pred = net.predict(X)
    np.testing.assert_allclose(
        both.mistaken["delta2"] * y_pred * (1 - y_pred), both.ng["delta2"], rtol=1e-14
    )


@pytest.mark.parametrize(
    ("loss", "output", "instead"),
    [
        ("squared_error", "logistic", "binary_log_loss"),
        ("squared_error", "softmax", "log_loss"),
        ("absolute_error", "identity", "squared_error"),
        ("quantile", "identity", "squared_error"),
        ("gamma", "exp", "poisson"),
    ],
)
def test_the_mistaken_reading_silently_trains_another_loss(loss, output, instead):
    X, y, weights = data()
    y /= y.sum(axis=1, keepdims=True)

    def network(loss, **parameter):
        return Network(
            [4, 5, 3],
            activation="tanh",
            output_activation=output,
            loss=loss,
            alpha=0.1,
            random_state=0,
            **parameter,
        )

    parameter = {"loss_parameter": 0.9} if loss == "quantile" else {}
    asked_for = formulations(network(loss, **parameter), X, y, sample_weight=weights)
    trained = formulations(network(instead), X, y, sample_weight=weights)
    assert trained.is_canonical and not asked_for.is_canonical
    for name, array in trained.ng.items():
        assert_close(asked_for.mistaken[name], array)


def test_the_courses_name_the_same_quantities_differently():
    X, y, weights = data()
    net = Network([4, 5, 6, 3], output_activation="softmax", alpha=0.3, random_state=0)
    both = formulations(net, X, y, sample_weight=weights)
    S = weights.sum()
    for layer in layers_of(net):
        assert_close(both.ng[f"delta{layer}"], both.hinton[f"dE_dz{layer}"])
        assert both.hinton[f"delta{layer}"] is both.hinton[f"dE_dz{layer}"]
        Delta, W = both.ng[f"Delta{layer}"], net.coefs[layer - 1]
        assert_close(Delta[1:] / S + 0.3 * W / S, both.ng[f"dW{layer}"])
        assert_close(Delta[0] / S, both.ng[f"db{layer}"])
    for layer in (1, 2):
        above = both.ng[f"delta{layer + 1}"] @ net.coefs[layer].T
        assert_close(both.ng[f"distributed{layer}"], above)
        assert_close(both.hinton[f"dE_dy{layer}"], above)
    assert "distributed3" not in both.ng
    assert_close(both.hinton["dE_dy3"], net.predict(X) - y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_penalties_per_layer_and_rows_of_weight_zero(dtype):
    X, y, weights = data()
    X, y = X.astype(dtype), y.astype(dtype)
    weights[[0, 7]] = 0
    X[0] = np.finfo(dtype).max  # it is left out, so it cannot overflow
    net = Network(
        [4, 6, 5, 3],
        activation=["silu", "tanh"],
        output_activation="softplus",
        loss="huber",
        loss_parameter=0.1,
        alpha=[0.5, 0.0, 2.0],
        l1_ratio=0.3,
        dtype=dtype,
        random_state=0,
    )
    both = formulations(net, X, y, sample_weight=weights)
    some = weights > 0
    assert both.max_difference < 1e-14
    rounding = 1e-13 if dtype == "float64" else 2e-6
    for row in both.rows:
        assert row.ng_core is None or row.ng_core < rounding, row
        assert row.ng_numeric is None or row.ng_numeric < 1e-6, row
    for formulation in FORMULATIONS:
        found = getattr(both, formulation)
        for layer, size in zip(layers_of(net), net.layer_sizes[1:], strict=True):
            delta = found[f"delta{layer}"]
            assert delta.shape == (12, size)
            assert (delta[~some] == 0).all() and (delta[some] != 0).any()
            if formulation != "core":
                assert delta.dtype == np.float64
    if dtype == "float64":
        for found in (both.ng, both.hinton):
            present = {
                name: array[some] if name.startswith("delta") else array
                for name, array in found.items()
            }
            assert_gradients_of_hand(present, net, X[some], y[some], weights[some])


def test_float32_targets_that_sum_to_one_only_in_float32():
    X, y, _ = data(7)
    y = (y / y.sum(axis=1, keepdims=True)).astype("float32")
    assert (y.astype("float64").sum(axis=1) != 1).any()
    net = Network(
        [4, 5, 7],
        output_activation="softmax",
        loss="log_loss",
        dtype="float32",
        activation="tanh",
        random_state=0,
    )
    both = formulations(net, X, y)
    assert both.is_canonical and both.mistake < 1e-6 and both.max_difference < 1e-6
    assert len(both.training(3)["true"]) == 4


def test_the_loss_parameter_has_the_data_type_of_the_network():
    X, y, _ = data(1)
    net = Network(
        [4, 1], loss="quantile", loss_parameter=0.1, dtype="float32", random_state=0
    )
    both = formulations(
        net, X, y + 5
    )  # all above the prediction: the derivative is -0.1
    np.testing.assert_array_equal(both.hinton["dE_dy1"], both.core["dE_dy1"])
    np.testing.assert_array_equal(both.ng["delta1"], -np.float32(0.1))


def log_cosh(y, y_pred):
    r = y_pred - y
    return np.log(np.cosh(r)).sum(axis=1), np.tanh(r)


@pytest.mark.parametrize("output", ["identity", "softmax", "tanh"])
def test_a_custom_loss(output):
    X, y, weights = data()
    net = Network(
        [4, 5, 3],
        activation="tanh",
        loss=log_cosh,
        output_activation=output,
        random_state=0,
    )
    both = formulations(net, X, y, sample_weight=weights)
    assert not both.is_canonical and both.max_difference < 1e-14
    assert all(row.ng_numeric is None or row.ng_numeric < 1e-7 for row in both.rows)
    assert both.mistake > 1e-2
    assert repr(both).startswith(f"log_cosh with {output} is not a canonical pair")


def test_a_fitted_estimator_and_its_labels():
    X, y, _ = data(1)
    labels = np.where(y.ravel() > 0.5, "high", "low")
    model = MLPClassifier((5,), max_iter=3, random_state=0).fit(X, labels)
    both = formulations(model, X, labels)
    targets = (labels == "low").reshape(-1, 1).astype(float)
    reference = formulations(model.network_, X, targets)
    for formulation in FORMULATIONS:
        for name, array in getattr(reference, formulation).items():
            np.testing.assert_array_equal(getattr(both, formulation)[name], array)
    assert both.is_canonical and both.loss == "binary_log_loss"


def test_tables_of_any_kind():
    X, y, _ = data(1)
    net = Network([4, 5, 1], random_state=0)
    reference = formulations(net, X, y)
    for X_kind, y_kind in (
        (scipy.sparse.csr_matrix(X), y.ravel()),
        (scipy.sparse.csc_array(X), y),
        (X.tolist(), y.tolist()),
    ):
        both = formulations(net, X_kind, y_kind)
        for formulation in FORMULATIONS:
            for name, array in getattr(reference, formulation).items():
                assert_close(getattr(both, formulation)[name], array)


# --- Saturated outputs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "output", "z", "y"),
    [
        ("log_loss", "softmax", [0.0, 900.0], [1.0, 0.0]),
        ("binary_log_loss", "logistic", [-800.0, 0.3], [1.0, 0.0]),
        ("poisson", "exp", [-800.0, 0.3], [1.0, 1.0]),
    ],
)
def test_two_steps_fail_visibly_at_a_saturated_output(loss, output, z, y):
    net = Network([1, 2], loss=loss, output_activation=output)
    net.coefs[0][:], net.intercepts[0][:] = 1e-3, z
    both = formulations(net, np.zeros((1, 1)), [y])
    expected = net.predict(np.zeros((1, 1))) - [y]
    assert np.isnan(both.hinton["delta1"]).any() and np.isnan(both.max_difference)
    np.testing.assert_array_equal(both.ng["delta1"], expected)
    np.testing.assert_array_equal(both.core["delta1"], expected)
    np.testing.assert_allclose(both.numeric["delta1"], expected, atol=1e-6)
    text = repr(both)
    assert "Hinton's product dy/dz times dE/dy is 0 times infinity" in text
    assert "in 1 of 1 rows" in text
    assert "The core computes the gradient at z directly" in text


def test_without_a_canonical_pair_both_formulations_have_two_steps():
    net = Network([1, 1], loss="gamma", output_activation="exp")
    net.coefs[0][:], net.intercepts[0][:] = 0, -400.0  # exp(-400) ** 2 is 0
    both = formulations(net, np.zeros((1, 1)), [1.0])
    for found in (both.ng, both.hinton):
        assert not np.isfinite(found["delta1"]).any()
    assert np.isfinite(both.core["delta1"]).all()
    assert np.isnan(both.max_difference)
    # dF/dW is 0, and NaN by the algorithm: these are not equal.
    (of_W,) = (row for row in both.rows if row.name == "dW1")
    assert np.isnan(of_W.ng_numeric) and of_W.largest == of_W.mistaken_numeric == 0
    assert "The product dy/dz times dE/dy" in repr(both) and "1 of 1 rows" in repr(both)


# --- Training -------------------------------------------------------------------------


def test_training_takes_steps_of_gradient_descent_and_leaves_the_network():
    X, y, weights = data()
    weights[3] = 0
    net = Network([4, 5, 3], alpha=0.2, output_activation="logistic", random_state=0)
    before = net.parameters.copy()
    both = formulations(net, X, y, sample_weight=weights)
    net.parameters *= 2  # later edits do not matter
    losses = both.training(6, learning_rate=0.7)
    np.testing.assert_array_equal(net.parameters, 2 * before)

    def descend(gradients):
        net.parameters[:] = before
        yield net.objective(X, y, weights)
        for _ in range(6):
            of = gradients()
            for layer in layers_of(net):
                net.coefs[layer - 1][:] -= 0.7 * of[f"dW{layer}"]
                net.intercepts[layer - 1][:] -= 0.7 * of[f"db{layer}"]
            yield net.objective(X, y, weights)

    for name, formulation in (("true", "hinton"), ("mistaken", "mistaken")):

        def gradients(formulation=formulation):
            return getattr(formulations(net, X, y, sample_weight=weights), formulation)

        np.testing.assert_allclose(losses[name], list(descend(gradients)), rtol=1e-12)
    assert both.training(6, learning_rate=0.7) == losses
    assert both.training(0) == {
        "true": losses["true"][:1],
        "mistaken": losses["true"][:1],
    }


def test_both_formulations_train_alike_for_a_canonical_pair():
    X, y, _ = data()
    net = Network([4, 5, 3], loss="poisson", output_activation="exp", random_state=0)
    losses = formulations(net, X, y).training(20)
    np.testing.assert_allclose(losses["true"], losses["mistaken"], rtol=1e-12)
    assert losses["true"][-1] < losses["true"][0]


def test_the_mistaken_gradient_of_a_quantile_trains_the_mean():
    rng = np.random.RandomState(0)
    X, y = np.zeros((400, 1)), rng.exponential(size=400)
    net = Network([1, 1], loss="quantile", loss_parameter=0.9, random_state=0)
    both = formulations(net, X, y)
    losses = both.training(2000, learning_rate=0.05)
    # The quantile loss of the best constants: the quantile, and the mean.
    residual = y - np.quantile(y, 0.9), y - y.mean()
    at_quantile, at_mean = (np.maximum(0.9 * r, -0.1 * r).mean() for r in residual)
    assert losses["true"][-1] == pytest.approx(at_quantile, rel=1e-2)
    assert losses["mistaken"][-1] == pytest.approx(at_mean, rel=1e-6)
    assert at_mean > 1.3 * at_quantile


def test_the_mistaken_gradient_may_diverge_where_the_true_one_is_bounded():
    # The delta of gamma is 1 - y / y_pred, but y_pred - y grows with the prediction.
    X, y, _ = data(1)
    net = Network([4, 1], loss="gamma", output_activation="exp", random_state=0)
    net.intercepts[-1][:] = np.log(1000)
    losses = formulations(net, X, y).training(200, learning_rate=0.1)
    assert losses["true"][-1] < 0.1 * losses["true"][0]
    assert not losses["mistaken"][-1] <= 1e6 * losses["mistaken"][0]


def test_the_mistaken_gradient_ascends_where_the_output_decreases():
    # silu decreases left of -1.28: where y_pred is too low, z has to become lower.
    net = Network([1, 1], output_activation="silu")
    net.coefs[0][:], net.intercepts[0][:] = 0, -2.0
    both = formulations(net, np.ones((1, 1)), [-0.1])
    assert both.cosine == pytest.approx(-1)
    losses = both.training(10)
    assert losses["true"][-1] < losses["true"][0] < losses["mistaken"][-1]


# --- Output and arguments -------------------------------------------------------------


def test_it_prints_as_a_table_that_begins_with_the_answer():
    X, y, _ = data()
    net = Network([4, 5, 3], output_activation="logistic", random_state=0)
    both = formulations(net, X, y)
    text = repr(both)
    assert text.startswith("squared_error with logistic is not a canonical pair")
    text, table = text[: text.index("Ng  ")].split("\n"), text[text.index("Ng  ") :]
    words = " ".join(text)
    assert "Both courses give the same numbers" in words
    assert f"{both.mistake:.3g} times" in words and f"{both.cosine:.2f}" in words
    lines = table[table.index("---") :].splitlines()
    assert len(lines) == 1 + len(both.rows) == 1 + 8
    assert [line.split()[:2] for line in lines[1:]] == [
        ["-", "dE_dy2"],
        ["delta2", "dE_dz2"],
        ["dW2", "dW2"],
        ["db2", "db2"],
        ["distributed1", "dE_dy1"],
        ["delta1", "dE_dz1"],
        ["dW1", "dW1"],
        ["db1", "db1"],
    ]
    html = both._repr_html_()
    assert html.count("<tr>") == 9 and "12 x 3" in html and "distributed1" in html
    assert both.names == ["delta2", "dW2", "db2", "delta1", "dW1", "db1"]
    for formulation in FORMULATIONS:
        assert set(both.names) <= set(getattr(both, formulation))


def test_agreement_by_chance_is_reported():
    # Inside its threshold the Huber loss is the squared error.
    X, y, _ = data()
    net = Network([4, 5, 3], loss="huber", loss_parameter=100.0, random_state=0)
    both = formulations(net, X, y)
    assert not both.is_canonical and both.mistake < 1e-6
    assert "happens to give the gradient" in repr(both)


def test_differences_are_taken_of_some_entries_of_a_large_tensor():
    X, y, _ = data()
    net = Network([4, 30, 3], activation="tanh", random_state=0)
    both = formulations(net, X, y, n_differences=25)
    for name, array in both.numeric.items():
        assert np.isfinite(array).sum() == min(25, array.size), name
    assert all(row.ng_numeric is None or row.ng_numeric < 1e-7 for row in both.rows)
    first, last = both.numeric["dW1"].flat[0], both.numeric["dW1"].flat[-1]
    assert np.isfinite([first, last]).all()


@pytest.mark.promise(
    "Inspection",
    "formulations, and the trainings that it compares, leave the network and the data"
    " unchanged.",
)
def test_the_network_and_the_data_are_left_as_they_were():
    X, y, weights = data()
    net = Network([4, 5, 3], loss=log_cosh, random_state=0)
    arrays = (net.parameters, X, y, weights)
    before = [array.copy() for array in arrays]
    formulations(net, X, y, sample_weight=weights).training(3)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("change", "raised", "words"),
    [
        ({"network": "net"}, TypeError, "network must be a Network or .* Got str"),
        ({"X": [[1.0]]}, ValueError, "X must have 4 features. Got 1"),
        ({"y": [[1.0, 2.0]]}, ValueError, r"y must have the shape \(12, 3\)"),
        ({"sample_weight": [-1] * 12}, ValueError, "sample_weight must be >= 0"),
        ({"n_differences": 0}, ValueError, "n_differences must be an int >= 1. Got 0"),
        ({"n_differences": 2.5}, TypeError, "n_differences must be an int"),
        ({"n_differences": True}, TypeError, "n_differences must be an int"),
    ],
)
def test_invalid_arguments_are_named(change, raised, words):
    X, y, _ = data()
    given = {"network": Network([4, 5, 3], random_state=0), "X": X, "y": y} | change
    with pytest.raises(raised, match=words):
        formulations(given.pop("network"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize(
    ("arguments", "raised", "words"),
    [
        ({"n_steps": -1}, ValueError, "n_steps must be an int >= 0. Got -1"),
        ({"n_steps": 1.0}, TypeError, "n_steps must be an int >= 0. Got 1.0"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be a finite number > 0"),
        ({"learning_rate": np.inf}, ValueError, "Got inf"),
        ({"learning_rate": "fast"}, ValueError, "Got 'fast'"),
    ],
)
def test_invalid_arguments_of_training_are_named(arguments, raised, words):
    X, y, _ = data()
    both = formulations(Network([4, 5, 3], random_state=0), X, y)
    with pytest.raises(raised, match=words):
        both.training(**arguments)


def test_a_row_without_a_formula_by_hand_is_named(monkeypatch):
    from pybackprop.inspection.delta import float64_copy

    some = {name: float64_copy.ACTIVATIONS[name] for name in ("tanh", "relu")}
    monkeypatch.setattr(float64_copy, "ACTIVATIONS", some)
    X, y, _ = data()
    with pytest.raises(ValueError, match="activation='silu' has no formula by hand"):
        formulations(Network([4, 5, 3], activation="silu"), X, y)


def test_depths_are_those_of_the_gradient_tests():
    assert {depth for *_, depth in BY_HAND} == set(DEPTHS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e300, np.inf, np.nan])
def test_a_diverged_network_is_shown_without_warnings(value):
    network = Network([2, 3, 2], alpha=0.1)
    network.parameters[:] = value
    both = formulations(network, [[1.0, 2.0]], [[1.0, 2.0]])
    assert not np.isfinite(both.ng["dW1"]).all()
    assert "cannot be measured" in repr(both) or "saturated" in repr(both)


def test_jacobians_of_many_classes_are_never_all_in_memory(monkeypatch):
    network = Network([2, 5], output_activation="softmax", random_state=0)
    X, y = np.random.RandomState(0).rand(7, 2), np.eye(7, 5)
    whole = formulations(network, X, y).hinton["dE_dz1"]
    sizes = []

    def recorded(*args):
        sizes.append(dy_dz(*args).size)
        return dy_dz(*args)

    monkeypatch.setattr(courses, "dy_dz", recorded)
    monkeypatch.setattr(courses, "_MAX_ENTRIES", 60)
    by_rows = formulations(network, X, y).hinton["dE_dz1"]
    assert sizes == [50, 50, 50, 25]
    np.testing.assert_array_equal(by_rows, whole)


def test_a_pickle_with_the_former_module_names_loads():
    network = Network([2, 3, 1], random_state=0)
    both = formulations(network, [[0.2, 0.4], [0.1, 0.9]], [0.3, 0.7])
    data = pickle.dumps(both, protocol=2)  # its names are plain text
    for now, before in (
        (b"inspection.delta.formulations", b"inspection._formulations"),
        (b"inspection.delta.float64_copy", b"inspection._in_float64"),
    ):
        assert now in data
        data = data.replace(now, before)
    loaded = pickle.loads(data)
    assert repr(loaded) == repr(both)
    assert loaded.training(2) == both.training(2)

"""Tests explain_delta and delta_table against formulas and the core.

Delta at the output is J^T dloss/dy. It is y_pred - y only where the variance of an
exponential family cancels."""

import numpy as np
import pytest
from scipy.special import expit, ndtr

from pybackprop.inspection import delta_table, explain_delta
from pybackprop.inspection.delta import formulas
from support.gradient_problems import usual_parameter
from support.lists import ACTIVATIONS, LOSSES, OUTPUTS, activate

PAIRS = [(loss, output) for loss in LOSSES for output in OUTPUTS]


def has_words(loss, output):
    """Whether the formulas of both are written down, as all of this package are."""
    is_rowwise = ACTIVATIONS[output]["rowwise"]
    return loss in formulas.LOSS_GRADIENTS and (
        is_rowwise or output in formulas.DERIVATIVES
    )


CANONICAL = {
    ("squared_error", "identity"),
    ("binary_log_loss", "logistic"),
    ("log_loss", "softmax"),
    ("poisson", "exp"),
}


def assert_close(actual, expected):
    atol = 1e-13 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=atol)


@pytest.mark.feature(
    "An explanation of when delta at the output equals y_pred - y",
    'pybackprop.inspection.explain_delta("squared_error", "logistic")',
)
@pytest.mark.sampled(60)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_delta_is_the_product(loss, output):
    of = explain_delta(loss, output)
    for array in (of.z, of.y, of.y_pred, of.dloss_dy, of.delta, of.y_minus):
        assert array.shape == (3,)
        assert array.dtype == np.float64 and np.isfinite(array).all()
    assert of.jacobian.shape == (3, 3)
    assert_close(of.jacobian.T @ of.dloss_dy, of.delta)
    assert_close(of.product, of.delta)
    assert_close(of.y_minus, of.y_pred - of.y)
    assert of.is_canonical == ((loss, output) in CANONICAL)
    equal = np.allclose(of.delta, of.y_minus, rtol=0, atol=1e-12)
    assert equal == of.is_canonical
    assert of.max_difference == np.abs(of.delta - of.y_minus).max()


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_jacobian_matches_differences(output):
    rng = np.random.RandomState(0)
    z = rng.uniform(-2, 2, (5, 4))
    of = explain_delta("squared_error", output, z=z)
    h = 1e-6
    for j, step in enumerate(h * np.eye(4)):
        above, below = (activate(output, z + s) for s in (step, -step))
        np.testing.assert_allclose(
            of.jacobian[:, :, j], (above - below) / (2 * h), atol=1e-8
        )
    is_diagonal = (of.jacobian * (1 - np.eye(4)) == 0).all()
    assert is_diagonal != ACTIVATIONS[output]["rowwise"]


@pytest.mark.parametrize("loss", LOSSES)
def test_default_points_lie_in_the_domain_and_show_both_sides(loss):
    of = explain_delta(loss, LOSSES[loss]["default_output"])
    record = LOSSES[loss]
    assert (of.y >= record["target_low"]).all()
    assert (of.y <= record["target_high"]).all()
    assert (of.y_pred > record["prediction_low"]).all()
    assert (of.y_pred < record["prediction_high"]).all()
    assert (of.y_minus > 0).any() and (of.y_minus < 0).any()
    assert "not defined" not in repr(of)


def test_a_given_point():
    # By hand: y_pred = 1/2, dloss/dy = -1/2, g' = 1/4.
    of = explain_delta("squared_error", "logistic", z=[0.0], y=[1.0])
    assert (of.dloss_dy, of.jacobian, of.delta, of.y_minus) == (
        -0.5,
        0.25,
        -0.125,
        -0.5,
    )
    rows = explain_delta("huber", "tanh", z=[[0, 3], [1, 2]], loss_parameter=0.1)
    assert rows.delta.shape == rows.y.shape == (2, 2)
    assert rows.jacobian.shape == (2, 2, 2)
    assert (np.abs(rows.dloss_dy) <= 0.1).all()
    only_y = explain_delta("log_loss", "softmax", y=[[0, 1, 0, 0], [0.5, 0, 0, 0.5]])
    assert only_y.z.shape == (2, 4)
    only_z = explain_delta("log_loss", "softmax", z=np.zeros((5, 2)))
    np.testing.assert_array_equal(only_z.y.sum(axis=1), 1)


def test_a_custom_loss():
    def log_cosh(y, y_pred):
        return np.log(np.cosh(y_pred - y)).sum(axis=1), np.tanh(y_pred - y)

    of = explain_delta(log_cosh, "logistic", z=[0.3, -2.0], y=[5.0, 0.2])
    y_pred = expit([0.3, -2.0])
    assert_close(of.delta, np.tanh(y_pred - of.y) * y_pred * (1 - y_pred))
    assert not of.is_canonical and "your own" in of.reason
    assert of.formulas["dloss_dy"] is None and of.formulas["delta"] is None
    assert "is not known to be y_pred - y" in repr(of)


def test_a_saturated_output_has_a_delta_without_a_product():
    of = explain_delta("log_loss", "softmax", z=[0.0, 900.0], y=[1.0, 0.0])
    assert np.isnan(of.product).any() and of.dloss_dy[0] == -np.inf
    np.testing.assert_array_equal(of.delta, [-1, 1])
    assert "0 times infinity" in repr(of)


def test_a_point_where_delta_is_the_difference_by_chance():
    text = repr(explain_delta("huber", "identity", z=[0.1], y=[0.0]))
    assert "At this point it happens to be y_pred - y" in text
    assert "happens" not in repr(explain_delta("squared_error", "identity"))


def test_a_prediction_outside_the_domain_is_reported():
    of = explain_delta("poisson", "identity", z=[-1.0, 2.0], y=[1.0, 0.0])
    assert "Some predictions do not lie between 0 and inf" in repr(of)
    # The ends 0 and 1 are in the domain of a log-loss, but not in that of a deviance.
    at_the_end = {"z": [-1.0], "y": [1.0]}
    assert "Some predictions" in repr(explain_delta("poisson", "relu", **at_the_end))
    assert "Some predictions" not in repr(
        explain_delta("log_loss", "relu", **at_the_end)
    )


# --- Formulas, as Python --------------------------------------------------------------

FUNCTIONS = {
    "exp": np.exp,
    "tanh": np.tanh,
    "logistic": expit,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "sign": np.sign,
    "Phi": ndtr,
    "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
}


def evaluated(formula, **values):
    """Evaluate a formula, with the parts that follow its "with"."""
    formula, *parts = formula.split(" with ")
    names = {**FUNCTIONS, "min": min, "max": max, "abs": abs, **values}
    for part in parts:
        name, _, value = part.partition(" = ")
        names[name] = eval(value, {"__builtins__": {}}, names)
    return eval(formula, {"__builtins__": {}}, names)


def at_points(loss, output, n=60):
    rng = np.random.RandomState(0)
    z = rng.uniform(-4, 4, (n, 1))
    y = rng.uniform(0.01, 0.99, (n, 1))
    if LOSSES[loss]["rows_sum_to_one"]:
        y[:] = 1
    return explain_delta(loss, output, z=z, y=y)


def values_of(of, loss):
    """Return the values of the names in a formula at each point."""
    parameter = LOSSES[loss]["parameter"]
    for k in np.flatnonzero(np.isfinite(of.product)):
        values = {"z": of.z.flat[k], "y": of.y.flat[k], "y_pred": of.y_pred.flat[k]}
        if parameter is not None:
            values[parameter] = usual_parameter(loss)
        yield k, values


@pytest.mark.sampled(60)
@pytest.mark.parametrize(
    ("loss", "output"),
    [pair for pair in PAIRS if has_words(*pair) and pair[1] in formulas.DERIVATIVES],
)
def test_a_formula_has_the_values_of_the_core(loss, output):
    of = at_points(loss, output)
    n_points = 0
    for k, values in values_of(of, loss):
        for name, array in (
            ("dloss_dy", of.dloss_dy),
            ("jacobian", of.jacobian),
            ("delta", of.delta),
        ):
            # Constants are written with some digits only.
            expected = pytest.approx(array.flat[k], rel=1e-4, abs=1e-5)
            assert evaluated(of.formulas[name], **values) == expected, name
        n_points += 1
    assert n_points > 10


@pytest.mark.parametrize("loss", formulas.LOSS_GRADIENTS)
def test_the_formula_of_a_softmax(loss):
    of = explain_delta(loss, "softmax")
    parameter = LOSSES[loss]["parameter"]
    n = range(3)
    for i in n:
        for j in n:
            values = {"y_pred_i": of.y_pred[i], "y_pred_j": of.y_pred[j]}
            formula = of.formulas["jacobian"]
            assert evaluated(formula, i=i, j=j, **values) == pytest.approx(
                of.jacobian[i, j]
            )
    if of.is_canonical:
        assert of.formulas["delta"] == "y_pred - y"
        return
    product, _, gradient = of.formulas["delta"].partition(" with q = ")
    assert product == "y_pred_i * (q_i - sum_j y_pred_j * q_j)"
    names = {} if parameter is None else {parameter: usual_parameter(loss)}
    q = np.array(
        [evaluated(gradient, y=of.y[i], y_pred=of.y_pred[i], **names) for i in n]
    )
    assert_close(of.y_pred * (q - of.y_pred @ q), of.delta)


@pytest.mark.parametrize("loss", formulas.FAMILIES)
def test_the_variance_is_the_derivative_of_the_inverse_link(loss):
    family = formulas.FAMILIES[loss]
    power = {"power": 1.5}
    of = at_points(loss, "logistic")
    for k, values in values_of(of, loss):
        V = evaluated(family.variance, **values)
        assert of.dloss_dy.flat[k] * V == pytest.approx(of.y_minus.flat[k], abs=1e-12)
    h = 1e-6
    for z in (-2.0, -0.7):  # natural parameters of all families, including gamma
        above, below, mean = (
            evaluated(family.inverse_link, z=at, **power) for at in (z + h, z - h, z)
        )
        V = evaluated(family.variance, y_pred=mean, **power)
        assert (above - below) / (2 * h) == pytest.approx(V, rel=1e-6)


@pytest.mark.parametrize("loss", formulas.FAMILIES)
def test_the_canonical_output_is_the_inverse_link(loss):
    canonical = LOSSES[loss]["canonical_output"]
    z = np.array([-2.0, -0.7])
    inverse_link = formulas.FAMILIES[loss].inverse_link
    means = [evaluated(inverse_link, z=value, power=1.5) for value in z]
    same = [
        output
        for output in OUTPUTS
        if np.allclose(activate(output, z.reshape(-1, 1))[:, 0], means)
    ]
    assert same == ([] if canonical is None else [canonical])


def test_every_row_is_explained():
    # A new loss works without an entry, but each one of this package has one.
    assert set(formulas.LOSS_GRADIENTS) == set(LOSSES)
    outputs = {name for name in OUTPUTS if not ACTIVATIONS[name]["rowwise"]}
    assert set(formulas.DERIVATIVES) == outputs
    explained = {*formulas.FAMILIES, *formulas._NO_FAMILY, "log_loss"}
    assert explained == set(LOSSES)


@pytest.mark.parametrize(
    ("loss", "output"),
    [("squared_error", "identity"), ("gamma", "exp"), ("huber", "silu")],
)
def test_a_row_without_an_explanation_is_explained_by_its_numbers(
    monkeypatch, loss, output
):
    full = explain_delta(loss, output)
    for table in ("LOSS_GRADIENTS", "DERIVATIVES", "FAMILIES", "_NO_FAMILY"):
        monkeypatch.setattr(formulas, table, {})
    bare = explain_delta(loss, output)
    np.testing.assert_array_equal(bare.delta, full.delta)
    assert bare.is_canonical == full.is_canonical
    assert loss in bare.reason and output in bare.reason
    assert bare.formulas["dloss_dy"] is None
    assert repr(bare).splitlines()[0] == repr(full).splitlines()[0]
    assert len(delta_table().rows) == len(PAIRS)


# --- Explanations ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "output", "words"),
    [
        ("squared_error", "identity", "inverse of its canonical link"),
        ("log_loss", "softmax", "categorical distribution"),
        ("squared_error", "logistic", "only identity has the derivative V"),
        ("gamma", "exp", "is not available"),
        ("absolute_error", "identity", "no negative log-likelihood"),
        ("huber", "identity", "only up to huber_delta"),
        ("squared_error", "softmax", "softmax couples the outputs"),
        ("quantile", "softmax", "softmax couples the outputs"),
        ("log_loss", "logistic", "only where the y_pred of a row sum to one"),
    ],
)
def test_the_reason_names_the_family(loss, output, words):
    of = explain_delta(loss, output)
    assert words in of.reason
    assert ("couples" in of.reason) == (output == "softmax" and loss != "log_loss")
    assert " ".join(of.reason.split()) in " ".join(repr(of).split())


def test_it_prints_numbers_beside_formulas():
    text = repr(explain_delta("squared_error", "logistic", z=[0.0], y=[1.0]))
    assert text.startswith("delta of squared_error with logistic is not y_pred - y.")
    for line in (
        "    dloss/dy = y_pred - y",
        "    dy/dz    = y_pred * (1 - y_pred)",
        "    delta    = (y_pred - y) * y_pred * (1 - y_pred)",
    ):
        assert line in text.splitlines()
    assert text.splitlines()[-1].split() == "1 0 1 0.5 -0.5 0.25 -0.125 -0.5".split()
    softmax = explain_delta("log_loss", "softmax", z=[[1, 2], [3, 4]])
    html = softmax._repr_html_()
    assert html.count("<table>") == 2 and "every output depends on every z" in html
    assert html.count("<tr>") == 2 + 4 + 4
    assert "is y_pred - y" in html


def test_the_table_of_all_pairs():
    table = delta_table()
    assert [(row.loss, row.output_activation) for row in table.rows] == PAIRS
    for row in table.rows:
        pair = (row.loss, row.output_activation)
        assert row.is_canonical == row.equal == (pair in CANONICAL), row
        assert (row.formula is not None) == has_words(*pair)
        # Every activation has predictions in the domain of every loss.
        assert 10 < row.n_points <= 300 and np.isfinite(row.difference)
        assert (row.difference < 1e-12) == row.equal
    by_pair = {(row.loss, row.output_activation): row for row in table.rows}
    # The rounding error shows that the product was computed.
    assert by_pair["log_loss", "softmax"].difference > 0
    # z is between -3 and 3, and a prediction must be between 0 and 1, or above 0.
    assert by_pair["squared_error", "identity"].n_points == 300
    assert 30 < by_pair["log_loss", "identity"].n_points < 70
    assert 120 < by_pair["tweedie", "identity"].n_points < 180
    assert repr(table) == repr(delta_table())
    text, html = repr(table), table._repr_html_()
    assert text.startswith(f"Of {len(PAIRS)} pairs 4 are canonical.")
    assert html.count("<table>") == 1 + len(LOSSES)
    assert html.count("<tr>") == 1 + 4 + len(LOSSES) + len(PAIRS)


# --- Errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("squared", "identity"), "loss must be one of .* Got 'squared'"),
        (("squared_error", "cosine"), "output_activation must be one of .* 'cosine'"),
        (
            ("huber", "identity", None, None, -1.0),
            "the huber_delta of .* Got -1.0",
        ),
        (("gamma", "exp", None, None, 1.0), "has no parameter"),
        (("gamma", "exp", [0.0], [-1.0]), "y must be finite numbers > 0 .* Got -1"),
        (("log_loss", "softmax", [0.0, 1], [1.0, 1]), "sum to 1 in each row"),
        (("squared_error", "tanh", [0.0, 1], [1.0]), r"the shape of z, \(2,\). Got"),
        (("squared_error", "tanh", 0.0), r"z must have the shape \(n_outputs,\)"),
        (("squared_error", "tanh", np.zeros((1, 2, 3))), "z must have the shape"),
        (("squared_error", "tanh", []), "z must have the shape"),
        (("squared_error", "tanh", [np.nan]), "z must be finite. Got NaN"),
        (("squared_error", "tanh", None, [np.inf]), "y must be finite"),
        (("squared_error", "tanh", ["a"]), "z must hold numbers. Got strings"),
        (("squared_error", "tanh", [[1], [2, 3]]), "z must be an array of numbers"),
    ],
)
def test_invalid_arguments_are_named(arguments, words):
    names = ("loss", "output_activation", "z", "y", "loss_parameter")
    given = dict(zip(names, arguments, strict=False))
    with pytest.raises(ValueError, match=words):
        explain_delta(given.pop("loss"), given.pop("output_activation"), **given)


@pytest.mark.parametrize(
    ("shape", "words", "n_rows"),
    [
        ((1797, 10), "Of 1797 samples, the first 10:", 2 * 100),
        ((300, 40), "Of 300 samples, the first 2:", 80),
        ((1000,), "Of 1000 units, the first 100:", 100),
    ],
)
def test_long_tables_are_printed_shortened(shape, words, n_rows):
    of = explain_delta("log_loss", "softmax", z=np.zeros(shape))
    assert of.delta.shape == shape
    lines = repr(of).splitlines()
    assert words in lines
    assert n_rows < len(lines) < n_rows + 20
    assert max(map(len, lines)) <= 120

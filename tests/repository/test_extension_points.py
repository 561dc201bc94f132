"""Tests a copy of the tree with one more row in every list of the core.

The copy is built, and the tests that iterate over the lists run on it.  Only those of
``ASK_FOR_THE_ROW`` fail, since they need the formula a second time, in another language
or by hand.  One of the two new activations has a wrong derivative, which the tests of
derivatives must find.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

from support.checkout import ROOT, TESTS, files_of_tests

pytestmark = [pytest.mark.full, pytest.mark.slow]

NEW_ACTIVATIONS = """
ELEMENTWISE_ACTIVATION(softsign,
    VALUE(v_div(z, v_add(v_set1(1), v_abs(z)))),
    DERIVATIVE_FROM_Z(v_div(v_set1(1), v_mul(v_add(v_set1(1), v_abs(z)),
                                             v_add(v_set1(1), v_abs(z))))),
    NO_LOG, RANGE(ABOVE(-1), BELOW(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(mistaken,
    VALUE(v_mul(z, z)),
    DERIVATIVE_FROM_Z(z),
    NO_LOG, RANGE(FROM(0), BELOW(INFINITY)), INIT(6, FAN_IN), PLACES(OUTPUT))
"""

# log cosh(y_pred - y) = |e| + log1p(e^-2|e|) - log 2, whose derivative is tanh.
NEW_LOSS = """
LOSS(log_cosh,
    VALUE(v_sub(v_add(v_abs(v_sub(a, y)),
                      v_log1p_unit(v_exp(v_mul(v_set1(-2), v_abs(v_sub(a, y)))))),
                v_set1(REAL(0.693147180559945309417)))),
    GRADIENT(v_tanh(v_sub(a, y))),
    VALUE_IN_Z(v_sub(v_add(v_abs(v_sub(z, y)),
                           v_log1p_unit(v_exp(v_mul(v_set1(-2), v_abs(v_sub(z, y)))))),
                     v_set1(REAL(0.693147180559945309417)))),
    DELTA_IN_Z(v_tanh(v_sub(z, y))),
    TASK(REGRESSION), DEFAULT_OUTPUT(identity),
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))
"""

# Adagrad (Duchi et al. 2011).
NEW_OPTIMIZER = """
OPTIMIZER(adagrad, STATES(1),
    CONSTANTS(-rate, h->epsilon),
    UPDATE(
        s0 = v_add(s0, v_mul(g, g));
        w = v_add(w, v_div(v_mul(c0, g), v_add(v_sqrt(s0), c1)));),
    STEP(SCALE_INVARIANT))
"""

NEW_SCHEDULE = """
SCHEDULE(quadratic,
    RATE(rate * ((1 - x) * (1 - x))), AFTER_EPOCH(rate), ON_PLATEAU(STOP),
    FOR(ALL))
"""

NEW_ROWS = {
    "activations": NEW_ACTIVATIONS,
    "losses": NEW_LOSS,
    "optimizers": NEW_OPTIMIZER,
    "schedules": NEW_SCHEDULE,
}

# Tests that fail for a new row until it is added in the place named here.
ASK_FOR_THE_ROW = {
    "core/test_golden_bits.py::test_every_data_type_and_kind_of_line_is_recorded": (
        "tests/golden_bits.txt, by make golden-bits"
    ),
    "network/test_gradients.py::test_every_function_of_the_lists_is_written_by_hand": (
        "pybackprop/by_hand: an activation, a loss"
    ),
    "network/test_losses.py::test_every_regression_loss_is_tested_here": (
        "the table of that file: a loss of regression"
    ),
    "inspection/test_explain_delta.py::test_every_row_is_explained": (
        "pybackprop/inspection/delta/formulas.py: an activation, a loss"
    ),
    "export/test_export_c.py::test_every_activation_of_the_core_has_an_expression": (
        "pybackprop/export/c.py and tests/support/activation_formulas.py"
    ),
    "export/test_export_onnx.py::test_every_activation_of_the_core_has_nodes": (
        "pybackprop/export/_onnx_nodes.py and tests/support/activation_formulas.py"
    ),
    "training/test_update_rules.py::test_every_solver_of_the_list_is_tested_here": (
        "tests/support/plain_training.py: an optimizer"
    ),
    "training/test_schedules.py::test_every_schedule_has_a_formula_here": (
        "the formulas of that file: a schedule"
    ),
}


def add_rows(path, rows):
    text = path.read_text()
    end = text.rindex("/* clang-format on */")
    path.write_text(text[:end] + rows + text[end:])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    if not (ROOT / "csrc").exists():
        pytest.skip("needs the source tree")
    tree = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "_build")
    for name in ("csrc", "pybackprop", "tests", "docs"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    for name, rows in NEW_ROWS.items():
        add_rows(tree / "csrc" / "registry" / f"{name}.def", rows)
    # The same bits as with -O2, in half the time.
    build = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        + [str(tree / "installed"), str(tree)],
        env={**os.environ, "CFLAGS": "-O1"},
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return tree


def run(tree, *arguments, folder="tests"):
    """Run Python with the package of the copy."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(tree / "installed"),
            "MPLBACKEND": "agg",
        },
        capture_output=True,
        text=True,
        cwd=tree / folder,
    )


def run_tests(tree, *arguments):
    options = ["-q", "-p", "no:cacheprovider"]
    return run(tree, "-m", "pytest", *options, *arguments)


def files_over_the_lists():
    """Return the test files whose cases come from the lists."""
    found = [
        path.relative_to(TESTS).as_posix()
        for path in files_of_tests()
        if re.search(
            r"support\.lists import .*[A-Z]|support import lists"
            r"|gradient_problems import|\bcatalogue\(",
            path.read_text("utf-8"),
        )
    ]
    return [name for name in found if not name.endswith("test_extension_points.py")]


def test_the_tests_over_the_lists_pass_but_those_that_ask_for_the_row(tree):
    """Run the sample of each product, which has every row of the lists."""
    result = run_tests(
        tree,
        "-m",
        "not slow",
        "-k",
        "not mistaken",
        "--tb=line",
        *files_over_the_lists(),
    )
    failed = re.findall(
        r"^(?:FAILED|ERROR) ([\w/.]+::\w+)", result.stdout, re.MULTILINE
    )
    assert set(failed) == set(ASK_FOR_THE_ROW), result.stdout
    assert " passed" in result.stdout


@pytest.mark.parametrize("name", ["softsign", "log_cosh", "adagrad", "quadratic"])
def test_a_new_row_is_tested_with_no_further_edit(tree, name):
    result = run_tests(
        tree,
        "network/test_gradients.py",
        "training",
        "--full",
        "-m",
        "not slow",
        "-k",
        f"{name} and not mistaken",
    )
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


def test_a_wrong_derivative_is_caught(tree):
    result = run_tests(
        tree,
        "network/test_gradients.py",
        "--full",
        "-k",
        "mistaken and finite_differences",
    )
    assert result.returncode == 1, result.stdout
    assert " failed" in result.stdout and " passed" not in result.stdout


def test_the_page_of_names_shows_the_new_rows(tree):
    result = run(tree, "20_names.py", folder="docs/guide")
    assert result.returncode == 0, result.stderr
    for name in ("softsign", "log_cosh", "adagrad", "quadratic"):
        assert name in result.stdout


def test_a_new_row_is_a_choice_of_the_estimators(tree):
    program = (
        "from pybackprop import MLPRegressor\n"
        "model = MLPRegressor(loss='log_cosh', activation='softsign', max_iter=2)\n"
        "model.fit([[0.0], [1.0]], [0.0, 1.0]).predict([[0.5]])\n"
        "try:\n"
        "    MLPRegressor(activation='nonsense').fit([[0.0]], [0.0])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    result = run(tree, "-c", program)
    assert result.returncode == 0, result.stderr
    assert "'softsign'" in result.stdout


TRAINING = """
import numpy as np
from pybackprop import MLPRegressor, Network

X, y = np.random.RandomState(0).standard_normal((2, 9, 1))
network = Network([1, 1], random_state=0)
model = MLPRegressor(
    hidden_layer_sizes=(),
    solver="adagrad",
    learning_rate="quadratic",
    learning_rate_init=0.5,
    max_iter=4,
    n_iter_no_change=4,
    alpha=0,
    coefs_init=network.coefs,
    intercepts_init=network.intercepts,
).fit(X, y.ravel())
squares = 0
for epoch in range(4):  # of one batch
    (coefs,), (intercepts,) = network.gradients(X, y)
    gradient = np.concatenate((coefs.ravel(), intercepts))
    squares = squares + gradient**2
    rate = 0.5 * (1 - epoch / 4) ** 2
    network.parameters[:] -= rate * gradient / (np.sqrt(squares) + model.epsilon)
reached = [*model.coefs_[0].ravel(), *model.intercepts_[0]]
np.testing.assert_allclose(reached, network.parameters, rtol=1e-12)
"""


def test_a_new_update_rule_and_a_new_schedule_train_an_estimator(tree):
    result = run(tree, "-W", "ignore", "-c", TRAINING)
    assert result.returncode == 0, result.stderr

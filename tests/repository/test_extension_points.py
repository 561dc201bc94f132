"""A row that is added to a list gets everything: its name, kernels, messages and tests.

One of the two new activations has a wrong slope, and its tests must fail.
"""

import os
import shutil
import subprocess
import sys

import pytest

from support.checkout import ROOT, TESTS

pytestmark = [pytest.mark.full, pytest.mark.slow]

NEW_ACTIVATIONS = """
ELEMENTWISE_ACTIVATION(softsign,
    VALUE(v_div(z, v_add(v_set1(1), v_abs(z)))),
    DERIVATIVE_FROM_Z(v_div(v_set1(1), v_mul(v_add(v_set1(1), v_abs(z)),
                                      v_add(v_set1(1), v_abs(z))))),
    NO_LOG, RANGE(ABOVE(-1), BELOW(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(wrong,
    VALUE(v_mul(z, z)),
    DERIVATIVE_FROM_Z(z),
    NO_LOG, RANGE(FROM(0), BELOW(INFINITY)), INIT(6, FAN_IN), PLACES(ANYWHERE))
"""

# log cosh(y_pred - y) = |e| + log1p(e^-2|e|) - log 2, whose slope is tanh.
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
    DEFAULT_OUTPUT(identity), CANONICAL(NONE),
    NO_PARAMETER,
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))
"""

# Adagrad (Duchi et al. 2011).
NEW_OPTIMIZER = """
OPTIMIZER(adagrad, STATES(1),
    CONSTANTS(-rate, h->epsilon),
    UPDATE(
        s0 = v_add(s0, v_mul(g, g));
        w = v_add(w, v_div(v_mul(c0, g), v_add(v_sqrt(s0), c1)));))
"""

NEW_SCHEDULE = """
SCHEDULE(quadratic, FOR(ALL), RATE(rate * ((1 - x) * (1 - x))), AFTER_EPOCH(rate),
    ON_PLATEAU(STOP))
"""


def add_rows(path, rows):
    text = path.read_text()
    end = text.rindex("/* clang-format on */")
    path.write_text(text[:end] + rows + text[end:])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    if not (ROOT / "csrc").exists():
        pytest.skip("needs the source tree")
    tree = tmp_path_factory.mktemp("tree")
    for name in (
        "csrc",
        "pybackprop",
        "setup.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    ):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(source, tree / name, ignore=ignored)
        else:
            shutil.copy(source, tree / name)
    (tree / "tests").mkdir()
    shutil.copytree(TESTS / "support", tree / "tests" / "support")
    for name in ("network/test_gradients.py", "core/test_activations.py"):
        shutil.copy(TESTS / name, tree / "tests")
    lists = tree / "csrc" / "lists"
    add_rows(lists / "activations.h", NEW_ACTIVATIONS)
    add_rows(lists / "losses.h", NEW_LOSS)
    add_rows(lists / "optimizers.h", NEW_OPTIMIZER)
    add_rows(lists / "schedules.h", NEW_SCHEDULE)
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


def run_tests(tree, keyword):
    program = (
        f"import sys; sys.path.insert(0, {str(tree / 'installed')!r}); import pytest; "
        f"sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', '-k', "
        f"{keyword!r}, "
        f"{str(tree / 'tests')!r}]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tree / "tests",
    )


@pytest.mark.parametrize("name", ["softsign", "log_cosh"])
def test_a_new_row_is_tested_with_no_further_edit(tree, name):
    result = run_tests(tree, f"{name} and not wrong")
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


def test_a_wrong_slope_is_caught(tree):
    result = run_tests(tree, "wrong and finite_differences")
    assert result.returncode == 1, result.stdout
    assert "1 failed" in result.stdout


def test_a_new_row_is_a_choice_of_the_estimators(tree):
    program = (
        f"import sys; sys.path.insert(0, {str(tree / 'installed')!r})\n"
        "from pybackprop import MLPRegressor\n"
        "model = MLPRegressor(loss='log_cosh', activation='softsign', max_iter=2)\n"
        "model.fit([[0.0], [1.0]], [0.0, 1.0]).predict([[0.5]])\n"
        "try:\n"
        "    MLPRegressor(activation='nonsense').fit([[0.0]], [0.0])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
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
    program = f"import sys; sys.path.insert(0, {str(tree / 'installed')!r})\n{TRAINING}"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr

"""A row that is added to a list gets everything: its name, kernels, messages and tests.

One of the two new activations has a wrong slope, and its tests must fail.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NEW_ACTIVATIONS = """
ELEMENTWISE_ACTIVATION(softsign,
    VALUE(v_div(z, v_add(v_set1(1), v_abs(z)))),
    SLOPE_IN_Z(v_div(v_set1(1), v_mul(v_add(v_set1(1), v_abs(z)),
                                      v_add(v_set1(1), v_abs(z))))),
    NO_LOG, RANGE(ABOVE(-1), BELOW(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(wrong,
    VALUE(v_mul(z, z)),
    SLOPE_IN_Z(z),
    NO_LOG, RANGE(FROM(0), BELOW(INFINITY)), INIT(6, FAN_IN), PLACES(ANYWHERE))
"""

# log cosh(y_pred - y) = |e| + log1p(e^-2|e|) - log 2, whose slope is tanh.
NEW_LOSS = """
LOSS(log_cosh,
    VALUE(v_sub(v_add(v_abs(v_sub(a, y)),
                      v_log1p_unit(v_exp(v_mul(v_set1(-2), v_abs(v_sub(a, y)))))),
                v_set1(REAL(0.693147180559945309417)))),
    SLOPE(v_tanh(v_sub(a, y))),
    DEFAULT_OUTPUT(identity), CANONICAL(NONE),
    VALUE_IN_Z(v_sub(v_add(v_abs(v_sub(z, y)),
                           v_log1p_unit(v_exp(v_mul(v_set1(-2), v_abs(v_sub(z, y)))))),
                     v_set1(REAL(0.693147180559945309417)))),
    DELTA_IN_Z(v_tanh(v_sub(z, y))),
    NO_PARAMETER,
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))
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
    for name in ("test_gradients.py", "test_activations.py"):
        shutil.copy(ROOT / "tests" / name, tree / "tests")
    add_rows(tree / "csrc" / "lists" / "activations.h", NEW_ACTIVATIONS)
    add_rows(tree / "csrc" / "lists" / "losses.h", NEW_LOSS)
    build = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        + [str(tree / "installed"), str(tree)],
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["softsign", "log_cosh"])
def test_a_new_row_is_tested_with_no_further_edit(tree, name):
    result = run_tests(tree, f"{name} and not wrong")
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


@pytest.mark.slow
def test_a_wrong_slope_is_caught(tree):
    result = run_tests(tree, "wrong and finite_differences")
    assert result.returncode == 1, result.stdout
    assert "1 failed" in result.stdout


@pytest.mark.slow
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

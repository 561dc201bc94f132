"""The list of mutants keeps up with the tree; ``tests/mutants/run.py`` plants them."""

import ast
from collections import Counter

import pytest
from mutants import MUTANTS, OF_PROMISES, WITHOUT_MUTANT
from mutants.planted import Mutant, expression_of

from support.checkout import ROOT, TESTS, files_of_tests
from support.promises import promises

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir(), reason="needs the source tree"
)


def functions_of_tests():
    """Yield (folder/file.py::function, decorators as source text) of each test."""
    for path in files_of_tests():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                name = f"{path.relative_to(TESTS).as_posix()}::{node.name}"
                yield name, [ast.unparse(mark) for mark in node.decorator_list]


@pytest.fixture(scope="module")
def marks():
    return dict(functions_of_tests())


def with_promise(marks):
    return [
        name
        for name, decorators in marks.items()
        if any(mark.startswith("pytest.mark.promise(") for mark in decorators)
    ]


def test_each_pattern_matches_exactly_once():
    places = {
        mutant.name: [path.name for path, _ in mutant.places(ROOT)]
        for mutant in MUTANTS
    }
    assert {name: found for name, found in places.items() if len(found) != 1} == {}


def test_each_promise_has_a_mutant(marks):
    shown = with_promise(marks)
    assert len(shown) == len(promises())
    assert {m.test for m in OF_PROMISES} == set(shown) - set(WITHOUT_MUTANT)
    assert set(WITHOUT_MUTANT) <= set(shown) and len(WITHOUT_MUTANT) < 5


def test_each_mutant_names_a_test_of_the_short_run(marks):
    named = {mutant.test for mutant in MUTANTS}
    assert named <= set(marks)
    assert [t for t in named if "pytest.mark.full" in marks[t]] == []


def test_each_mutant_is_another_change_with_a_name_of_its_own():
    assert Counter(m.name for m in MUTANTS).most_common(1)[0][1] == 1
    changes = Counter((m.pattern, m.planted) for m in MUTANTS)
    assert changes.most_common(1)[0][1] == 1
    assert 70 <= len(MUTANTS) <= 100


@pytest.mark.parametrize(
    "text",
    [
        "w->sum[k] += s * w->losses[i];",
        "part.total\n    +=   s*pass(a, b[0]);",
        "total += /* no */ s * x",
    ],
)
def test_a_pattern_is_found_whatever_the_names_and_the_white_space(text):
    found = expression_of("$sum += $weight * $loss;").search(text)
    assert (found is None) == ("/*" in text)


@pytest.mark.parametrize("text", ["a.b = a.b + 1", "f(\n    x[0],\n    y,\n)"])
def test_the_same_name_is_the_same_text(text):
    assert expression_of("$x = $x + 1" if "=" in text else "f($x, $y)").search(text)
    assert not expression_of("$x = $y + $x" if "=" in text else "f($x, $x)").search(
        text
    )


def test_only_the_enclosed_part_is_replaced(tmp_path):
    path = tmp_path / "csrc" / "sum.c"
    path.parent.mkdir()
    path.write_text("total->loss +=\n    w[i] * loss;\n", "utf-8")
    mutant = Mutant("", "$sum += «$weight * $loss»;", "$loss / $weight", "")
    changed, text = mutant.plant(tmp_path)
    assert (changed, text) == (path, "total->loss +=\n    w[i] * loss;\n")
    assert path.read_text("utf-8") == "total->loss +=\n    loss / w[i];\n"
    assert mutant.places(tmp_path) == []

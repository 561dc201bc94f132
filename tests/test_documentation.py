"""What the documents show works as shown."""

import doctest
import inspect
import re
from pathlib import Path

import feature_table
import promises
import pytest

import pybackprop
from pybackprop import classifier, regressor
from pybackprop.export import c as export_c
from pybackprop.export import sklearn as export_sklearn

README = Path(__file__).parents[1] / "README.md"
PROMISES = README.parent / "docs" / "what_you_can_rely_on.md"


@pytest.mark.parametrize("module", [classifier, regressor, export_c, export_sklearn])
def test_the_examples_of_docstrings(module):
    failed, attempted = doctest.testmod(module)
    assert failed == 0
    assert attempted > 0


def test_the_blocks_of_the_readme(capsys):
    if not README.exists():
        pytest.skip("needs the source tree")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    score, canonical, other, *table = capsys.readouterr().out.splitlines()
    assert float(score) > 0.9
    assert "log_loss with softmax is a canonical pair" in table[0]
    assert "Both courses give the same numbers" in table[1]
    delta, difference = re.findall(r"\[\[(.*?)\]\]", canonical)
    assert delta == difference
    delta, difference = re.findall(r"\[\[(.*?)\]\]", other)
    assert delta != difference


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "Network"])
def test_every_parameter_is_documented(name):
    cls = getattr(pybackprop, name)
    documented = inspect.getdoc(cls).split("Attributes\n")[0]
    for parameter in inspect.signature(cls).parameters:
        assert re.search(rf"^(\w+, )?{parameter}\b.* : ", documented, re.MULTILINE), (
            parameter
        )


def test_the_table_of_features_is_that_of_the_tests():
    if not README.exists():
        pytest.skip("needs the source tree")
    text = README.read_text("utf-8")
    assert feature_table.replaced(text) == text, "run: make features"


def test_every_feature_is_named_once_and_written_as_python():
    rows = [row for _, row in feature_table.features()]
    assert len(rows) > 0
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        compile(row["use"], row["name"], "exec")
        assert re.fullmatch(r"(#\d+(, )?)*", row.get("requested", ""))


def test_the_page_of_promises_is_that_of_the_tests():
    if not PROMISES.exists():
        pytest.skip("needs the source tree")
    page = PROMISES.read_text("utf-8")
    assert promises.replaced(page) == page, "run: make promises"


def test_every_promise_is_made_once_and_every_section_has_some():
    if not PROMISES.exists():
        pytest.skip("needs the source tree")
    made = [promise for _, promise in promises.promises()]
    assert len({promise["sentence"] for promise in made}) == len(made)
    sections = promises.sections(PROMISES.read_text("utf-8"))
    assert {promise["section"] for promise in made} == set(sections)

"""Examples, tables and parameter lists of the documents are right."""

import doctest
import inspect
import os
import re
import subprocess
import sys

import pytest

import pybackprop
from pybackprop import classifier, regressor
from pybackprop.export import c as export_c
from pybackprop.export import sklearn as export_sklearn
from support import feature_table, promises
from support.checkout import ROOT

README = ROOT / "README.md"
FEATURES, PROMISES = feature_table.PAGE, promises.PAGE
needs_source = pytest.mark.skipif(not README.exists(), reason="needs the source tree")


@pytest.mark.parametrize(
    "module",
    [
        sys.modules[pybackprop.catalogue.__module__],
        classifier,
        regressor,
        export_c,
        export_sklearn,
    ],
)
def test_the_examples_of_docstrings(module):
    failed, attempted = doctest.testmod(module)
    assert failed == 0
    assert attempted > 0


@needs_source
def test_the_readme_is_short():
    text = README.read_bytes()
    assert len(text) <= 8192
    assert text.count(b"\n") <= 150
    start = b"".join(text.splitlines(keepends=True)[:60])
    assert b"`make demo`" in start and b"`make test`" in start


@needs_source
def test_the_blocks_of_the_readme_print_what_it_shows(capsys):
    pairs = re.findall(
        r"```python\n(.*?)```\n\n```text\n(.*?)```",
        README.read_text("utf-8"),
        re.DOTALL,
    )
    assert len(pairs) == README.read_text("utf-8").count("```python") == 2
    for block, printed in pairs:
        exec(compile(block, "README.md", "exec"), {})
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "Network"])
def test_every_parameter_is_documented(name):
    cls = getattr(pybackprop, name)
    documented = inspect.getdoc(cls).split("Attributes\n")[0]
    for parameter in inspect.signature(cls).parameters:
        assert re.search(rf"^(\w+, )?{parameter}\b.* : ", documented, re.MULTILINE), (
            parameter
        )


@needs_source
def test_the_tables_of_features_match_the_marks():
    text = FEATURES.read_text("utf-8")
    assert feature_table.replaced(text) == text, "run: make features"


def test_every_feature_has_one_theme():
    names = [name for names in feature_table.THEMES.values() for name in names]
    assert sorted(names) == sorted(row["name"] for _, row in feature_table.features())


def test_every_feature_is_named_once_and_written_as_python():
    rows = [row for _, row in feature_table.features()]
    assert len(rows) > 0
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        compile(row["use"], row["name"], "exec")
        assert re.fullmatch(r"(#\d+(, )?)*", row.get("requested", ""))


@needs_source
def test_the_page_of_promises_matches_the_marks():
    page = PROMISES.read_text("utf-8")
    assert promises.replaced(page) == page, "run: make promises"


@needs_source
def test_every_promise_is_made_once_and_every_section_has_some():
    made = [promise for _, promise in promises.promises()]
    assert len({promise["sentence"] for promise in made}) == len(made)
    sections = promises.sections(PROMISES.read_text("utf-8"))
    assert {promise["section"] for promise in made} == set(sections)


@needs_source
def test_a_package_without_its_core_names_the_command_that_builds_it(tmp_path):
    package = tmp_path / "pybackprop"
    package.mkdir()
    (package / "__init__.py").write_bytes(
        (ROOT / "pybackprop" / "__init__.py").read_bytes()
    )
    # -S: an editable install elsewhere would provide the core.
    run = subprocess.run(
        [sys.executable, "-S", "-c", "import pybackprop"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "ImportError" in run.stderr
    assert "pip install -e ." in run.stderr

"""Tests that all test files are collected and that no list of cases is empty.

A file that is moved, or a pattern that no longer matches, would switch tests off in
silence.
"""

import ast
import re
from collections import Counter

import pytest
from mutants import MUTANTS

from support.checkout import ROOT, TESTS, files_of_tests
from support.feature_table import features
from support.promises import promises

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="needs the source tree"
)
FOLDERS = sorted({path.parent for path in files_of_tests()})
# Folders without Python tests.
OTHERS = {"c", "files", "fuzz", "mutants", "support"}
MAX_FILES_IN_A_FOLDER = 15
# Other files use public names, support/lists.py and support/internals.py.
MAX_FILES_WITH_PRIVATE_NAMES = 10
# Patterns that collect tests, and the minimum number of files for each.
COLLECTIONS = {
    "tests/*/test_*.py": 90,
    "tests/c/test_*.c": 30,
    "tests/fuzz/corpus_core/*": 10,
    "tests/files/*/expected.json": 1,
    "csrc/**/*.c": 30,
    "pybackprop/**/*.py": 50,
    "examples/[0-9]*.py": 8,
    "docs/*.md": 8,
    "docs/tutorial/*.py": 3,
    "docs/guide/*.py": 10,
    "benchmarks/peers/*.py": 3,
    "packaging/*.py": 5,
}
# Tests are skipped without these files of the source tree.
NEEDED = [
    "README.md",
    "docs/conf.py",
    "docs/c_interface.md",
    "docs/c_example/xor.c",
    "docs/what_you_can_rely_on.md",
    "csrc/pybackprop.h",
    "Makefile",
]


@pytest.mark.parametrize("pattern", COLLECTIONS)
def test_a_collection_of_files_is_not_empty(pattern):
    assert len(list(ROOT.glob(pattern))) >= COLLECTIONS[pattern]


@pytest.mark.parametrize("name", NEEDED)
def test_files_that_tests_need_exist(name):
    assert (ROOT / name).exists()


def test_no_collection_of_marks_or_mutants_is_empty():
    assert len(list(features())) >= 50
    assert len(promises()) >= 60
    assert len(MUTANTS) >= 70


def test_every_file_of_tests_is_in_a_folder_of_its_own_name():
    everywhere = sorted(
        (path for path in TESTS.rglob("test_*.py")), key=lambda path: path.name
    )
    assert everywhere == files_of_tests()
    assert {path.parent.name for path in everywhere} & OTHERS == set()
    names = Counter(path.name for path in everywhere)
    assert [name for name, count in names.items() if count > 1] == []
    # Without __init__.py the module name is the file name alone.
    assert [folder for folder in FOLDERS if (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_folder_has_too_many_files(folder):
    assert len(list(folder.glob("test_*.py"))) <= MAX_FILES_IN_A_FOLDER


def marks_of(path):
    """For each test of a file: the marks on it and on its whole file."""
    nodes = ast.parse(path.read_text("utf-8")).body
    of_file = {
        mark
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for mark in re.findall(r"pytest\.mark\.(\w+)", ast.unparse(node.value))
    }
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            text = "\n".join(map(ast.unparse, node.decorator_list))
            found = re.findall(r"^pytest\.mark\.(\w+)", text, re.MULTILINE)
            yield node.name, of_file | set(found)


def test_the_short_run_has_every_promise_and_every_feature():
    left_out = [
        (path.name, name)
        for path in files_of_tests()
        for name, marks in marks_of(path)
        if "full" in marks and marks & {"promise", "feature"}
    ]
    assert left_out == []


def imported(path):
    """Return the modules that a file imports, and the imported names."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_no_test_imports_another_one():
    modules = {path.stem for path in files_of_tests()}
    found = [
        (path.name, module)
        for path in [*files_of_tests(), *TESTS.glob("support/*.py")]
        for module, _ in imported(path)
        if module.split(".")[-1] in modules
    ]
    assert found == []


def is_private(module, name):
    parts = [*module.split("."), name]
    return parts[0] == "pybackprop" and any(re.match("_[a-z]", p) for p in parts)


def test_few_files_import_private_names():
    files = [
        path.name
        for path in files_of_tests()
        if any(is_private(*names) for names in imported(path))
    ]
    assert len(files) <= MAX_FILES_WITH_PRIVATE_NAMES, files


def test_every_make_target_names_files_of_tests_that_exist():
    named = set()
    makefiles = [*ROOT.glob("packaging/*"), ROOT / "Makefile", ROOT / ".ci" / "run"]
    for path in makefiles:
        if path.is_file():
            text = path.read_text("utf-8")
            named |= set(re.findall(r"(?<![\w/.])(\w+/test_\w+\.py)", text))
    assert len(named) > 10
    missing = [name for name in named if not (TESTS / name).is_file()]
    assert missing == []

"""Tests the rules of a release and the comparison of two archives.

The rules and the comparison are in packaging/. Each rule must accept this checkout and
reject a copy with a planted fault.
"""

import gzip
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import date, timedelta

import pytest

from support.checkout import ROOT

PACKAGING = ROOT / "packaging"

pytestmark = pytest.mark.skipif(
    not PACKAGING.is_dir(),
    reason="the sources are not here: an installed test suite",
)
if PACKAGING.is_dir():
    sys.path.insert(0, str(PACKAGING))
    import check_release
    import release_rules
    import reproducible_build
    from release_rules import AT_ALL_TIMES
else:
    AT_ALL_TIMES = []

READ = [
    ".github/workflows/test.yml",
    "CHANGELOG.md",
    "CITATION.cff",
    "csrc/pybackprop.h",
    "docs/conf.py",
    "packaging/conda/recipe.yaml",
    "packaging/oldest.txt",
    "pybackprop/__init__.py",
    "pyproject.toml",
    "setup.py",
]
# Files for Git or its host, which a source distribution leaves out.
NOT_SHIPPED = READ[:1]


def version():
    return release_rules.project(ROOT)["version"]


def run_rule(rule, root):
    if {"recipe", "workflows"} & set(rule.__name__.split("_")):
        pytest.importorskip("yaml")
    if rule.__name__.startswith("workflows") and not (root / NOT_SHIPPED[0]).exists():
        pytest.skip("needs the repository")
    return rule(root)


@pytest.mark.parametrize("rule", AT_ALL_TIMES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    faults = run_rule(rule, ROOT)
    assert not faults, "\n".join(faults)


@pytest.fixture
def checkout(tmp_path):
    for name in READ:
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    files = tmp_path / "tests" / "files" / version()
    files.mkdir(parents=True)
    (files / "expected.json").touch()
    return tmp_path


def plant(root, name, pattern, text):
    path = root / name
    content = path.read_text("utf-8")
    changed = re.sub(pattern, text, content, count=1, flags=re.MULTILINE)
    assert changed != content
    path.write_text(changed, "utf-8")


FAULTS = {
    "copies_of_the_version_agree": [
        ("CITATION.cff", r"^version: .*", "version: 9.9.9"),
        ("CITATION.cff", r"^version: .*", ""),
        ("csrc/pybackprop.h", r"^(#define PB_VERSION +).*", r'\1"9.9.9"'),
        ("packaging/conda/recipe.yaml", r'^  version: ".*"', '  version: "9.9.9"'),
        ("pyproject.toml", r'^version = ".*"', 'version = "9.9.9"'),
    ],
    "nothing_else_is_a_version": [
        ("pybackprop/__init__.py", r"\Z", '__version__ = "0.1.0"\n'),
        ("docs/conf.py", r"\Z", "version = release = '1.2'\n"),
    ],
    "files_of_the_version_are_there": [
        ("pyproject.toml", r'^version = ".*"', 'version = "9.9.9"'),
    ],
    "changelog_is_in_order": [
        ("CHANGELOG.md", r"\Z", "## 0.2.0\n"),
        ("CHANGELOG.md", r"\Z", "## 0.0.1 - 2020-1-1\n"),
        ("CHANGELOG.md", r"\Z", "## Unreleased\n"),
        ("CHANGELOG.md", r"\Z", "## 0.0.1 - 2020-01-01\n\n## 0.0.2 - 2019-01-01\n"),
        ("CHANGELOG.md", r"\Z", "## 0.0.2 - 2019-01-01\n\n## 0.0.1 - 2020-01-01\n"),
    ],
    "recipe_asks_for_what_pyproject_asks": [
        ("pyproject.toml", r'"scipy>=1.8"', '"scipy>=1.9"'),
        ("pyproject.toml", r'"Cython>=3.1"', '"Cython>=3.2"'),
        ("pyproject.toml", r'">=3.10"', '">=3.11"'),
        ("packaging/conda/recipe.yaml", r"^    - joblib.*\n", ""),
    ],
    "wheels_are_made_for_the_pythons": [
        ("pyproject.toml", r"cp311-\* ", ""),
        ("pyproject.toml", r'.*Python :: 3\.12",\n', ""),
    ],
    "workflows_test_the_pythons": [
        (".github/workflows/test.yml", r'"3\.12"', '"3.11"'),
        ("pyproject.toml", r'.*Python :: 3\.13",\n', ""),
        ("pyproject.toml", r'">=3.10"', '">=3.9"'),
    ],
    "oldest_are_the_lower_bounds": [
        ("packaging/oldest.txt", r"^joblib.*", ""),
        ("packaging/oldest.txt", r"^numpy==1\.22\.0", "numpy==1.22.1"),
        ("pyproject.toml", r'"scikit-learn>=1.7"', '"scikit-learn>=1.8"'),
    ],
}


def test_every_rule_has_planted_faults():
    assert {rule.__name__ for rule in AT_ALL_TIMES} == set(FAULTS)


@pytest.mark.parametrize(
    "rule, fault", [(rule, fault) for rule in FAULTS for fault in FAULTS[rule]]
)
def test_rule_can_fail(rule, fault, checkout):
    rule = getattr(release_rules, rule)
    assert run_rule(rule, checkout) == []
    if not (checkout / fault[0]).exists():
        pytest.skip("needs the repository")
    plant(checkout, *fault)
    assert run_rule(rule, checkout) != []


# --------------------------------------------------- version, date and citation
def released(root, day, text="- Something.\n", title=None):
    title = title or f"{version()} - {day}"
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n## {title}\n\n{text}")
    with (root / "CITATION.cff").open("a") as citation:
        citation.write(f"date-released: {day}\n")


def test_a_dated_section_is_a_release(checkout):
    released(checkout, "2026-01-31")
    assert release_rules.changelog_has_the_release(checkout) == []


@pytest.mark.parametrize(
    "said, word",
    [
        ({"title": "Unreleased"}, "begins with '## Unreleased'"),
        ({"title": "9.9.9 - 2026-01-31"}, "begins with '## 9.9.9"),
        ({"text": ""}, "has no entry"),
        ({"text": "To be released.\n\n- Something.\n"}, "To be released"),
        ({"day": str(date.today() + timedelta(2))}, "in the future"),
    ],
)
def test_contradictions_within_a_release_are_found(checkout, said, word):
    released(checkout, **{"day": "2026-01-31", **said})
    (fault,) = release_rules.changelog_has_the_release(checkout)
    assert word in fault


def test_the_citation_has_the_date_of_the_changelog(checkout):
    released(checkout, "2026-01-31")
    plant(checkout, "CITATION.cff", "2026-01-31", "2026-01-30")
    (fault,) = release_rules.changelog_has_the_release(checkout)
    assert "date-released: 2026-01-31" in fault


@pytest.fixture
def repository(checkout):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    commit(checkout, "first")
    return checkout


def commit(root, message):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", message]):
        subprocess.run(["git", *command], cwd=root, check=True)


def test_uncommitted_changes_are_found(repository):
    assert release_rules.everything_is_committed(repository) == []
    (repository / "setup.py").write_text("")
    (repository / "new").touch()
    assert len(release_rules.everything_is_committed(repository)) == 2


def test_a_released_version_keeps_its_tag_and_files(repository):
    free = release_rules.the_tag_is_free
    kept = release_rules.files_of_earlier_versions_are_as_they_were
    tag = f"v{version()}"
    assert free(repository) == kept(repository) == []
    subprocess.run(["git", "tag", tag], cwd=repository, check=True)
    assert free(repository) == kept(repository) == []
    (repository / "tests/files" / version() / "expected.json").write_text("{}")
    commit(repository, "second")
    assert tag in free(repository)[0]
    assert tag in kept(repository)[0]


# ---------------------------------------------------- two archives
TREE = {"a": b"first", "b": b"second"}


def tar(path, files=TREE, stamp=0, **changes):
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=stamp) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for what, value in changes.items():
                setattr(member, what, value)
            archive.addfile(member, io.BytesIO(content))
    return path


def wheel(path, files=TREE, date=(2026, 1, 1, 0, 0, 0), mode=0o644):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, date)
            member.external_attr = mode << 16
            archive.writestr(member, content)
    return path


BACKWARDS = dict(reversed(TREE.items()))
CHANGED = {**TREE, "b": b"another"}


@pytest.mark.parametrize(
    "make, name, changes, said",
    [
        (tar, "x.tar.gz", {"mtime": 7}, "a: date 0 and 7"),
        (tar, "x.tar.gz", {"mode": 0o600}, "a: mode 0o644 and 0o600"),
        (tar, "x.tar.gz", {"uid": 1000, "uname": "me"}, "a: owner"),
        (tar, "x.tar.gz", {"stamp": 7}, "the container differs"),
        (tar, "x.tar.gz", {"files": BACKWARDS}, "order of the members"),
        (tar, "x.tar.gz", {"files": CHANGED}, "b differs"),
        (tar, "x.tar.gz", {"files": {"a": b"first"}}, "b is in one archive only"),
        (wheel, "x.whl", {"date": (2026, 1, 1, 0, 0, 2)}, "a: date"),
        (wheel, "x.whl", {"mode": 0o600}, "a: mode 0o644 and 0o600"),
        (wheel, "x.whl", {"files": CHANGED}, "b differs"),
    ],
)
def test_differences_of_two_archives_are_named(tmp_path, make, name, changes, said):
    one, same, other = (tmp_path / f"{i}{name}" for i in range(3))
    make(one), make(same), make(other, **changes)
    assert reproducible_build.differences(one, same) == []
    assert said in reproducible_build.differences(one, other)[0]


# ---------------------------------------------------- contents of the archives
PACKAGE = {"pybackprop/__init__.py": b"", "pybackprop/plots/py.typed": b""}
SOURCES = {**PACKAGE, "pybackprop/_core.pyx": b"", "csrc/a.c": b"", "setup.py": b""}
WHEEL = {
    **PACKAGE,
    "pybackprop/_core.cpython-313.so": b"compiled",
    "pybackprop-1.dist-info/RECORD": b"",
}


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.mark.parametrize(
    "added, missing, said",
    [
        ({}, None, []),
        ({"tests/test_a.py": b""}, None, ["tests/test_a.py does not belong there"]),
        (
            {"pybackprop/_core.pyx": b""},
            None,
            ["pybackprop/_core.pyx does not belong there"],
        ),
        ({}, "pybackprop/__init__.py", ["pybackprop/__init__.py is missing"]),
        ({}, "pybackprop/_core.cpython-313.so", ["extensions: set()"]),
    ],
)
def test_a_wheel_holds_only_the_package(tmp_path, added, missing, said):
    put(tmp_path, SOURCES)
    files = {**WHEEL, **added}
    files.pop(missing, None)
    made = wheel(tmp_path / "x.whl", files)
    assert check_release.other_files_than_the_package(made, tmp_path) == said


def test_a_wheel_that_names_the_folder_of_its_build_is_found(tmp_path):
    name = "pybackprop/_core.cpython-313.so"
    there = wheel(tmp_path / "x.whl", {**WHEEL, name: bytes(tmp_path / "csrc")})
    assert check_release.folders(there, tmp_path) == [f"{name} contains {tmp_path}"]
    assert check_release.folders(wheel(tmp_path / "y.whl", WHEEL), tmp_path) == []


@pytest.mark.parametrize(
    "added, missing, said",
    [
        ({}, None, []),
        ({"left.o": b""}, None, ["left.o is not tracked"]),
        ({}, "csrc/a.c", ["csrc/a.c is missing"]),
    ],
)
def test_a_source_distribution_holds_what_git_tracks(tmp_path, added, missing, said):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    put(tmp_path, {**SOURCES, ".gitignore": b"*.gz"})
    commit(tmp_path, "all")
    files = {**SOURCES, "PKG-INFO": b"", "setup.cfg": b"", **added}
    files.pop(missing, None)
    made = tar(tmp_path / "x-1.tar.gz", {f"x-1/{k}": v for k, v in files.items()})
    assert check_release.other_files_than_git(made, tmp_path) == said


def test_a_repository_above_a_build_is_found(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert f"{tmp_path} has .git" in check_release.repository_above(inner)

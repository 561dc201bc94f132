"""Rules that the files of a checkout must satisfy before a release.

    python packaging/release_rules.py

A rule is a function that takes the root of a checkout and returns a list of violations.
pyproject.toml defines the version; rules compare each copy of it that a file format
requires. The rules of AT_ALL_TIMES are also tests
(tests/repository/test_release.py); the others need
only hold for a release.
"""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest requires tomli there
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent


def pyproject(root):
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def project(root):
    return pyproject(root)["project"]


def pythons(root):
    """Return the Python versions of the classifiers, such as "3.10"."""
    pattern = r"Programming Language :: Python :: (3\.\d+)"
    found = (re.fullmatch(pattern, line) for line in project(root)["classifiers"])
    return [match[1] for match in found if match]


def yaml_of(path):
    import yaml

    return yaml.safe_load(path.read_text("utf-8"))


# --- one version ----------------------------------------------------------------------


def copies_of_the_version_agree(root):
    """Every copy that a file format requires has the version of pyproject.toml."""
    version = project(root)["version"]
    copies = [
        ("CITATION.cff", r"^version: (.*)$"),
        ("csrc/pybackprop.h", r'^#define PB_VERSION +"(.*)"$'),
        ("packaging/conda/recipe.yaml", r'^  version: "(.*)"$'),
    ]
    faults = []
    for name, pattern in copies:
        found = re.findall(pattern, (root / name).read_text("utf-8"), re.MULTILINE)
        if found != [version]:
            faults.append(f"{name} has version {found}, pyproject.toml {version}")
    return faults


def nothing_else_is_a_version(root):
    """Other files get the version from the installed distribution."""
    faults = []
    for name in ["pybackprop/__init__.py", "docs/conf.py", "setup.py"]:
        text = (root / name).read_text("utf-8")
        for line in re.findall(r".*version.* = *[\"'][\d.]+.*", text):
            faults.append(f"{name} has a version of its own: {line.strip()}")
    return faults


def files_of_the_version_are_there(root):
    version = project(root)["version"]
    expected = root / "tests" / "files" / version / "expected.json"
    return [] if expected.exists() else [f"no {expected}: python tests/files/make.py"]


# --- changelog and Git
# ------------------------------------------------------------------


def sections(root):
    """Return (title, text) of each section of the changelog, newest first."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def numbers(version):
    return [int(number) for number in version.split(".")]


def changelog_is_in_order(root):
    """Versions stand newest first, each with a date; only "Unreleased" may precede."""
    faults, released = [], []
    for place, (title, _) in enumerate(sections(root)):
        match = re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", title)
        if match:
            released.append((numbers(match[1]), date.fromisoformat(match[2])))
        elif title != "Unreleased" or place > 0:
            faults.append(f"CHANGELOG.md: '## {title}' is not '## 1.2.3 - 2000-01-31'")
    for newer, older in zip(released, released[1:], strict=False):
        if newer[0] <= older[0] or newer[1] < older[1]:
            faults.append(f"CHANGELOG.md: {newer} stands above {older}")
    return faults


def changelog_has_the_release(root):
    """The newest section is of this version, has a date, and says it is released."""
    version = project(root)["version"]
    title, text = sections(root)[0]
    match = re.fullmatch(rf"{re.escape(version)} - (\d{{4}}-\d\d-\d\d)", title)
    if not match:
        return [f"CHANGELOG.md begins with '## {title}', not '## {version} - <date>'"]
    faults = []
    if date.fromisoformat(match[1]) > date.today():
        faults.append(f"CHANGELOG.md: {match[1]} is in the future")
    if not re.search(r"^- ", text, re.MULTILINE):
        faults.append(f"CHANGELOG.md has no entry for {version}")
    for words in re.findall(r"(?i)to be released|unreleased|not yet released", text):
        faults.append(f"CHANGELOG.md calls {version}: {words}")
    citation = (root / "CITATION.cff").read_text("utf-8")
    if f"\ndate-released: {match[1]}\n" not in citation.replace('"', ""):
        faults.append(f"CITATION.cff does not say date-released: {match[1]}")
    return faults


def git(root, *arguments):
    return subprocess.run(
        ["git", "-C", root, *arguments], check=True, capture_output=True, text=True
    ).stdout


def everything_is_committed(root):
    changed = git(root, "status", "--porcelain").splitlines()
    return [f"not committed: {line}" for line in changed]


def the_tag_is_free(root):
    """A released version is not released again from another commit."""
    tag = f"v{project(root)['version']}"
    if not git(root, "tag", "--list", tag):
        return []
    there, here = git(root, "rev-parse", f"{tag}^{{commit}}", "HEAD").split()
    return [] if there == here else [f"{tag} is another commit already, {there[:12]}"]


def files_of_earlier_versions_are_as_they_were(root):
    faults = []
    for tag in git(root, "tag", "--list", "v*").split():
        folder = f"tests/files/{tag.removeprefix('v')}"
        changed = git(root, "diff", "--name-only", tag, "--", folder).split()
        faults += [f"{name} is not that of {tag}" for name in changed]
    return faults


# --- copies of pyproject.toml's requirements
# ----------------------------------------------


def recipe_asks_for_what_pyproject_asks(root):
    asked = project(root)
    recipe = yaml_of(root / "packaging" / "conda" / "recipe.yaml")
    host, run = (recipe["requirements"][kind] for kind in ("host", "run"))
    spaced = [re.sub(r"^([\w-]+)", r"\1 ", text) for text in asked["dependencies"]]
    faults = []
    if sorted(run) != sorted([*spaced, "python"]):
        faults.append(f"recipe.yaml runs with {run}, pyproject.toml with {spaced}")
    needed = pyproject(root)["build-system"]["requires"]
    needed = [re.sub(r"^([\w-]+)", r"\1 ", text).lower() for text in needed]
    # conda-forge pins NumPy's version for all that is compiled against it.
    needed = [re.sub(r"^numpy >=2\.0$", "numpy", text) for text in needed]
    if sorted(host) != sorted([*needed, "python", "pip"]):
        faults.append(f"recipe.yaml builds with {host}, pyproject.toml with {needed}")
    lowest = f">={recipe['context']['python_min']}"
    if lowest != asked["requires-python"]:
        faults.append(f"recipe.yaml has Python {lowest}")
    return faults


def wheels_are_made_for_the_pythons(root):
    """cibuildwheel builds for every Python of the classifiers.

    Free-threaded versions, which have no classifier each, do not count.
    """
    build = pyproject(root)["tool"]["cibuildwheel"]["build"].split()
    named = [f"cp{version.replace('.', '')}-*" for version in pythons(root)]
    locked = [pattern for pattern in build if not pattern.endswith("t-*")]
    return [] if locked == named else [f"cibuildwheel builds {locked}, not {named}"]


def workflows_test_the_pythons(root):
    """CI tests every Python of the classifiers; requires-python is the lowest."""
    named = pythons(root)
    workflow = yaml_of(root / ".github" / "workflows" / "test.yml")
    matrix = workflow["jobs"]["systems"]["strategy"]["matrix"]
    tested = set(matrix["python"]) | {row["python"] for row in matrix["include"]}
    faults = []
    if tested != set(named):
        faults.append(f"test.yml tests {sorted(tested)}, not {named}")
    if project(root)["requires-python"] != f">={named[0]}":
        faults.append("requires-python is not the lowest classifier")
    return faults


def oldest_are_the_lower_bounds(root):
    """For the lowest Python, oldest.txt pins the lower bounds of pyproject.toml."""
    promised = {
        re.sub(r">=([\d.]+)", r"==\1", requirement)
        for requirement in project(root)["dependencies"]
    }
    lowest = pythons(root)[0]
    pinned = set()
    for line in (root / "packaging" / "oldest.txt").read_text("utf-8").splitlines():
        requirement, _, marker = line.split("#")[0].partition(";")
        if not marker.strip() or f'"{lowest}"' in marker:
            pinned.add(re.sub(r"(\.0)+$", "", requirement.strip()))
    missing = {re.sub(r"(\.0)+$", "", text) for text in promised} - pinned
    return [f"oldest.txt does not pin {text}" for text in sorted(missing)]


AT_ALL_TIMES = [
    copies_of_the_version_agree,
    nothing_else_is_a_version,
    files_of_the_version_are_there,
    changelog_is_in_order,
    recipe_asks_for_what_pyproject_asks,
    wheels_are_made_for_the_pythons,
    workflows_test_the_pythons,
    oldest_are_the_lower_bounds,
]
AT_A_RELEASE = [
    changelog_has_the_release,
    everything_is_committed,
    the_tag_is_free,
    files_of_earlier_versions_are_as_they_were,
]


def main():
    failed = 0
    for rule in AT_ALL_TIMES + AT_A_RELEASE:
        faults = rule(ROOT)
        failed += bool(faults)
        print("FAIL" if faults else "PASS", rule.__name__.replace("_", " "))
        for fault in faults:
            print(f"     {fault}")
    return failed


if __name__ == "__main__":
    sys.exit(main() > 0)

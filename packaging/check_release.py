"""Check that HEAD can be released; print one verdict per check.

Checks the rules of release_rules.py, then builds HEAD in a folder outside of any
repository. The source distribution is built twice, and its files are compared with
those that Git tracks. A wheel is built twice from the unpacked source distribution and
tested in an environment of its own. If every check passed, both archives are copied to
dist/.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

import release_rules
from release_rules import ROOT, git, project
from reproducible_build import build_twice, differences

GENERATED = {"PKG-INFO", "setup.cfg"}
SMOKE = """
import pybackprop
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
model = pybackprop.MLPClassifier(max_iter=20, random_state=0)
assert 0.6 < model.fit(X, y).score(X, y) <= 1
assert pybackprop.__version__ == {version!r}, pybackprop.__version__
assert {outside!r} in pybackprop.__file__, pybackprop.__file__
"""


class Verdicts:
    """Prints the verdict of each check and counts failures."""

    def __init__(self, failed):
        self.failed = failed

    def add(self, what, faults):
        self.failed += bool(faults)
        print("FAIL" if faults else "PASS", what, flush=True)
        for fault in faults:
            print(f"     {fault}")


def run(*command, cwd):
    """Run a command; return the last lines of its output if it failed."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.splitlines()[-20:] if done.returncode else []


def clone(place, umask):
    source = place / "pybackprop"
    command = ["git", "clone", "--quiet", "--no-hardlinks", ROOT, source]
    subprocess.run(command, check=True, umask=umask)
    return source


def unpack(sdist, place):
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    return place / sdist.name.removesuffix(".tar.gz")


def other_files_than_git(sdist, root):
    """Find files that only one of Git and a source distribution has.

    Files of Git itself (.gitignore and the like) do not count.
    """
    with tarfile.open(sdist) as archive:
        packed = {item.name.partition("/")[2] for item in archive if item.isfile()}
    packed = {name for name in packed - GENERATED if ".egg-info/" not in name}
    tracked = {name for name in git(root, "ls-files").split("\n") if name}
    tracked = {name for name in tracked if not name.startswith(".git")}
    return [f"{name} is missing" for name in sorted(tracked - packed)] + [
        f"{name} is not tracked" for name in sorted(packed - tracked)
    ]


def repository_above(place):
    return [
        f"{up} has .git" for up in [place, *place.parents] if (up / ".git").exists()
    ]


def other_files_than_the_package(wheel, source):
    """Find files that a wheel should not hold or does not hold.

    A wheel holds the Python files, one extension module and its metadata.
    """
    package = {path for path in (source / "pybackprop").rglob("*") if path.is_file()}
    wanted = {
        path.relative_to(source).as_posix()
        for path in package
        if path.suffix in {".py", ".pyi", ".typed"}
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    extensions = {name for name in names if name.endswith((".so", ".pyd"))}
    held = {name for name in names - extensions if ".dist-info/" not in name}
    faults = [f"{name} is missing" for name in sorted(wanted - held)]
    faults += [f"{name} does not belong there" for name in sorted(held - wanted)]
    return faults + ([] if len(extensions) == 1 else [f"extensions: {extensions}"])


def folders(wheel, *places):
    """Find members of a wheel that contain the path of a folder or of the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        return [
            f"{name} contains {place}"
            for name in archive.namelist()
            for place in (ROOT, *places)
            if str(place).encode() in archive.read(name)
        ]


def environment(place, wheel):
    """Create an environment with the wheel, its requirements and pytest."""
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        + [wheel, "pytest>=8.2", "skops>=0.11"],
        check=True,
    )
    return python


def files_of_the_version(python, source, place):
    """Check that tests/files/make.py recreates the tracked files with this wheel."""
    version = project(ROOT)["version"]
    script = f"""
import sys, warnings; from pathlib import Path
warnings.simplefilter("ignore"); sys.path.insert(0, {str(source / "tests" / "files")!r})
import make; make.make(Path({str(place)!r}))"""
    faults = run(python, "-c", script, cwd=place.parent)
    if faults:
        return faults
    committed = source / "tests" / "files" / version
    names = {path.name for path in place.iterdir()}
    if names != {path.name for path in committed.iterdir()}:
        return [f"tests/files/{version} is not {sorted(names)}: run make.py again"]
    same = (place / "expected.json").read_text()
    if same != (committed / "expected.json").read_text():
        return [f"tests/files/{version}/expected.json differs: run make.py again"]
    return []


def check_wheel(verdicts, wheel, source, folder):
    version = project(ROOT)["version"]
    faults = other_files_than_the_package(wheel, source)
    verdicts.add("the wheel holds the package only", faults)
    verdicts.add("the wheel contains no path of its build", folders(wheel, folder))
    python = environment(folder / "environment", wheel)
    empty = folder / "empty"
    empty.mkdir()
    smoke = SMOKE.format(version=version, outside=str(folder / "environment"))
    verdicts.add(
        "an installed estimator fits",
        run(python, "-W", "ignore", "-c", smoke, cwd=empty),
    )
    verdicts.add("pip check", run(python, "-m", "pip", "check", cwd=empty))
    faults = files_of_the_version(python, source, folder / version)
    verdicts.add("the files of the version are what the wheel saves", faults)
    tests = [python, "-m", "pytest", "-q", "-m", "not slow", "core/test_golden_bits.py"]
    verdicts.add(
        "golden bits of the installed wheel", run(*tests, cwd=source / "tests")
    )


def main():
    verdicts = Verdicts(release_rules.main())
    epoch = int(git(ROOT, "log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        verdicts.add("no repository above the build folder", repository_above(folder))
        sdist, again = build_twice("sdist", clone, folder, epoch)
        verdicts.add(
            "two builds of the source distribution are equal", differences(sdist, again)
        )
        verdicts.add(
            "the source distribution holds the tracked files",
            other_files_than_git(sdist, ROOT),
        )
        wheel, again = build_twice(
            "wheel", lambda place, umask: unpack(sdist, place), folder, epoch
        )
        verdicts.add("two wheels of it, one file", differences(wheel, again))
        source = unpack(sdist, folder / "unpacked")
        verdicts.add(
            "make check-c in the source distribution",
            run("make", "-j2", "check-c", "CCS=cc", cwd=source),
        )
        check_wheel(verdicts, wheel, source, folder)
        if not verdicts.failed:
            (ROOT / "dist").mkdir(exist_ok=True)
            for path in (sdist, wheel):
                shutil.copy2(path, ROOT / "dist")
            print(f"in dist/: {sdist.name} and {wheel.name}")
    print(f"{verdicts.failed} failed" if verdicts.failed else "ready to be released")
    return verdicts.failed > 0


if __name__ == "__main__":
    sys.exit(main())

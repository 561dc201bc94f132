"""May this commit be released?  Prints a verdict a check, and goes on after a failure.

Texts first (release_rules.py).  Then HEAD alone, in a folder outside of any repository:
the source distribution is built twice and its files compared with git's, a wheel is
built twice from the unpacked archive, and the wheel is tried in an environment that has
nothing else.  What has passed is put into dist/.
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
    """Prints what passed and what did not, and keeps count."""

    def __init__(self, failed):
        self.failed = failed

    def add(self, what, faults):
        self.failed += bool(faults)
        print("FAIL" if faults else "PASS", what, flush=True)
        for fault in faults:
            print(f"     {fault}")


def run(*command, cwd):
    """The last lines that a command printed, if it failed."""
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
    """The archive holds what git tracks, but for git's own files, and nothing else."""
    with tarfile.open(sdist) as archive:
        packed = {item.name.partition("/")[2] for item in archive if item.isfile()}
    packed = {name for name in packed - GENERATED if ".egg-info/" not in name}
    tracked = {name for name in git(root, "ls-files").split("\n") if name}
    tracked = {name for name in tracked if not name.startswith(".git")}
    return [f"{name} is missing" for name in sorted(tracked - packed)] + [
        f"{name} is not git's" for name in sorted(packed - tracked)
    ]


def repository_above(place):
    return [
        f"{up} has .git" for up in [place, *place.parents] if (up / ".git").exists()
    ]


def other_files_than_the_package(wheel, source):
    """A wheel is what is imported, one extension, and the description of both."""
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
    faults += [f"{name} is there" for name in sorted(held - wanted)]
    return faults + ([] if len(extensions) == 1 else [f"extensions: {extensions}"])


def folders(wheel, *places):
    """Members of a wheel in which the path of a folder, or of the checkout, stands."""
    with zipfile.ZipFile(wheel) as archive:
        return [
            f"{place} stands in {name}"
            for name in archive.namelist()
            for place in (ROOT, *places)
            if str(place).encode() in archive.read(name)
        ]


def environment(place, wheel):
    """A Python that has the wheel, what that asks for, and the tools of the checks."""
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        + [wheel, "pytest>=8.2", "skops>=0.11"],
        check=True,
    )
    return python


def files_of_the_version(python, source, place):
    """tests/files/make.py makes, of this wheel, the files that are committed."""
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
        return [f"tests/files/{version} is not {sorted(names)}: make them again"]
    same = (place / "expected.json").read_text()
    if same != (committed / "expected.json").read_text():
        return [f"tests/files/{version}/expected.json is another one: make it again"]
    return []


def check_wheel(verdicts, wheel, source, folder):
    version = project(ROOT)["version"]
    faults = other_files_than_the_package(wheel, source)
    verdicts.add("the wheel holds the package alone", faults)
    verdicts.add("and names no folder that it was built in", folders(wheel, folder))
    python = environment(folder / "environment", wheel)
    empty = folder / "empty"
    empty.mkdir()
    smoke = SMOKE.format(version=version, outside=str(folder / "environment"))
    verdicts.add(
        "installed, it fits", run(python, "-W", "ignore", "-c", smoke, cwd=empty)
    )
    verdicts.add("pip check", run(python, "-m", "pip", "check", cwd=empty))
    faults = files_of_the_version(python, source, folder / version)
    verdicts.add("the files of the version are what it saves", faults)
    tests = [python, "-m", "pytest", "-q", "-m", "not slow", "test_golden_bits.py"]
    verdicts.add(
        "golden bits of the installed wheel", run(*tests, cwd=source / "tests")
    )


def main():
    verdicts = Verdicts(release_rules.main())
    epoch = int(git(ROOT, "log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        verdicts.add("no repository above the builds", repository_above(folder))
        sdist, again = build_twice("sdist", clone, folder, epoch)
        verdicts.add("two source distributions, one file", differences(sdist, again))
        verdicts.add("it holds what git tracks", other_files_than_git(sdist, ROOT))
        wheel, again = build_twice(
            "wheel", lambda place, umask: unpack(sdist, place), folder, epoch
        )
        verdicts.add("two wheels of it, one file", differences(wheel, again))
        source = unpack(sdist, folder / "unpacked")
        verdicts.add(
            "make check-c in it", run("make", "-j2", "check-c", "CCS=cc", cwd=source)
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

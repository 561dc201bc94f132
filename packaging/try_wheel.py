"""Install a wheel in an empty environment and run tests on it.

    python packaging/try_wheel.py SDIST WHEELS VERSION VENV [argument of pytest ...]

Creates an environment of CPython ``VERSION`` with the wheel of that version and its
requirements, and runs smoke_fit.py. Then installs the packages of the tests and runs
the tests of the source distribution. These are unpacked beside the environment and run
from their own folder, where only the installed pybackprop can be imported.
"""

import re
import shutil
import subprocess
import sys
import tarfile
from email import message_from_bytes
from pathlib import Path

from interpreters import find

HERE = Path(__file__).resolve().parent
# Needed by the tests of check_wheel.py.
ALSO = "pyelftools"


def wheel_of(version, sdist, folder):
    tag = "cp" + version.replace(".", "")
    release = Path(sdist).name.removesuffix(".tar.gz")
    found = sorted(Path(folder).glob(f"{release}-{tag}-{tag}-manylinux*_x86_64.whl"))
    if not found:
        sys.exit(f"{folder} has no wheel for CPython {version}: make wheels")
    return found[-1].resolve()


def unpack(sdist, folder):
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)
    (tree,) = folder.iterdir()
    return tree


def wanted_by_tests(tree):
    metadata = message_from_bytes((tree / "PKG-INFO").read_bytes())
    for line in metadata.get_all("Requires-Dist"):
        requirement, _, marker = line.partition(";")
        if re.search(r"""extra == ["'](test|plots)["']""", marker):
            yield requirement.strip()


def install_for_tests(install, tree):
    """Install the requirements of the tests, without those that have no wheel."""
    wanted = [*wanted_by_tests(tree), ALSO]
    if subprocess.run([*install, *wanted], capture_output=True).returncode == 0:
        return
    for requirement in wanted:
        if subprocess.run([*install, requirement], capture_output=True).returncode != 0:
            print(f"{requirement}: no wheel found, its tests are skipped", flush=True)


def main():
    sdist, wheels, version, venv, *arguments = sys.argv[1:]
    interpreter, wheel = find(version), wheel_of(version, sdist, wheels)
    if interpreter is None:
        sys.exit(f"CPython {version} is not installed")
    venv = Path(venv).resolve()
    python = venv / "bin" / "python"
    tree = unpack(sdist, venv.with_name(venv.name + "-tests"))
    subprocess.run([interpreter, "-m", "venv", "--clear", venv], check=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    # Wheels only: a requirement that must be compiled would exclude many users.
    install = [*pip, "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*install, wheel], check=True)
    subprocess.run([*pip, "list"], check=True)
    subprocess.run([python, HERE / "smoke_fit.py"], cwd=venv, check=True)
    install_for_tests(install, tree)
    tests = [python, HERE / "installed_tests.py", *arguments]
    sys.exit(subprocess.run(tests, cwd=tree / "tests").returncode)


if __name__ == "__main__":
    main()

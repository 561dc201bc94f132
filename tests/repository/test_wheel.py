"""packaging/check_wheel.py finds files that a wheel lacks or should not have.

`make wheels` runs it on every wheel. The tests give it small wheels and small libraries
with one fault each.
"""

import base64
import csv
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from support.checkout import ROOT

PACKAGING = ROOT / "packaging"
pytestmark = pytest.mark.skipif(
    not PACKAGING.is_dir(), reason="needs the tree that packages are made from"
)

METADATA = b"Metadata-Version: 2.4\nName: pybackprop\nVersion: 1.2\n\nIt learns.\n"
SOURCES = {
    "pybackprop/__init__.py": b"from pybackprop import _core\n",
    "pybackprop/export/c.py": b"NAME = 'c'\n",
    "pybackprop/py.typed": b"",
    "pybackprop/_core.pyi": b"def product() -> None: ...\n",
}
EXTENSION = "pybackprop/_core.cpython-311-x86_64-linux-gnu.so"
NAME = "pybackprop-1.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
WHEEL = """\
Wheel-Version: 1.0
Root-Is-Purelib: false
Tag: cp311-cp311-manylinux_2_17_x86_64
Tag: cp311-cp311-manylinux2014_x86_64
"""
INFO = "pybackprop-1.2.dist-info/"


@pytest.fixture
def packaging(monkeypatch):
    monkeypatch.syspath_prepend(PACKAGING)
    yield
    for name in ("check_wheel", "check_binary"):
        sys.modules.pop(name, None)


@pytest.fixture
def findings(packaging, monkeypatch, tmp_path):
    """Return a function that checks a wheel with changed files.

    Its extension is not a library, so the check of libraries is switched off.
    """
    import check_wheel

    monkeypatch.setattr(check_wheel, "binary_findings", lambda *arguments: [])

    def check(name=NAME, recorded=True, **changes):
        sdist, wheel = tmp_path / "pybackprop-1.2.tar.gz", tmp_path / name
        with tarfile.open(sdist, "w:gz") as archive:
            others = {"PKG-INFO": METADATA, "tests/test_x.py": b"", "csrc/a.c": b""}
            for path, data in (SOURCES | others).items():
                member = tarfile.TarInfo(f"pybackprop-1.2/{path}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        held = SOURCES | {
            EXTENSION: b"\x7fELF",
            INFO + "METADATA": METADATA,
            INFO + "WHEEL": WHEEL.encode(),
            INFO + "top_level.txt": b"pybackprop\n",
            INFO + "licenses/LICENSE": b"",
        }
        held.update(changes.get("files", {}))
        held = {path: data for path, data in held.items() if data is not None}
        held[INFO + "RECORD"] = record(held) if recorded else b""
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, data in held.items():
                archive.writestr(path, data)
        return check_wheel.findings(wheel, sdist)

    return check


def record(held):
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for path, data in held.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
        rows.writerow([path, f"sha256={digest.rstrip('=')}", len(data)])
    rows.writerow([INFO + "RECORD", "", ""])
    return text.getvalue().encode()


def test_a_correct_wheel_has_no_findings(findings):
    assert findings() == []


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("tests/test_x.py", b"", "tests/test_x.py does not belong there"),
        ("csrc/a.c", b"", "csrc/a.c does not belong there"),
        ("pybackprop/_core.pyx", b"", "pybackprop/_core.pyx does not belong there"),
        ("pybackprop.libs/libm-1.so", b"", "libm-1.so does not belong there"),
        ("pybackprop/export/c.py", None, "pybackprop/export/c.py is missing"),
        (EXTENSION, None, f"{EXTENSION} is missing"),
        (INFO + "licenses/LICENSE", None, "LICENSE is missing"),
        ("pybackprop/export/c.py", b"NAME = 'd'\n", "c.py differs from the"),
        (INFO + "METADATA", METADATA + b"More.\n", "METADATA differs"),
        (EXTENSION, b"\x7fELF\0/home/builder/lib\0", "a path of a machine"),
        (EXTENSION, b"\x7fELF\0/tmp/build-1/csrc/fit.c", "a path of a machine"),
        (INFO + "WHEEL", WHEEL[:-40].encode(), "WHEEL says"),
    ],
)
def test_one_file_too_many_too_few_or_altered_is_found(findings, path, data, words):
    (finding,) = findings(files={path: data})
    assert words in finding


def test_a_path_of_this_tree_is_found(findings):
    data = b"\x7fELF" + str(PACKAGING / "x.c").encode()
    assert any(
        "path of a machine" in line for line in findings(files={EXTENSION: data})
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            NAME.replace("cp311-cp311", "py3-none"),
            "not the name of a wheel for one CPython",
        ),
        ("pybackprop-1.2-cp311-cp311-linux_x86_64.whl", "not for a manylinux platform"),
        (NAME.replace("-1.2-", "-1.3-"), "its name says pybackprop 1.3, not 1.2"),
        (NAME.replace("cp311-cp311", "cp311-cp312"), "with the ABI of cp312"),
        (NAME.replace("cp311-cp311", "cp312-cp312"), f"{EXTENSION} does not belong"),
        (NAME.replace("x86_64", "aarch64"), f"{EXTENSION} does not belong"),
    ],
)
def test_a_file_name_that_contradicts_the_contents_is_found(findings, name, words):
    assert any(words in finding for finding in findings(name=name))


def test_a_record_that_differs_from_the_archive_is_found(findings):
    assert len(findings(recorded=False)) == len(SOURCES) + 6


# --- The extension module -------------------------------------------------------------

SOURCE = """
#include <math.h>
double PyInit__core(double x) { return x; }
double power(double x) { return MATH; }
"""


@pytest.fixture
def of_library(packaging, tmp_path):
    """Return a function that checks a library compiled with some flags."""
    pytest.importorskip("elftools")
    if not sys.platform.startswith("linux") or shutil.which("gcc") is None:
        pytest.skip("needs gcc on Linux")
    from check_binary import MACHINES, binary_findings

    machine = subprocess.check_output(["uname", "-m"], text=True).strip()
    if machine not in MACHINES:
        pytest.skip(f"no wheels for {machine}")

    def check(*flags, source=SOURCE, math="x", glibc=(2, 17), machine=machine):
        program, library = tmp_path / "a.c", tmp_path / "a.so"
        program.write_text(source.replace("MATH", math))
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", program, "-o", library, *flags],
            check=True,
        )
        return binary_findings(library.read_bytes(), machine, glibc)

    return check


def test_a_library_that_needs_only_the_c_library_has_no_findings(of_library):
    assert of_library("-lm", math="sqrt(x) + floor(x)") == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["-g"], "it has debugging information: .debug_"),
        (["-Wl,-rpath,/opt/lib"], "it looks for libraries in /opt/lib"),
        (["-Wl,-rpath,/opt/lib,--disable-new-dtags"], "it looks for libraries in /opt"),
        (["-Wl,--no-as-needed", "-lstdc++"], "it needs libstdc++.so.6"),
        (["-z", "execstack"], "its stack is executable"),
        (["-DPyInit__core=other"], "it has no PyInit__core"),
    ],
)
def test_a_fault_of_a_library_is_found(of_library, flags, words):
    (finding,) = of_library(*flags)
    assert words in finding


def test_a_symbol_newer_than_the_tag_says_is_found(of_library):
    # Programs on x86-64 require at least glibc 2.2.5, and on no machine less.
    found = of_library("-lm", math="sqrt(x) + floor(x) + pow(x, x)", glibc=(2, 1))
    assert found
    assert all(finding.startswith("it needs GLIBC_2.") for finding in found)


def test_a_library_of_another_processor_is_found(of_library):
    from check_binary import MACHINES

    found = [of_library(machine=machine) for machine in sorted(MACHINES)]
    assert sorted(map(len, found)) == [0, 1]
    assert "it is for EM_" in max(found, key=len)[0]

"""Tests the library that `make install-c` installs against docs/c_interface.md."""

import ast
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.c_program import PAGE, PROGRAM, X, Y, numbers, start
from support.checkout import ROOT, TESTS

HEADER = ROOT / "csrc" / "pybackprop.h"

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("make", "gcc"))), reason="no make or no gcc"
    ),
    pytest.mark.skipif(platform.system() != "Linux", reason="names of Linux"),
]


def version():
    (said,) = re.findall(
        r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M
    )
    return said


def make(*arguments):
    """Run make without flags from the environment; return its output."""
    unsaid = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CFLAGS", "LDFLAGS")
    result = subprocess.run(
        ["make", "-C", ROOT, "CC=gcc", *arguments],
        env={k: v for k, v in os.environ.items() if k not in unsaid},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Installed:
    """The library, installed with DESTDIR as the root folder."""

    def __init__(self, root, prefix="/opt/pybackprop", *arguments):
        self.root, self.prefix = root, prefix
        # Object files of an earlier make check-c, which uses the same flags.
        objects = "C_INSTALL_OUT=build/c/gcc"
        self.arguments = [f"DESTDIR={root}", f"PREFIX={prefix}", objects, *arguments]
        make("-j2", "install-c", *self.arguments)
        self.lib = Path(f"{root}{prefix}/lib")

    def files(self):
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def flags(self, *options):
        """Return what `pkg-config OPTIONS pybackprop` prints or would print."""
        if shutil.which("pkg-config"):
            said = subprocess.run(
                ["pkg-config", *options, "pybackprop"],
                env={
                    **os.environ,
                    "PKG_CONFIG_PATH": str(self.lib / "pkgconfig"),
                    "PKG_CONFIG_SYSROOT_DIR": str(self.root),
                },
                capture_output=True,
                text=True,
                check=True,
            )
            return said.stdout.strip()
        text = (self.lib / "pkgconfig" / "pybackprop.pc").read_text()
        for name in ("prefix", "libdir", "includedir"):
            value = re.search(rf"^{name}=(.*)$", text, re.M)[1]
            text = text.replace(f"${{{name}}}", value)
        said = dict(re.findall(r"^([\w.]+): (.*)$", text, re.M))
        private = said["Libs.private"] if "--static" in options else ""
        flags = f"{said['Cflags']} {said['Libs']} {private}"
        return re.sub(r"(-[IL])", rf"\1{self.root}", flags)

    def run(self, *command, **environment):
        """Run a program with the shared library; return its output."""
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.lib), **environment}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("root"))


def shell(command, folder):
    subprocess.run(command, shell=True, cwd=folder, check=True)


def dynamic_section(path):
    said = subprocess.run(
        ["objdump", "-p", path], capture_output=True, text=True, check=True
    ).stdout
    return [tuple(line.split()) for line in said.splitlines() if len(line.split()) == 2]


def declared():
    """Return the names of the functions that the header declares."""
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", HEADER.read_text(), flags=re.S | re.M)
    statements = (part.strip() for part in text.split(";"))
    found = (re.search(r"\b(pb_\w+)\(", s) for s in statements if "typedef" not in s)
    return sorted(match[1] for match in found if match)


# ------------------------------------------------------------- what is installed
@pytest.mark.slow
def test_the_files_are_installed_and_uninstalled(tmp_path):
    other = Installed(tmp_path, "/usr", "LIBDIR=/usr/lib/of-this-machine")
    assert other.files() == [
        "usr/include/pybackprop.h",
        "usr/lib/of-this-machine/libpybackprop.a",
        "usr/lib/of-this-machine/libpybackprop.so",
        f"usr/lib/of-this-machine/libpybackprop.so.{'.'.join(version().split('.')[:2])}",
        f"usr/lib/of-this-machine/libpybackprop.so.{version()}",
        "usr/lib/of-this-machine/pkgconfig/pybackprop.pc",
    ]
    file = tmp_path / "usr/lib/of-this-machine/pkgconfig/pybackprop.pc"
    assert "libdir=${prefix}/lib/of-this-machine\n" in file.read_text()
    strangers = tmp_path / "usr/lib/libother.so"
    strangers.touch()
    make("uninstall-c", *other.arguments)
    assert other.files() == ["usr/lib/libother.so"]
    make("uninstall-c", *other.arguments)  # no error


@pytest.mark.slow
def test_the_shared_library_exports_what_the_header_declares(installed):
    said = subprocess.run(
        ["nm", "-D", "--defined-only", installed.lib / "libpybackprop.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = sorted(line.split()[-1] for line in said.splitlines())
    assert shown == declared()
    assert {"pb_objective", "pb_thread_limit", "pb_version"} <= set(shown)


@pytest.mark.slow
def test_a_program_records_the_minor_version(installed, tmp_path):
    assert version().startswith("0."), "from 1.0 on it remembers the major one"
    name = f"libpybackprop.so.{'.'.join(version().split('.')[:2])}"
    assert ("SONAME", name) in dynamic_section(installed.lib / "libpybackprop.so")
    shutil.copy(PROGRAM, tmp_path)
    shell(f"gcc xor.c {installed.flags('--cflags', '--libs')} -o xor", tmp_path)
    assert ("NEEDED", name) in dynamic_section(tmp_path / "xor")


# ------------------------------------------------------------ programs that use it
@pytest.fixture(scope="module")
def programs(installed, tmp_path_factory):
    """Build programs with the two commands of the page, from xor.c only."""
    commands = re.findall(r"^\$ (cc .*pkg-config .*)$", PAGE.read_text(), re.M)
    built = []
    for command in commands:
        folder = tmp_path_factory.mktemp("elsewhere")
        shutil.copy(PROGRAM, folder)
        (options,) = re.findall(r"\$\(pkg-config (.*) pybackprop\)", command)
        flags = installed.flags(*options.split())
        shell(re.sub(r"\$\(.*\)", lambda _, said=flags: said, command), folder)
        built.append(folder / "xor")
    return built


@pytest.mark.slow
def test_the_commands_of_the_page_link_shared_and_static(installed, programs):
    shared, static = programs
    assert "libpybackprop" in str(dynamic_section(shared))
    assert dynamic_section(static) == [] or "NEEDED" not in str(dynamic_section(static))
    printed = installed.run(shared)
    before = numbers(printed.split("epoch  50")[0])[2]
    assert before == start().objective(X, Y)
    assert installed.run(static, LD_LIBRARY_PATH="") == printed


@pytest.mark.slow
def test_a_program_in_cpp_and_the_versions(installed, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    (tmp_path / "all.cpp").write_text(
        "#include <pybackprop.h>\n#include <cstdio>\n"
        "int main() {\n"
        '    std::printf("%s %s %d.%d.%d\\n", PB_VERSION, pb_version(),\n'
        "                PB_VERSION_MAJOR, PB_VERSION_MINOR, PB_VERSION_PATCH);\n"
        + "".join(f'    std::printf("%d", &{name} != 0);\n' for name in declared())
        + "}\n"
    )
    flags = installed.flags("--cflags", "--libs")
    shell(f"g++ -std=c++11 -Wall -Wno-address all.cpp {flags} -o all", tmp_path)
    numbers_said, addresses = installed.run(tmp_path / "all").splitlines()
    header, library, parts = numbers_said.split()
    assert header == library == version()
    assert re.match(rf"{parts}(?!\d)", version())
    assert addresses == "1" * len(declared())


@pytest.mark.slow
def test_the_installed_library_has_the_recorded_bits(installed, tmp_path):
    source = TESTS / "c" / "golden_bits.c"
    flags = installed.flags("--cflags", "--libs")
    shell(f"gcc -std=c11 -O1 {source} {flags} -lm -o golden_bits", tmp_path)
    program = tmp_path / "golden_bits"
    assert "libpybackprop" in str(dynamic_section(program))
    said = installed.run(program, "1", "--check", TESTS / "golden_bits.txt")
    assert re.search(r"[1-9]\d* lines, 0 failures", said)


# ----------------------------------------------------------------- how it is built
def compilations(*arguments):
    """Return the commands of make that compile csrc/, and the one that links."""
    printed = make("--dry-run", "--always-make", "install-c", *arguments)
    commands = printed.replace("\\\n", " ").splitlines()
    compiled = [line for line in commands if re.search(r" -c csrc/\S+\.c ", line)]
    assert len(compiled) == len(list((ROOT / "csrc").rglob("*.c")))
    (linked,) = (
        line for line in commands if re.search(r" -(shared|dynamiclib) ", line)
    )
    return compiled, linked


def test_flags_of_the_user_come_before_those_that_keep_the_bits():
    tree = ast.parse((ROOT / "setup.py").read_text())
    (flags,) = (
        ast.literal_eval(node.value)["unix"]
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "FLAGS"
    )
    compiled, linked = compilations("CFLAGS=-Ofast -march=native", "LDFLAGS=-Ofast")
    for command in compiled:
        words = command.split()
        for flag in flags:
            assert flag == "-std=c11" or words.index(flag) > words.index("-Ofast")
    words = linked.split()
    assert words[-2:] == ["-O2", "-fno-fast-math"]
    assert words.index("-march=native") < words.index("-ffp-contract=off")


def test_the_build_commands_on_macos():
    _, linked = compilations("C_SYSTEM=Darwin", "PREFIX=/opt/x")
    minor = ".".join(version().split(".")[:2])
    assert f"-dynamiclib -install_name /opt/x/lib/libpybackprop.{minor}.dylib" in linked
    assert f"libpybackprop.{version()}.dylib" in linked
    assert "soname" not in linked

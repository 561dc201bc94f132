"""Builds the extension module from the Cython binding and all of csrc/.

pyproject.toml holds all settings that are data. This file adds the list of C files,
compiler flags that must come after those of the user, and archives whose bytes do not
depend on the time and place of the build.
"""

import gzip
import os
import platform
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent

# With these flags results are equal to the bit on every machine: multiply and add are
# fused only where the source says so, and sums are not reordered. Each part of
# -ffast-math is negated by name, since -fno-fast-math does not negate a part that the
# user gave by itself.
FLAGS = {
    "unix": [
        "-std=c11",
        "-ffp-contract=off",
        "-fno-fast-math",
        "-fno-unsafe-math-optimizations",
        "-fno-associative-math",
        "-fno-reciprocal-math",
        "-fno-finite-math-only",
        "-fsigned-zeros",
    ],
    "msvc": ["/std:c11", "/fp:precise"],
}
if platform.machine() == "s390x":
    # With -std=c11, gcc keeps floats in double on this machine.
    FLAGS["unix"].append("-fexcess-precision=fast")
# With -Ofast or -ffast-math among the user's flags, the linker adds start-up code that
# flushes subnormals to zero in the whole process. Later options override earlier ones,
# so these two prevent that.
LINK_FLAGS = {"unix": ["-O2", "-fno-fast-math", "-pthread"], "msvc": []}

# A wheel stores file modes. Its files must be readable by all, whatever the user's
# umask.
os.umask(0o022)


def debug_flags():
    """Return -g0 unless CFLAGS asks for debugging information, which contains paths."""
    asked = any(flag.startswith("-g") for flag in os.environ.get("CFLAGS", "").split())
    return [] if asked else ["-g0"]


class BuildExt(build_ext):
    """Compiles in parallel, with flags for the compiler after the user's CFLAGS."""

    def build_extensions(self):
        family = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS[family]
            extension.extra_link_args += LINK_FLAGS[family]
            if family == "unix":
                extension.extra_compile_args += debug_flags()
                extension.libraries.append("m")
        if family == "unix":
            self.compiler.compile = self._in_parallel(self.compiler.compile)
        super().build_extensions()

    def _in_parallel(self, compile_files):
        """Return a compile() that compiles one file per thread at a time."""
        n_jobs = self.parallel if isinstance(self.parallel, int) else os.cpu_count()

        def compile_each(sources, **options):
            with ThreadPoolExecutor(n_jobs) as pool:
                objects = pool.map(
                    lambda file: compile_files([file], **options), sources
                )
                return [path for paths in objects for path in paths]

        return compile_each


class Sdist(sdist):
    """Writes archives whose bytes depend on the files only.

    All times are SOURCE_DATE_EPOCH or, without it, the earliest time of a zip file.
    """

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owner):
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, **owner)
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH", 315532800))

        def anonymous(member):
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = ""
            # Git stores only whether a file is executable.
            member.mode = 0o755 if member.mode & 0o100 else 0o644
            return member

        name = f"{base_name}.tar.gz"
        with (
            open(name, "wb") as file,
            gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed,
            tarfile.open(
                fileobj=packed, mode="w", format=tarfile.PAX_FORMAT
            ) as archive,
        ):
            # TarFile.add sorts the files of each folder.
            archive.add(base_dir, filter=anonymous)
        return name


def files(pattern):
    """Return sorted paths relative to this file."""
    return sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob(pattern))


core = Extension(
    "pybackprop._core",
    sources=["pybackprop/_core.pyx", *files("csrc/**/*.c")],
    # With the lists of records (.def).
    depends=[
        *files("pybackprop/_core.pxd"),
        *files("csrc/**/*.h"),
        *files("csrc/**/*.def"),
    ],
    include_dirs=["csrc", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
)

setup(
    ext_modules=cythonize([core], build_dir="build/cython", language_level=3),
    cmdclass={"build_ext": BuildExt, "sdist": Sdist},
)

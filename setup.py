"""Build the one extension module: the Cython binding and all of csrc/.

Everything that can be said as data is in pyproject.toml.  Three things cannot:
the list of C files, compiler flags that must come after the user's own, and
archives whose bytes do not tell who made them, where and when.
"""

import gzip
import os
import platform
import tarfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent

# The promise of equal bits on every machine rests on these: a multiply and an
# add are fused only where the source says so, and no sum is reordered.  Each
# member of -ffast-math is named, since one that the user gave alone survives
# -fno-fast-math.
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
    # There gcc keeps floats in double, in ISO C.
    FLAGS["unix"].append("-fexcess-precision=fast")
# With -Ofast or -ffast-math among the user's flags, the linker adds start-up
# code that flushes subnormals to zero in the whole process.  The later option
# of a kind wins, so these two keep it out.
LINK_FLAGS = {"unix": ["-O2", "-fno-fast-math", "-pthread"], "msvc": []}

# Files are readable to all whatever the umask of who builds: a wheel keeps modes.
os.umask(0o022)


def debug_flags():
    """No debugging information, which names folders of the machine, unless asked."""
    asked = any(flag.startswith("-g") for flag in os.environ.get("CFLAGS", "").split())
    return [] if asked else ["-g0"]


class BuildExt(build_ext):
    """Add the flags of the compiler that was found, after the user's CFLAGS."""

    def build_extensions(self):
        family = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS[family]
            extension.extra_link_args += LINK_FLAGS[family]
            if family == "unix":
                extension.extra_compile_args += debug_flags()
                extension.libraries.append("m")
        super().build_extensions()


class Sdist(sdist):
    """Write the archive so that equal files make equal bytes.

    Every time is SOURCE_DATE_EPOCH, or else a constant that a zip file can hold too.
    """

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owner):
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, **owner)
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH", 315532800))

        def anonymous(member):
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = ""
            # Git keeps no more of a mode than who may execute the file.
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
            # Sorted by TarFile.add, folder by folder.
            archive.add(base_dir, filter=anonymous)
        return name


def files(pattern):
    """Paths relative to this file, in an order that no file system decides."""
    return sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob(pattern))


core = Extension(
    "pybackprop._core",
    sources=["pybackprop/_core.pyx", *files("csrc/**/*.c")],
    # With the lists of records (.def) and the parts of the binding (.pxi).
    depends=[
        *files("pybackprop/_core.pxd"),
        *files("pybackprop/**/*.pxi"),
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

"""Build the one extension module: the Cython binding and all of csrc/.

Everything that can be said as data is in pyproject.toml.  Two things cannot:
the list of C files, and compiler flags that must come after the user's own.
"""

from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

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
# With -Ofast or -ffast-math among the user's flags, the linker adds start-up
# code that flushes subnormals to zero in the whole process.  The later option
# of a kind wins, so these two keep it out.
LINK_FLAGS = {"unix": ["-O2", "-fno-fast-math", "-pthread"], "msvc": []}


class BuildExt(build_ext):
    """Add the flags of the compiler that was found, after the user's CFLAGS."""

    def build_extensions(self):
        family = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS[family]
            extension.extra_link_args += LINK_FLAGS[family]
            if family == "unix":
                extension.libraries.append("m")
        super().build_extensions()


def files(pattern):
    """Paths relative to this file, in an order that no file system decides."""
    return sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob(pattern))


core = Extension(
    "pybackprop._core",
    sources=["pybackprop/_core.pyx", *files("csrc/**/*.c")],
    depends=["pybackprop/_core.pxd", *files("csrc/**/*.h")],
    include_dirs=["csrc", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
)

setup(
    ext_modules=cythonize([core], build_dir="build/cython", language_level=3),
    cmdclass={"build_ext": BuildExt},
)

"""Run pytest, and see to it that what it tests is the installed package.

Run from the folder of the tests, by the interpreter that has the wheel.
"""

import sys
from pathlib import Path

import pytest


class Installed:
    """Before the first test and after the last, pybackprop is no checkout's."""

    def pytest_sessionstart(self):
        import pybackprop
        from pybackprop import _core

        for module in (pybackprop, _core):
            if "site-packages" not in Path(module.__file__).parts:
                pytest.exit(f"{module.__file__} is not installed", returncode=3)

    def pytest_sessionfinish(self):
        self.pytest_sessionstart()

    def pytest_report_header(self):
        import pybackprop

        return (
            f"pybackprop {pybackprop.__version__} in {Path(pybackprop.__file__).parent}"
        )


if __name__ == "__main__":
    # A script's folder comes first on the path, and this one is named as a library is.
    sys.path[0] = str(Path.cwd())
    sys.exit(pytest.main(sys.argv[1:], plugins=[Installed()]))

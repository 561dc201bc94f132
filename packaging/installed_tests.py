"""Run pytest and fail unless it tests the installed package.

Run it in the folder of the tests, with the interpreter that has the wheel.
"""

import sys
from pathlib import Path

import pytest


class Installed:
    """Plugin that checks the path of pybackprop before and after all tests."""

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
    # The folder of the script comes first on the path; "packaging" is also a library.
    sys.path[0] = str(Path.cwd())
    sys.exit(pytest.main(sys.argv[1:], plugins=[Installed()]))

"""Locates the tests, and the checkout or source distribution around them."""

from pathlib import Path


def tests_folder():
    """Return the folder tests/, which has a folder for each part of the code."""
    return Path(__file__).resolve().parents[1]


def files_of_tests():
    """Return every file of Python tests, sorted by its name."""
    return sorted(TESTS.glob("*/test_*.py"), key=lambda path: path.name)


TESTS = tests_folder()
ROOT = TESTS.parent

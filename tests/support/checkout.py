"""Locates the folder of the tests and the checkout around it."""

from pathlib import Path


def tests_folder():
    return Path(__file__).resolve().parents[1]


TESTS = tests_folder()
ROOT = TESTS.parent

"""Reads the marks on the tests from their source, without importing the tests."""

import ast

from support.checkout import ROOT, files_of_tests


def marks(name, arguments):
    """Return pairs of a test file and the arguments of a ``pytest.mark.<name>`` in it.

    Arguments are literals; ``arguments`` names those that are given by position.
    Ordered by file name, then by line.
    """
    for path in files_of_tests():
        calls = (
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == f"pytest.mark.{name}"
        )
        for call in sorted(calls, key=lambda call: call.lineno):
            values = zip(arguments, map(ast.literal_eval, call.args), strict=False)
            by_name = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
            yield path, dict(values) | by_name


def link(path, page):
    """Return a Markdown link from a page to a test file, named by the file."""
    up = "../" * len(page.parent.relative_to(ROOT).parts)
    return f"[{path.stem}]({up}{path.relative_to(ROOT).as_posix()})"

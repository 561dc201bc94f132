"""What the marks on the tests say, read from their source."""

import ast

from support.checkout import files_of_tests


def marks(name, arguments):
    """Pairs of a test's file and the arguments of a ``pytest.mark.<name>`` in it.

    Arguments are literals; ``arguments`` names those that are given by position.  In
    the order of the files and of the marks in them.
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

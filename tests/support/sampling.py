"""Chooses the test cases of the short run from products of parameters.

Tests of such products have the mark ``sampled(n)``.  The short run draws ``n`` cases of
each, or more until each value of each parameter occurs.  For a single parameter it
draws ``n`` values.  ``--full`` runs all cases.
"""

import functools
import random


def value_of(parameter, seen):
    """Return an equivalent of a parameter's value that no process changes."""
    if isinstance(parameter, (str, int, float, type(None))):
        return repr(parameter)
    if isinstance(parameter, functools.partial):  # one of scikit-learn's checks
        return parameter.func.__name__, repr(parameter.keywords)
    return seen.setdefault(id(parameter), len(seen))


def sample(cases, n, draws):
    """Return the indices of the drawn cases, where a case is a dict of parameters."""
    seen, covered_by = {}, []
    for case in cases:
        values = {(name, value_of(value, seen)) for name, value in case.items()}
        covered_by.append(values if len(case) > 1 else set())
    rest = list(range(len(cases)))
    draws.shuffle(rest)
    missing, chosen = set().union(*covered_by), []
    while missing:
        chosen.append(max(rest, key=lambda index: len(covered_by[index] & missing)))
        rest.remove(chosen[-1])
        missing -= covered_by[chosen[-1]]
    chosen += rest[: max(n - len(chosen), 0)]
    return sorted(chosen)


def choose(items, seed):
    """Return the items that the short run takes, and the items that it leaves out."""
    products = {}
    for item in items:
        if mark := item.get_closest_marker("sampled"):
            test = item.nodeid.partition("[")[0]
            products.setdefault(test, (mark, []))[1].append(item)
    left_out = {item for item in items if item.get_closest_marker("full")}
    for test, (mark, cases) in products.items():
        (n,) = mark.args
        parameters = [case.callspec.params for case in cases]
        drawn = sample(parameters, n, random.Random(f"{seed} {test}"))
        left_out |= set(cases) - {cases[index] for index in drawn}
    return [item for item in items if item not in left_out], list(left_out)

"""Chooses the cases of a product of parameters that the short run takes.

The mark ``sampled(n)`` is on tests of such products.  Of the cases of one the short run
draws ``n``, or as many more as it takes for each value of each parameter to occur; with
``pairs=True``, for each pair of values.  Of the values of a single parameter it draws
``n``.  ``--full`` takes all.
"""

import functools
import itertools
import random


def value_of(parameter, seen):
    """What is compared of a parameter's value: equal, and in every process the same."""
    if isinstance(parameter, (str, int, float, type(None))):
        return repr(parameter)
    if isinstance(parameter, functools.partial):  # a check of scikit-learn's
        return parameter.func.__name__, repr(parameter.keywords)
    return seen.setdefault(id(parameter), len(seen))


def sample(cases, n, pairs, draws):
    """The indices of the cases that are drawn, where a case is a dict of parameters."""
    seen, covered_by = {}, []
    for case in cases:
        values = [(name, value_of(value, seen)) for name, value in case.items()]
        combinations = itertools.combinations(values, 2) if pairs else values
        covered_by.append(set(combinations) if len(case) > 1 else set())
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
    """The items that the short run takes, and those that it leaves out."""
    products = {}
    for item in items:
        if mark := item.get_closest_marker("sampled"):
            test = item.nodeid.partition("[")[0]
            products.setdefault(test, (mark, []))[1].append(item)
    left_out = {item for item in items if item.get_closest_marker("full")}
    for test, (mark, cases) in products.items():
        (n,), pairs = mark.args, mark.kwargs.get("pairs", False)
        parameters = [case.callspec.params for case in cases]
        drawn = sample(parameters, n, pairs, random.Random(f"{seed} {test}"))
        left_out |= set(cases) - {cases[index] for index in drawn}
    return [item for item in items if item not in left_out], list(left_out)

"""Tests that the sample of a product has every value and repeats with its seed."""

import random

import pytest

from support.sampling import sample

PRODUCT = [
    {"loss": loss, "depth": depth, "options": options}
    for loss in ("huber", "poisson", "gamma")
    for depth in range(5)
    for options in ([1], [2])
]
# The same objects in several cases; they are neither numbers nor strings.
FIRST, SECOND = [1], [2]
for case in PRODUCT:
    case["options"] = FIRST if case["options"] == [1] else SECOND


def drawn(n, seed=0, cases=PRODUCT):
    return sample(cases, n, random.Random(seed))


def values(cases):
    return {(name, str(value)) for case in cases for name, value in case.items()}


@pytest.mark.parametrize("seed", range(20))
def test_every_value_occurs(seed):
    chosen = [PRODUCT[i] for i in drawn(1, seed=seed)]
    assert values(chosen) == values(PRODUCT)
    assert len(chosen) < len(PRODUCT)


def test_as_many_are_drawn_as_asked_for():
    assert len(drawn(20)) == len(set(drawn(20))) == 20
    assert drawn(1000) == list(range(len(PRODUCT)))
    single = [{"seed": i} for i in range(9)]
    assert len(drawn(2, cases=single)) == 2


def test_the_seed_decides():
    assert drawn(12, seed=5) == drawn(12, seed=5)
    assert len({tuple(drawn(12, seed=seed)) for seed in range(9)}) > 5

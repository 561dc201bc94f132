"""Tests the parts of a Dask fit that need no cluster: tree reduction and shards."""

import numpy as np
import pytest

pytest.importorskip("distributed", minversion="2025.1")

from pybackprop.dask._actor_pool import replying  # noqa: E402
from pybackprop.dask._dataset import _Clock, _in_order_of_rows  # noqa: E402
from pybackprop.dask._shards import BLOCK_ROWS, plan_for  # noqa: E402
from pybackprop.dask._tree_reduction import (  # noqa: E402
    add_neighbours,
    nodes_over,
    root_level,
)


def written_sum(first, end):
    """Return the sum over some leaves with a binary counter of partial sums."""
    counter = []
    for n in range(first, end):
        counter.append(str(n))
        n_done = n - first + 1
        while n_done % 2 == 0:
            right, left = counter.pop(), counter.pop()
            counter.append(f"({left}+{right})")
            n_done //= 2
    while len(counter) > 1:
        right, left = counter.pop(), counter.pop()
        counter.append(f"({left}+{right})")
    return counter[0]


def add(left, right):
    return f"({left}+{right})"


@pytest.mark.parametrize("n_leaves", [1, 2, 3, 4, 5, 7, 8, 12, 21, 64, 65, 100])
def test_the_tree_is_the_same_wherever_the_leaves_are(n_leaves):
    rng = np.random.RandomState(n_leaves)
    for n_holders in (1, 2, 3, 5):
        # Runs of adjacent leaves, each on one worker
        cuts = np.flatnonzero(rng.uniform(size=n_leaves - 1) < 0.4) + 1
        runs = np.split(np.arange(n_leaves), cuts)
        held = [{} for _ in range(n_holders)]
        for run in runs:
            sums = held[rng.randint(n_holders)]
            for level, index, first, end in nodes_over(run[0], run[-1] + 1, n_leaves):
                sums[level, index] = written_sum(first, end)
        at_home = [add_neighbours(sums, n_leaves, add) for sums in held]
        together = {node: value for sums in at_home for node, value in sums.items()}
        assert len(together) == sum(map(len, at_home))
        whole = add_neighbours(together, n_leaves, add)
        assert whole == {(root_level(n_leaves), 0): written_sum(0, n_leaves)}


def test_neighbours_are_merged_and_arguments_are_unchanged():
    sums = {node[:2]: 1 for node in nodes_over(3, 14, 20)}
    before = dict(sums)
    added = add_neighbours(sums, 20, lambda left, right: left + right)
    assert sums == before
    assert all((level, index ^ 1) not in added for level, index in added)
    assert sum(added.values()) == len(sums)


@pytest.mark.parametrize("n_workers", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("n_samples", [1, 256, 257, 5000, 100_000, 10_000_000])
def test_a_plan_cuts_the_table_into_runs_of_aligned_shards(n_samples, n_workers):
    plan = plan_for(n_samples, n_workers)
    assert plan.shard_blocks & (plan.shard_blocks - 1) == 0
    shards = [shard for run in plan.runs for shard in run]
    assert shards == list(range(-(-n_samples // plan.shard_rows)))
    assert 1 <= len(plan.runs) <= n_workers
    rows = [plan.rows_of(run) for run in plan.runs]
    assert rows[0][0] == 0 and rows[-1][1] == n_samples
    for run, (first, end) in zip(plan.runs, rows, strict=True):
        assert first % (plan.shard_blocks * BLOCK_ROWS) == 0
        assert sum(plan.chunks_of(run)) == end - first
    if n_samples >= 8 * BLOCK_ROWS * n_workers:
        lengths = [end - first for first, end in rows]
        assert len(lengths) == n_workers
        assert max(lengths) <= 1.2 * n_samples / n_workers


def test_runs_end_where_the_client_adds_large_sums():
    for n_workers in (2, 4, 8):
        plan = plan_for(2**20 * 3 // 2, n_workers)
        n_shards = plan.runs[-1][-1] + 1
        nodes = [list(nodes_over(run[0], run[-1] + 1, n_shards)) for run in plan.runs]
        assert max(map(len, nodes)) <= 3


class FakeClient:
    """A client with three workers, two of which hold the chunks of a table."""

    def nthreads(self):
        return {"a": 1, "b": 1, "c": 1}

    def who_has(self, futures):
        held = {"b": [0, 1, 2], "a": [3, 4]}
        return {("x", i, 0): (w,) for w, chunks in held.items() for i in chunks}


def test_rows_that_are_in_memory_stay_with_their_worker(monkeypatch):
    monkeypatch.setattr("pybackprop.dask._dataset.futures_of", lambda X: [])
    assert _in_order_of_rows(FakeClient(), None) == ["b", "a", "c"]


def test_an_exception_arrives_even_if_it_cannot_be_pickled():
    class Local(Exception):
        pass

    @replying
    def method(self, x):
        raise x

    assert isinstance(method(None, KeyError("k")).raised, KeyError)
    answer = method(None, Local("what went wrong"))
    assert answer.value is None
    assert str(answer.raised) == "Local: what went wrong"


def test_one_warning_where_a_cluster_is_no_faster():
    clock = _Clock()
    with pytest.warns(
        UserWarning, match="One machine would be faster: a step takes 30"
    ) as w:
        for _ in range(100):
            clock.count(0.03, 0.001)
    assert len(w) == 1


@pytest.mark.parametrize("whole, computing", [(0.5, 0.9), (0.012, 0.018), (0.05, 0.03)])
def test_no_warning_where_workers_compute_for_longer(recwarn, whole, computing):
    clock = _Clock()
    for _ in range(100):
        clock.count(whole, computing)
    assert not recwarn.list

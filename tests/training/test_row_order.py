"""Training with shuffle="blocks" uses the documented order of samples."""

import numpy as np
import pytest
from sklearn.base import clone

from pybackprop import MLPRegressor
from pybackprop._training.sampling import BlockSampler

SIZE = 256


def order_of(n_samples, batch_size, seed):
    pieces = list(BlockSampler(n_samples, batch_size, seed).chunks())
    return np.concatenate([rows for _, rows, _ in pieces])


@pytest.mark.parametrize("n_samples", [1, 255, 256, 257, 700, 2560, 5000])
@pytest.mark.parametrize("batch_size", [1, 200, 256, 1024])
def test_every_row_comes_once_and_blocks_stay_together(n_samples, batch_size):
    for seed in (0, 1, 2**63 - 2):
        rows = order_of(n_samples, batch_size, seed)
        assert np.array_equal(np.sort(rows), np.arange(n_samples))
        whole = rows[: n_samples // SIZE * SIZE].reshape(-1, SIZE)
        assert np.array_equal(whole.min(axis=1) // SIZE, whole.max(axis=1) // SIZE)
        assert np.all(
            rows[whole.size :] >= whole.size
        )  # the incomplete block stays last


def test_blocks_and_rows_are_permuted_and_differ_between_epochs():
    n_blocks = 1000
    first, second = (order_of(n_blocks * SIZE, 200, seed) for seed in (5, 6))
    blocks = first[::SIZE] // SIZE
    assert not np.array_equal(blocks, second[::SIZE] // SIZE)
    assert abs(np.corrcoef(blocks, np.arange(n_blocks))[0, 1]) < 0.1
    within = first.reshape(n_blocks, SIZE) % SIZE
    # Each row of a block is equally likely at each position: 1000 draws of 0 ... 255.
    expected, deviation = (SIZE - 1) / 2, SIZE / np.sqrt(12 * n_blocks)
    assert np.all(np.abs(within.mean(axis=0) - expected) < 5 * deviation)


def test_a_batch_of_whole_blocks_takes_them_in_memory_order():
    blocks = BlockSampler(23 * SIZE + 9, 4 * SIZE, 3).blocks
    for start in range(0, 23, 4):
        assert np.all(np.diff(blocks[start : start + 4]) > 0)
    assert not np.all(np.diff(blocks[:23]) > 0)


def test_pieces_are_whole_batches_and_have_their_start(monkeypatch):
    whole = order_of(5000, 96, 7)
    monkeypatch.setattr("pybackprop._training.sampling._CHUNK_ROWS", 1000)
    pieces = list(BlockSampler(5000, 96, 7).chunks())
    assert np.array_equal(np.concatenate([rows for _, rows, _ in pieces]), whole)
    assert [first for first, _, _ in pieces] == [0, 10, 20, 30, 40, 50]
    assert [is_last for _, _, is_last in pieces] == [False] * 5 + [True]


def some_data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(1300, 4)), rng.normal(size=1300), rng.uniform(0.5, 2, 1300)


@pytest.mark.feature(
    "Block shuffling, which keeps neighbouring samples together",
    "MLPClassifier(shuffle='blocks')",
)
@pytest.mark.parametrize("batch_size", [100, 256, 512])
def test_training_uses_that_order(batch_size):
    """Compare with training on rows that were put into that order, epoch by epoch."""
    X, y, weights = some_data()
    settings = dict(
        hidden_layer_sizes=(6,),
        solver="sgd",
        momentum=0,
        batch_size=batch_size,
        random_state=0,
    )
    model = MLPRegressor(shuffle="blocks", max_iter=3, **settings).fit(X, y, weights)
    draws = np.random.RandomState(0)
    for fan_in, fan_out in ((4, 6), (6, 1)):  # initial weights come first
        draws.random_sample(fan_in * fan_out + fan_out)
    plain = MLPRegressor(shuffle=False, warm_start=True, max_iter=1, **settings)
    for loss in model.loss_curve_:
        rows = order_of(1300, batch_size, draws.randint(2**63 - 1, dtype=np.int64))
        assert plain.fit(X[rows], y[rows], weights[rows]).loss_ == loss
    for actual, expected in zip(model.coefs_, plain.coefs_, strict=True):
        assert np.array_equal(actual, expected)


@pytest.mark.parametrize("batch_size", [100, 512])
def test_no_bit_depends_on_the_size_of_pieces(batch_size, monkeypatch):
    X, y, weights = some_data()
    model = MLPRegressor(
        shuffle="blocks",
        batch_size=batch_size,
        learning_rate="one_cycle",
        dropout=0.25,
        early_stopping=True,
        max_iter=4,
        random_state=0,
    )
    whole = clone(model).fit(X, y, weights)
    monkeypatch.setattr("pybackprop._training.sampling._CHUNK_ROWS", 2 * batch_size)
    model.fit(X, y, weights)
    for name in model.history_.keys() - {"seconds"}:
        assert model.history_[name] == whole.history_[name]
    for actual, expected in zip(model.coefs_, whole.coefs_, strict=True):
        assert np.array_equal(actual, expected)


def test_a_fit_is_resumed_with_the_same_orders():
    X, y, _ = some_data()
    model = MLPRegressor(shuffle="blocks", max_iter=6, random_state=0)
    whole = model.fit(X, y).loss_curve_
    model.set_params(max_iter=2).fit(X, y)
    model.set_params(max_iter=6).fit(X, y, resume=True)
    assert model.loss_curve_ == whole

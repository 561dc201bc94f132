"""The dropout mask of a step depends on the seed and the position alone."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale

from pybackprop import MLPRegressor

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
INCREMENTS = 0x9E3779B9, 0xBB67AE85
LOW = 0xFFFFFFFF


def philox(counter, key):
    """Compute Philox4x32-10 on 32-bit words, as Salmon et al. 2011 define it."""
    a, b, c, d = counter
    for r in range(10):
        k0, k1 = ((key[i] + r * INCREMENTS[i]) & LOW for i in (0, 1))
        p, q = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & LOW, (p >> 32) ^ d ^ k1, p & LOW
    return a, b, c, d


def words(value):
    return value & LOW, value >> 32


def kept(seed, epoch, layer, rows, n_units, rate):
    """Return the factors of a layer's inputs: 0, or 1 / (1 - rate)."""
    key = philox((*words(epoch), *words(layer)), words(seed))[:2]
    drawn = np.array(
        [
            [philox((*words(row), *words(u // 4)), key)[u % 4] for u in range(n_units)]
            for row in rows
        ]
    )
    return np.where(drawn < int(rate * 2**32), 0.0, 1 / (1 - rate))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (LOW, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_the_generator_of_the_test_is_the_published_one(word, expected):
    # Known answers of the implementation of the paper.
    assert philox((word,) * 4, (word,) * 2) == expected


def data(n=37, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 7))
    X[rng.random_sample(X.shape) < 0.4] = 0
    return X, np.tanh(X @ rng.standard_normal(7)) + 0.1


PLAIN = dict(
    solver="sgd",
    momentum=0,
    nesterovs_momentum=False,
    alpha=0.25,
    learning_rate_init=0.05,
    batch_size=10,
    random_state=3,
)


@pytest.mark.feature(
    "Dropout of features and hidden units, equal for any number of threads",
    use="MLPClassifier(dropout=0.5, input_dropout=0.1)",
    requested="#6175",
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_training_uses_the_masked_network(shuffle):
    X, y = data()
    rates = 0.25, 0.5, 0.125
    model = MLPRegressor(
        hidden_layer_sizes=(6, 5),
        activation="tanh",
        input_dropout=rates[0],
        dropout=rates[1:],
        max_iter=3,
        shuffle=shuffle,
        **PLAIN,
    ).fit(X, y)

    # The reference: the generator gives initial weights, the seed, and the orders.
    random_state = np.random.RandomState(3)
    sizes = 7, 6, 5, 1
    W, b = [], []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        bound = np.sqrt(6 / (fan_in + fan_out))
        W.append(random_state.uniform(-bound, bound, (fan_in, fan_out)))
        b.append(random_state.uniform(-bound, bound, fan_out))
    seed = int(random_state.randint(2**63 - 1, dtype=np.int64))
    order, losses = np.arange(len(X)), []
    for epoch in range(3):
        if shuffle:
            permutation = np.arange(len(X))
            random_state.shuffle(permutation)
            order = order[permutation]
        masks = [
            kept(seed, epoch, layer, range(len(X)), size, rate)
            for layer, (size, rate) in enumerate(zip(sizes, rates, strict=False))
        ]
        total = 0
        for start in range(0, len(X), 10):
            rows = order[start : start + 10]
            S = len(rows)
            inputs, a = [X[rows] * masks[0][rows]], []
            for layer in range(3):
                z = inputs[-1] @ W[layer] + b[layer]
                a.append(np.tanh(z) if layer < 2 else z)
                if layer < 2:
                    inputs.append(a[-1] * masks[layer + 1][rows])
            delta = a[-1] - y[rows, None]
            penalty = 0.25 / 2 * sum((w**2).sum() for w in W)
            total += (delta**2).sum() / 2 + penalty
            for layer in reversed(range(3)):
                gradient = (inputs[layer].T @ delta + 0.25 * W[layer]) / S
                step = 0.05 * gradient, 0.05 * delta.sum(axis=0) / S
                if layer > 0:
                    delta = delta @ W[layer].T * masks[layer][rows]
                    delta *= 1 - a[layer - 1] ** 2
                W[layer] -= step[0]
                b[layer] -= step[1]
        losses.append(total / len(X))
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-12)
    for mine, plain in zip(model.coefs_, W, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-10, atol=1e-14)
    for mine, plain in zip(model.intercepts_, b, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-10, atol=1e-14)


def same_bits(one, other):
    for a, b in zip(
        [*one.coefs_, *one.intercepts_, one.loss_curve_],
        [*other.coefs_, *other.intercepts_, other.loss_curve_],
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neither_threads_nor_sparsity_change_a_bit(dtype):
    X, y = data(900)
    X = X.astype(dtype)
    settings = dict(
        hidden_layer_sizes=(33, 20),
        dropout=0.3,
        input_dropout=0.2,
        batch_size=300,
        max_iter=4,
        random_state=0,
    )
    model = MLPRegressor(**settings, n_jobs=1).fit(X, y)
    same_bits(model, MLPRegressor(**settings, n_jobs=3).fit(X, y))
    same_bits(
        model, MLPRegressor(**settings, n_jobs=2).fit(scipy.sparse.csr_matrix(X), y)
    )


def test_a_long_row_of_a_sparse_table_has_the_masks_of_a_dense_one():
    # Masks are drawn sixteen at a time: these rows have fewer values, and more.
    rng = np.random.default_rng(0)
    density = np.linspace(0, 1, 60)[:, None]
    X = rng.normal(size=(60, 50)) * (rng.uniform(size=(60, 50)) < density)
    y = X[:, 0] - X[:, 40]
    model = MLPRegressor(input_dropout=0.4, max_iter=3, random_state=0).fit(X, y)
    same_bits(model, clone(model).fit(scipy.sparse.csr_matrix(X), y))


def test_the_dropped_fraction_and_the_expected_sum():
    # A linear network of weight 1 with a tiny learning rate predicts the kept inputs.
    n = 20_000
    X = np.ones((n, 1))
    losses = []
    for rate in (0.1, 0.5, 0.9):
        model = MLPRegressor(
            hidden_layer_sizes=(),
            input_dropout=rate,
            solver="sgd",
            learning_rate_init=1e-12,
            alpha=0,
            max_iter=1,
            batch_size=n,
            random_state=0,
        )
        model.fit(X, np.zeros(n))
        w, b = model.coefs_[0].item(), model.intercepts_[0].item()
        share = rate * b**2 / 2 + (1 - rate) * (w / (1 - rate) + b) ** 2 / 2
        spread = abs(b**2 - (w / (1 - rate) + b) ** 2) / 2 * np.sqrt(rate * (1 - rate))
        assert abs(model.loss_ - share) < 4 * spread / np.sqrt(n)
        losses.append(model.loss_)
    assert len(set(losses)) == 3


def test_a_rate_of_zero_draws_nothing():
    X, y = data()
    one, other = np.random.RandomState(0), np.random.RandomState(0)
    settings = dict(hidden_layer_sizes=(4,), max_iter=2)
    plain = MLPRegressor(random_state=one, **settings).fit(X, y)
    zero = MLPRegressor(random_state=other, dropout=[0], input_dropout=0, **settings)
    same_bits(plain, zero.fit(X, y))
    assert one.random_sample() == other.random_sample()


def test_predictions_use_no_dropout():
    X, y = data()
    model = MLPRegressor(hidden_layer_sizes=(5,), dropout=0.5, max_iter=3).fit(X, y)
    a = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    expected = (a @ model.coefs_[1] + model.intercepts_[1]).ravel()
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch_size", [7, 40])
def test_partial_fit_continues_with_new_masks(batch_size):
    X, y = data()
    model = MLPRegressor(
        hidden_layer_sizes=(8,),
        dropout=0.5,
        solver="sgd",
        learning_rate_init=1e-12,
        shuffle=False,
        random_state=0,
        batch_size=min(batch_size, len(X)),
    )
    for _ in range(3):
        model.partial_fit(X, y)
    assert len(set(model.loss_curve_)) == 3


def test_dropout_regularizes():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    settings = dict(max_iter=200, n_iter_no_change=200, random_state=0)
    plain = MLPRegressor(**settings)
    masked = MLPRegressor(dropout=0.5, input_dropout=0.2, **settings)
    assert cross_val_score(masked, X, y).mean() > cross_val_score(plain, X, y).mean()
    assert masked.fit(X, y).score(X, y) < plain.fit(X, y).score(X, y)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (dict(dropout=1.0), "'dropout' parameter .* in the range"),
        (dict(dropout=(0.5, -0.1)), "'dropout' parameter .* in the range"),
        (dict(input_dropout="half"), "'input_dropout' parameter .* in the range"),
        (dict(input_dropout=[0.5]), "'input_dropout' parameter .* in the range"),
        (
            dict(dropout=[0.5]),
            "dropout must have one rate .*hidden_layer_sizes",
        ),
        (
            dict(dropout=0.1, solver="lbfgs"),
            "dropout=0.1 cannot be used with solver='lbfgs'",
        ),
        (
            dict(dropout=[0, 0.1], solver="lbfgs"),
            "dropout=.* cannot be used with solver='lbfgs'",
        ),
        (
            dict(input_dropout=0.1, solver="lbfgs"),
            "input_dropout=0.1 cannot be used with solver",
        ),
    ],
)
def test_invalid_rates_are_refused(parameters, words):
    X, y = data()
    model = MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=2).fit(X, y)
    before = [w.copy() for w in model.coefs_]
    with pytest.raises(ValueError, match=words):
        model.set_params(**parameters).fit(X, y)
    for w, old in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(w, old)

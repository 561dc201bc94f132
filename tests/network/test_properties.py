"""Tests each equation of backpropagation to its rounding on random networks and data.

Each number of a trace is compared with its equation, evaluated on the trace's own
inputs to it. So a tolerance covers the roundings of one equation only: one for each
operation of its longest sum, relative to the sum of the magnitudes. Layouts and other
properties without an effect on the result must not change a bit.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybackprop import MLPClassifier, MLPRegressor, Network, by_hand
from support.lists import LOSSES, activate
from support.plain_training import RULES, PlainTraining, assert_follows

# An elementary function is within a few units in the last place.
ROUNDINGS_OF_A_FUNCTION = 16
LENGTHS = pytest.mark.parametrize(
    "n_examples", [25, pytest.param(150, marks=pytest.mark.slow)]
)


def for_all(n_examples, check, *strategies):
    """Run a check on n examples, the same ones each time."""
    settings(
        max_examples=n_examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )(given(*strategies)(check))()


@dataclass
class Problem:
    """A network and data for it, with predictions in the domain of the loss."""

    net: Network
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    rng: np.random.RandomState

    def with_parameters(self, coefs, intercepts):
        net = self.net
        return Network.from_parameters(
            coefs,
            intercepts,
            activation=net.activation,
            output_activation=net.output_activation,
            loss=net.loss,
            alpha=net.alpha,
            l1_ratio=net.l1_ratio,
            loss_parameter=net.loss_parameter,
        )


def usual_parameter(draw, loss):
    row = LOSSES[loss]
    if row["parameter"] is None:
        return None
    low, high = row["parameter_low"], min(row["parameter_high"], 4)
    return draw(st.sampled_from([low + (high - low) * k / 8 for k in (1, 4, 7)]))


def keep_in_domain(net, X):
    """Move predictions towards 0.5, since derivatives are unbounded at 0 and 1."""
    grid = np.linspace(-2, 2, 81).reshape(-1, 1)
    image = np.abs(activate(net.output_activation, grid) - 0.5)
    net.intercepts[-1][:] = grid[np.argmin(image)]
    while np.any(np.abs(net.predict(X) - 0.5) > 0.4):
        net.coefs[-1] /= 2


@st.composite
def problems(draw, penalised=True):
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    loss = draw(st.sampled_from(list(by_hand.backprop.LOSSES)))
    output = draw(st.sampled_from(list(by_hand.backprop.OUTPUTS)))
    least = 2 if output == "softmax" or LOSSES[loss]["rows_sum_to_one"] else 1
    hidden = draw(st.lists(st.integers(1, 9), max_size=3))
    n_outputs = draw(st.integers(least, max(least, 2 if output == "softmax" else 5)))
    sizes = [draw(st.integers(1, 12)), *hidden, n_outputs]
    activations = st.sampled_from(list(by_hand.backprop.ACTIVATIONS))
    alphas = st.sampled_from([0.0, 0.25, 3.0]) if penalised else st.just(0.0)
    net = Network(
        sizes,
        activation=[draw(activations) for _ in hidden],
        output_activation=output,
        loss=loss,
        alpha=[draw(alphas) for _ in sizes[1:]],
        l1_ratio=draw(st.sampled_from([0.0, 0.5, 1.0])),
        dtype=draw(st.sampled_from(["float64", "float32"])),
        loss_parameter=usual_parameter(draw, loss),
        random_state=rng,
    )
    n = draw(st.sampled_from([1, 2, 7, 16, 33, 300, 513]))
    X = rng.uniform(-1, 1, size=(n, sizes[0])) * (rng.rand(n, sizes[0]) < 0.7)
    X = X.astype(net.dtype)
    keep_in_domain(net, X)
    y = rng.uniform(0.1, 0.9, size=(n, n_outputs))
    if LOSSES[loss]["rows_sum_to_one"]:
        y /= y.sum(axis=1, keepdims=True)
    weights = None
    if draw(st.booleans()):
        weights = rng.randint(0, 4, size=n) / 2
        weights[rng.randint(n)] = 1.5
    return Problem(net, X, y.astype(net.dtype), weights, rng)


def assert_rounded(actual, exact, n_roundings, magnitude, dtype, what):
    bound = n_roundings * np.finfo(dtype).eps * magnitude
    excess = np.max(np.abs(actual - exact) / np.maximum(bound, np.finfo(dtype).tiny))
    assert excess <= 1, f"{what}: {excess:.3g} times what rounding can do"


# ------------------------------------------------------------------ the equations
def assert_forward(net, trace, functions, wide):
    z, a, W, b = wide["z"], wide["a"], wide["coefs"], wide["intercepts"]
    for layer, (f, _) in enumerate(functions):
        assert_rounded(
            z[layer],
            a[layer] @ W[layer] + b[layer],
            len(W[layer]) + 1,
            abs(a[layer]) @ abs(W[layer]) + abs(b[layer]),
            net.dtype,
            f"z of layer {layer + 1}",
        )
        exact = f(z[layer])
        # In by_hand, the tail of a smooth rectifier is a difference of larger numbers.
        share = np.finfo("float64").eps / np.finfo(net.dtype).eps
        by_hand = (1 + abs(z[layer])) * share
        assert_rounded(
            a[layer + 1],
            exact,
            ROUNDINGS_OF_A_FUNCTION,
            abs(exact) + by_hand,
            net.dtype,
            f"a of layer {layer + 1}",
        )


def assert_backward(net, functions, wide, y):
    z, a, W, delta = (wide[name] for name in ("z", "a", "coefs", "delta"))
    p = a[-1]
    parameter = [] if net.loss_parameter is None else [net.loss_parameter]
    slope = by_hand.backprop.LOSSES[net.loss][1](y, p, *parameter)
    *hidden, (_, vjp) = functions
    # How fast dloss/dy and Jacobian change with y_pred, which is in [0.1, 0.9].
    steep = (1 + 1 / p) ** 2 + (1 + 1 / (1 - p)) ** 2
    assert_rounded(
        delta[-1],
        vjp(z[-1], slope),
        ROUNDINGS_OF_A_FUNCTION + p.shape[1],
        steep.max(axis=1, keepdims=True) * (1 + abs(z[-1])),
        net.dtype,
        "delta of the output",
    )
    for layer in range(len(W) - 1, 0, -1):
        f_prime = hidden[layer - 1][1](z[layer - 1])
        assert_rounded(
            delta[layer - 1],
            (delta[layer] @ W[layer].T) * f_prime,
            ROUNDINGS_OF_A_FUNCTION + W[layer].shape[1],
            (abs(delta[layer]) @ abs(W[layer]).T) * (1 + abs(f_prime)),
            net.dtype,
            f"delta of layer {layer}",
        )


def assert_gradients(net, trace, wide, s):
    a, W, delta, S = wide["a"], wide["coefs"], wide["delta"], s.sum()
    for layer, alpha in enumerate(net.alpha):
        A, D = a[layer], s[:, None] * delta[layer]
        r = net.l1_ratio
        decay = alpha * (r * np.sign(W[layer]) + (1 - r) * W[layer])
        for name, actual, exact, magnitude in (
            (
                "W",
                trace.coef_grads[layer],
                A.T @ D + decay,
                abs(A).T @ abs(D) + abs(decay),
            ),
            ("b", trace.intercept_grads[layer], D.sum(axis=0), abs(D).sum(axis=0)),
        ):
            assert_rounded(
                actual,
                exact / S,
                len(A) + 8,
                magnitude / S,
                net.dtype,
                f"gradient of {name}{layer + 1}",
            )


def assert_loss(net, trace, wide, y, s):
    p, W, S, r = wide["a"][-1], wide["coefs"], s.sum(), net.l1_ratio
    parameter = [] if net.loss_parameter is None else [net.loss_parameter]
    losses = by_hand.backprop.LOSSES[net.loss][0](y, p, *parameter)
    penalty = sum(
        alpha * (r * abs(V) + (1 - r) / 2 * V**2).sum()
        for alpha, V in zip(net.alpha, W, strict=True)
    )
    # The terms of a loss may cancel, as may those in the powers of deviances.
    terms = (1 + 1 / p) ** 2 + (1 + 1 / (1 - p)) ** 2 + abs(wide["z"][-1])
    assert_rounded(
        trace.loss,
        (s @ losses.sum(axis=1) + penalty) / S,
        ROUNDINGS_OF_A_FUNCTION + p.shape[1],
        (s @ terms.sum(axis=1) + penalty) / S,
        net.dtype,
        "loss",
    )


@pytest.mark.promise(
    "No silently wrong results",
    "Loss, gradients and all intermediate values are those of the published "
    "equations, to rounding, for any activations, loss, penalty and data type.",
)
@LENGTHS
def test_every_equation_holds_to_its_rounding(n_examples):
    def check(problem):
        net, X, y = problem.net, problem.X, problem.y
        trace = net.backprop(X, y, problem.weights)
        s = np.ones(len(X)) if problem.weights is None else problem.weights
        rows = s > 0
        wide = {
            "z": [z[rows].astype("float64") for z in trace.z],
            "a": [a[rows].astype("float64") for a in trace.a],
            "delta": [delta[rows].astype("float64") for delta in trace.delta],
            "coefs": [W.astype("float64") for W in net.coefs],
            "intercepts": [b.astype("float64") for b in net.intercepts],
        }
        functions = by_hand.backprop.functions_of_layers(
            list(net.activation), net.output_activation, net.coefs
        )
        y = y[rows].astype("float64")
        assert_forward(net, trace, functions, wide)
        assert_backward(net, functions, wide, y)
        assert_gradients(net, trace, wide, s[rows])
        assert_loss(net, trace, wide, y, s[rows])

    for_all(n_examples, check, problems())


# ---------------------------------------------------------------------- invariances
def bits(net, X, y, weights):
    trace = net.backprop(X, y, weights)
    arrays = [*trace.coef_grads, *trace.intercept_grads, net.predict(X)]
    return [np.float64(trace.loss).tobytes(), *(a.tobytes() for a in arrays)]


def strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan, dtype=X.dtype)
    view = wide[::-2, ::3]
    view[...] = X
    return view


LAYOUTS = {
    "columns": np.asfortranarray,
    "strides": strided,
    "backwards": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "CSR": scipy.sparse.csr_matrix,
    "CSC": scipy.sparse.csc_matrix,
}


@LENGTHS
def test_the_layout_of_a_table_changes_no_bit(n_examples):
    def check(problem, of_X, of_y):
        net, X, y, weights = problem.net, problem.X, problem.y, problem.weights
        laid_out = LAYOUTS[of_X](X), LAYOUTS[of_y](y), weights
        assert bits(net, *laid_out) == bits(net, X, y, weights)

    tables = st.sampled_from(list(LAYOUTS))
    for_all(n_examples, check, problems(), tables, tables.filter(lambda s: s[0] != "C"))


@LENGTHS
def test_rows_of_weight_zero_at_the_end_change_no_bit(n_examples):
    def check(problem, n_more):
        net, X, y = problem.net, problem.X, problem.y
        s = np.ones(len(X)) if problem.weights is None else problem.weights
        more = np.full((n_more, X.shape[1]), 1e30)
        longer = np.vstack([X, more]).astype(X.dtype)
        y_longer = np.vstack([y, y[:1].repeat(n_more, axis=0)])
        expected = bits(net, X, y, s)[:-1]
        weights = np.append(s, np.zeros(n_more))
        assert bits(net, longer, y_longer, weights)[:-1] == expected

    for_all(n_examples, check, problems(), st.integers(1, 300))


@LENGTHS
def test_all_weights_times_a_power_of_two_change_no_bit(n_examples):
    def check(problem, exponent):
        net, X, y = problem.net, problem.X, problem.y
        s = np.ones(len(X)) if problem.weights is None else problem.weights
        assert bits(net, X, y, s * 2.0**exponent) == bits(net, X, y, s)

    # Without a penalty, which is divided by the sum of the weights.
    for_all(n_examples, check, problems(penalised=False), st.integers(-20, 20))


@LENGTHS
def test_a_row_predicts_the_same_among_any_others(n_examples):
    def check(problem, share):
        net, X = problem.net, problem.X
        split = int(share * len(X))
        parts = [net.predict(part) for part in (X[:split], X[split:]) if len(part)]
        assert np.vstack(parts).tobytes() == net.predict(X).tobytes()
        trace = net.backprop(X, problem.y)
        assert trace.a[-1].tobytes() == net.predict(X).tobytes()

    for_all(n_examples, check, problems(), st.floats(0, 1))


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def assert_same_objective(one, other, gradients, n_roundings):
    """Compare loss and gradients of two traces, up to the order of their sums."""
    dtype = gradients[0].dtype
    size = 1 + abs(other.loss)
    assert_rounded(one.loss, other.loss, n_roundings, size, dtype, "loss")
    actual, expected = flat(one.coef_grads + one.intercept_grads), flat(gradients)
    size = 1 + max(np.abs(array).max() for array in (expected, *other.delta))
    assert_rounded(actual, expected, n_roundings, size, dtype, "gradient")


def operations(problem):
    """Return the length of the longest chain of operations from input to gradient."""
    return 4 * sum(problem.net.layer_sizes) * len(problem.net.coefs) + len(problem.X)


@LENGTHS
def test_features_and_units_may_be_in_any_order(n_examples):
    def check(problem):
        net, X, y, rng = problem.net, problem.X, problem.y, problem.rng
        orders = [rng.permutation(size) for size in net.layer_sizes[:-1]]
        orders.append(np.arange(net.layer_sizes[-1]))
        pairs = list(zip(orders[:-1], orders[1:], strict=True))

        def reorder(coefs, intercepts):
            return (
                [W[np.ix_(*pair)] for W, pair in zip(coefs, pairs, strict=True)],
                [b[pair[1]] for b, pair in zip(intercepts, pairs, strict=True)],
            )

        other = problem.with_parameters(*reorder(net.coefs, net.intercepts))
        trace = net.backprop(X, y, problem.weights)
        coef_grads, intercept_grads = reorder(trace.coef_grads, trace.intercept_grads)
        assert_same_objective(
            other.backprop(X[:, orders[0]], y, problem.weights),
            trace,
            coef_grads + intercept_grads,
            operations(problem),
        )

    for_all(n_examples, check, problems())


@LENGTHS
def test_a_doubled_row_is_a_doubled_weight(n_examples):
    def check(problem):
        net, X, y = problem.net, problem.X, problem.y
        s = np.ones(len(X)) if problem.weights is None else problem.weights
        row = np.argmax(s > 0)
        doubled = s.copy()
        doubled[row] *= 2
        twice = np.append(np.arange(len(X)), row)
        trace = net.backprop(X, y, doubled)
        assert_same_objective(
            net.backprop(X[twice], y[twice], s[twice]),
            trace,
            trace.coef_grads + trace.intercept_grads,
            operations(problem),
        )

    for_all(n_examples, check, problems())


# ---------------------------------------------------------------------- training
@LENGTHS
def test_training_follows_the_published_rules(n_examples):
    def check(solver, hidden, n, batch_size, numbers, clips, seed, weighted):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((n, 3)), rng.standard_normal((n, 2))
        beta_1, beta_2, rate, momentum, alpha, l1_ratio = numbers
        model = MLPRegressor(
            hidden_layer_sizes=tuple(hidden),
            activation="tanh",
            solver=solver,
            shuffle=False,
            batch_size=min(batch_size, n),
            max_iter=2,
            tol=0.0,
            learning_rate_init=rate,
            alpha=alpha,
            l1_ratio=l1_ratio,
            momentum=momentum,
            nesterovs_momentum=bool(seed % 2),
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=0.1,  # do not magnify roundings of small gradients
            global_clipnorm=clips[0],
            max_norm=clips[1],
            random_state=seed,
        )
        s = rng.randint(0, 3, size=n) / 2.0
        s[0] = 1
        s = s if weighted else None
        model.fit(X, y, sample_weight=s)
        assert_follows(model, PlainTraining(model, X, y, sample_weight=s).fit())

    for_all(
        n_examples,
        check,
        st.sampled_from(list(RULES)),
        st.lists(st.integers(1, 6), max_size=3),
        st.integers(1, 40),
        st.integers(1, 40),
        st.tuples(
            st.floats(0, 0.95),
            st.floats(0, 0.999),
            st.floats(1e-4, 0.1),
            st.floats(0, 1),
            st.sampled_from([0.0, 0.5]),
            st.floats(0, 1),
        ),
        st.tuples(st.sampled_from([None, 0.1]), st.sampled_from([None, 0.8])),
        st.integers(0, 2**16),
        st.booleans(),
    )


@pytest.mark.parametrize("n_examples", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_the_number_of_threads_changes_no_bit_of_a_fit(n_examples):
    def check(n, n_features, hidden, solver, early_stopping, dropout, seed):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((n, n_features)), rng.randint(3, size=n)
        y[:6] = [0, 0, 1, 1, 2, 2]
        fits = [
            MLPClassifier(
                hidden,
                solver=solver,
                early_stopping=early_stopping,
                dropout=0.0 if solver == "lbfgs" else dropout,
                max_iter=2,
                random_state=seed,
                n_jobs=n_jobs,
            ).fit(X, y)
            for n_jobs in (1, 3)
        ]
        for one, other in zip(*(m.coefs_ + m.intercepts_ for m in fits), strict=True):
            assert one.tobytes() == other.tobytes()
        assert fits[0].loss_curve_ == fits[1].loss_curve_
        assert fits[0].predict_proba(X).tobytes() == fits[1].predict_proba(X).tobytes()

    for_all(
        n_examples,
        check,
        st.integers(60, 900),
        st.integers(1, 40),
        st.integers(1, 120),
        st.sampled_from([*RULES, "lbfgs"]),
        st.booleans(),
        st.sampled_from([0.0, 0.3]),
        st.integers(0, 2**16),
    )

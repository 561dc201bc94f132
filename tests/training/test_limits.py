"""Clipped gradients and limited weight norms have the same bits with any n_jobs."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone

from pybackprop import MLPClassifier, MLPRegressor
from support.lists import INSTRUCTION_SETS, OPTIMIZERS
from support.plain_training import RULES, PlainTraining, assert_follows

# Targets of a large scale give gradients that are clipped.
pytestmark = pytest.mark.filterwarnings("ignore::pybackprop.exceptions.ScalingWarning")

X = np.random.RandomState(1).standard_normal((50, 5))
Y = 10 * np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2], X[:, 3]])
WEIGHTS = np.arange(50) % 4 / 2
SETTINGS = {
    "hidden_layer_sizes": (7, 4),
    "activation": "tanh",
    "shuffle": False,
    "batch_size": 12,
    "max_iter": 8,
    "tol": 0.0,
    "learning_rate_init": 0.005,
    "beta_2": 0.9,
    "epsilon": 1e-3,
    "random_state": 0,
    "alpha": 0.2,
}
SOLVERS = list(OPTIMIZERS)


@pytest.mark.feature(
    "Gradient clipping by the global norm", use="MLPClassifier(global_clipnorm=1.0)"
)
@pytest.mark.parametrize("solver", RULES)
@pytest.mark.parametrize("longest", [0.01, 39.0, 15.0])
def test_a_gradient_is_clipped_to_the_norm(longest, solver):
    model = MLPRegressor(solver=solver, global_clipnorm=longest, **SETTINGS)
    plain = PlainTraining(model, X, Y, sample_weight=WEIGHTS).fit()
    assert_follows(model.fit(X, Y, WEIGHTS), plain)
    assert_follows(clone(model).fit(scipy.sparse.csr_array(X), Y, WEIGHTS), plain)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_limit_that_is_never_reached_changes_no_bit(solver, dtype):
    table = X.astype(dtype)
    free = MLPRegressor(solver=solver, **SETTINGS).fit(table, Y)
    limits = {"global_clipnorm": 1e9, "max_norm": 1e9}
    limited = clone(free).set_params(**limits).fit(table, Y)
    assert free.loss_curve_ == limited.loss_curve_
    for a, b in zip(free.coefs_, limited.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_clipped_step_of_sgd_has_the_norm_of_the_limit():
    params = SETTINGS | {"max_iter": 1, "batch_size": 50, "momentum": 0.0}
    start, moved = (
        MLPRegressor(solver="sgd", global_clipnorm=0.5, **params | rate).fit(X, Y)
        for rate in ({"learning_rate_init": 1e-300}, {"learning_rate_init": 0.1})
    )
    squares = sum(
        ((a - b) ** 2).sum()
        for a, b in zip(
            start.coefs_ + start.intercepts_,
            moved.coefs_ + moved.intercepts_,
            strict=True,
        )
    )
    assert np.sqrt(squares) == pytest.approx(0.1 * 0.5, rel=1e-10)


@pytest.mark.feature(
    "Max-norm constraint on the weights into each unit",
    use="MLPClassifier(max_norm=3.0)",
)
@pytest.mark.parametrize("solver", RULES)
@pytest.mark.parametrize("longest", [0.5, 1.0])
def test_weights_into_a_unit_have_at_most_max_norm(longest, solver):
    model = MLPRegressor(solver=solver, max_norm=longest, **SETTINGS)
    plain = PlainTraining(model, X, Y, sample_weight=WEIGHTS).fit()
    assert_follows(model.fit(X, Y, WEIGHTS), plain)
    norms = np.concatenate([np.linalg.norm(W, axis=0) for W in model.coefs_])
    assert norms.max() == pytest.approx(longest, rel=1e-12)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_max_norm_with_lbfgs_names_both(estimator):
    model = estimator(max_norm=3, solver="lbfgs")
    with pytest.raises(ValueError, match=r"max_norm=3 .*solver='lbfgs'"):
        model.fit(X, Y[:, 0] > 0)


# --------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_number_of_threads_changes_no_bit(solver):
    rng = np.random.RandomState(0)
    table, y = rng.standard_normal((600, 80)), rng.randint(3, size=600)
    models = [
        MLPClassifier(
            (60, 20),
            solver=solver,
            n_jobs=n_jobs,
            batch_size=300,
            max_iter=3,
            learning_rate_init=[0.01, 0.02, 0.03],
            alpha=[0.1, 1.0, 0.2],
            l1_ratio=0.3,
            global_clipnorm=0.1,
            max_norm=0.9,
            random_state=0,
        ).fit(table, y)
        for n_jobs in (1, 2, 3)
    ]
    for model in models[1:]:
        assert model.loss_curve_ == models[0].loss_curve_
        for a, b in zip(model.coefs_, models[0].coefs_, strict=True):
            np.testing.assert_array_equal(a, b)


PROGRAM = """
import hashlib
import warnings
import numpy as np
import scipy.sparse
from pybackprop import MLPClassifier, _core, catalogue

warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = rng.standard_normal((620, 70)) * (rng.rand(620, 70) < 0.6)
y = rng.randint(3, size=620)
weights = rng.randint(4, size=620) / 2
for dtype in ("float64", "float32"):
    for solver in catalogue()["optimizers"]:
        digests = set()
        for n_jobs in (1, 2, 3):
            for table in (X.astype(dtype), scipy.sparse.csr_array(X.astype(dtype))):
                model = MLPClassifier(
                    (40, 9), solver=solver, n_jobs=n_jobs, random_state=0, max_iter=3,
                    batch_size=300, learning_rate="one_cycle", warmup_epochs=1.5,
                    learning_rate_init=[0.01, 0.02, 0.03], alpha=[0.1, 1.0, 0.2],
                    l1_ratio=0.3, global_clipnorm=0.1, max_norm=0.9,
                ).fit(table, y, weights)
                bits = np.array(model.loss_curve_).tobytes()
                bits += b"".join(W.tobytes() for W in model.coefs_ + model.intercepts_)
                digests.add(hashlib.sha256(bits).hexdigest())
        assert len(digests) == 1, (solver, dtype)
        print(solver, dtype, *digests)
"""


@pytest.mark.slow
@pytest.mark.full
def test_threads_tables_and_instruction_sets_give_the_same_bits():
    outputs = set()
    for isa, runs in INSTRUCTION_SETS.items():
        if runs:
            run = subprocess.run(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "PYBACKPROP_ISA": isa},
                capture_output=True,
                text=True,
            )
            assert run.returncode == 0, run.stderr
            outputs.add(run.stdout)
    (output,) = outputs
    assert len(output.splitlines()) == 2 * len(SOLVERS)

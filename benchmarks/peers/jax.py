"""JAX with one jitted function per epoch, a lax.scan over its batches.

The objective is ours, with alpha / (2 rows) ||W||^2 for each batch, and is
differentiated by JAX. Adam is written in our form, so epsilon needs no conversion. A
scan needs batches of equal size, so a smaller last batch is a separate step in the same
function. Initial weights and the order of the rows are those of workloads.start.

XLA reads the number of threads from NPROC in the environment of the process.
"""

from functools import partial

import jax
from jax import numpy as jnp
from workloads import start

NAME = "JAX"
PACKAGES = ["jax", "jaxlib"]

jax.config.update("jax_enable_x64", True)  # float32 arrays stay float32

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "logistic": jax.nn.sigmoid,
    "identity": lambda z: z,
}
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def can_run(workload):
    return workload.solver == "adam" and workload.density == 1


def prepare(workload, table, dtype, n_threads):
    return Training(workload, table, dtype)


def objective(layers, X, y, workload):
    """Return the mean loss of a batch plus the L2 term."""
    a = X
    for W, b in layers[:-1]:
        a = ACTIVATIONS[workload.activation](a @ W + b)
    W, b = layers[-1]
    z = a @ W + b
    if workload.classes > 2:
        at_y = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
        losses = jax.nn.logsumexp(z, axis=1) - at_y
    elif workload.classes == 2:
        losses = jax.nn.softplus(z[:, 0]) - z[:, 0] * y
    else:
        losses = 0.5 * (z[:, 0] - y) ** 2
    squares = sum(jnp.vdot(W, W) for W, _ in layers)
    return losses.mean() + workload.alpha / (2 * len(X)) * squares


def step(state, rows, X, y, workload):
    """Train one batch; return the state and the sum of its losses."""
    layers, m, v, t = state
    t = t + 1
    loss, gradient = jax.value_and_grad(objective)(layers, X[rows], y[rows], workload)
    # Computed in double for every data type and rounded once.
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
    rate = rate.astype(X.dtype)
    m = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, gradient)
    layers = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), layers, m, v
    )
    return (layers, m, v, t), loss * len(rows)


@partial(jax.jit, static_argnames="workload", donate_argnames="state")
def epoch(state, order, X, y, workload):
    whole = workload.rows // workload.batch
    head = order[: whole * workload.batch].reshape(whole, workload.batch)
    tail = order[whole * workload.batch :]
    one_batch = partial(step, X=X, y=y, workload=workload)
    state, losses = jax.lax.scan(one_batch, state, head)
    total = losses.sum()
    if len(tail):
        state, loss = one_batch(state, tail)
        total += loss
    return state, total / workload.rows


class Training:
    def __init__(self, workload, table, dtype):
        self.workload, self.dtype = workload, dtype
        X, y = table
        self.X = jnp.asarray(X)
        self.y = jnp.asarray(y if workload.classes > 2 else y.astype(dtype))

    def train(self, n_epochs, tick=lambda: None):
        layers, orders = start(self.workload, self.dtype)
        layers = [(jnp.asarray(W), jnp.asarray(b)) for W, b in layers]
        m = jax.tree.map(jnp.zeros_like, layers)
        v = jax.tree.map(jnp.zeros_like, layers)
        state = layers, m, v, jnp.zeros((), jnp.float64)
        losses = []
        for _ in range(n_epochs):
            tick()
            state, loss = epoch(state, next(orders), self.X, self.y, self.workload)
            losses.append(float(loss))  # waits until the epoch is done
        tick()
        return losses

"""Makes problems for gradients, with all losses, outputs, activations and depths.

A row that is added to a list of the core is included without a further edit.
"""

import numpy as np

from pybackprop import Network, by_hand
from support.lists import HIDDEN, LOSSES, OUTPUTS, activate

DEPTHS = {0: [], 1: [4], 2: [5, 3], 3: [4, 3, 5]}
N_SAMPLES, N_FEATURES = 7, 3


def usual_parameter(loss):
    """Return the middle of the loss parameter's range, 1 if infinite, or None."""
    record = LOSSES[loss]
    if record["parameter"] is None:
        return None
    low, high = record["parameter_low"], record["parameter_high"]
    return (low + high) / 2 if np.isfinite(high) else 1.0


def make_problem(loss, output, hidden, depth, n_outputs=3, dtype="float64", alpha=0.3):
    """Return a network with predictions in the domain of every loss, and data."""
    rng = np.random.RandomState(depth)
    sizes = [N_FEATURES, *DEPTHS[depth], n_outputs]
    net = Network(
        sizes,
        activation=hidden,
        output_activation=output,
        loss=loss,
        alpha=alpha,
        dtype=dtype,
        loss_parameter=usual_parameter(loss),
        random_state=rng,
    )
    # Small weights, and a bias with predictions between 0 and 1, as log-losses need.
    net.coefs[-1] *= 0.1
    grid = np.linspace(-2, 2, 81).reshape(-1, 1)
    image = np.abs(activate(output, grid) - 0.5)
    net.intercepts[-1][:] = grid[np.argmin(image)] + 0.01 * rng.rand(n_outputs)
    X = rng.uniform(-1, 1, size=(N_SAMPLES, N_FEATURES))
    low = max(LOSSES[loss]["target_low"], 0.1)
    high = min(LOSSES[loss]["target_high"], 0.9)
    y = rng.uniform(low, high, size=(N_SAMPLES, n_outputs))
    y[0, 0], y[0, 1] = high, low  # on both sides of the predictions
    if LOSSES[loss]["rows_sum_to_one"]:
        y /= y.sum(axis=1, keepdims=True)
    weights = rng.uniform(0.5, 2, size=N_SAMPLES)
    return net, X.astype(dtype), y.astype(dtype), weights


# Loss and output affect a hidden layer only through delta: every loss is combined with
# every output, and every hidden activation with one such pair and with each depth.
COMBINATIONS = [
    *((loss, output, "tanh", 1) for loss in LOSSES for output in OUTPUTS),
    *(
        ("squared_error", "logistic", hidden, depth)
        for hidden in HIDDEN
        for depth in DEPTHS
    ),
]
BY_HAND = [
    combination
    for combination in COMBINATIONS
    if combination[0] in by_hand.backprop.LOSSES
    and combination[1] in by_hand.backprop.OUTPUTS
    and combination[2] in by_hand.backprop.ACTIVATIONS
]

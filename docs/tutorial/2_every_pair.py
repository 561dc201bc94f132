r"""
Every loss with every output
============================

**Delta equals** ``y_pred - y`` **for four pairs of a loss and an output activation and
for no other.** This page shows two pairs of each kind, the effect of the difference on
training, and, at the end, all pairs. Delta is the gradient
:math:`\partial\ell/\partial z` of a sample's loss at the pre-activation of the output.
"""

# %%
# Canonical pairs
# ---------------
#
# For every loss with every output activation of ``Network``, ``delta_table`` multiplies
# the derivative of the loss by the Jacobian of the output at random points, and
# compares the result with ``y_pred - y``.

import matplotlib.pyplot as plt
import numpy as np

from pybackprop import Network
from pybackprop.inspection import delta_table, explain_delta

table = delta_table()
print("pairs:", len(table.rows))
for row in table.rows:
    if row.equal:
        print(f"{row.loss:15} with {row.output_activation}")

# %%
# A coupled output
# ----------------
#
# With softmax every output depends on every z, so the Jacobian is a full matrix, and
# delta is its transpose times the derivative of the loss. For the log-loss nearly
# everything cancels:

z, y = np.log([1.0, 2.0, 5.0]), np.array([0.0, 1.0, 0.0])
explain_delta("log_loss", "softmax", z=z, y=y)

# %%
# For the squared error nothing cancels:

explain_delta("squared_error", "softmax", z=z, y=y)

# %%
# The effect on training
# ----------------------
#
# Take a logistic output and a sample with y = 1. The delta of the log-loss is largest
# where the prediction is worst. The delta of the squared error still has the factor
# :math:`g' = \hat y(1-\hat y)` and is near 0 there: a unit far on the wrong side learns
# almost nothing. With exp, the Poisson deviance's delta grows
# with the prediction. The gamma deviance's, :math:`1 - y/\hat y`, stays below 1 and is
# steep where the prediction is too small: it measures relative differences.


def delta_at_output(loss, output_activation, z, y):
    network = Network([1, 1], loss=loss, output_activation=output_activation)
    network.coefs[0][:], network.intercepts[0][:] = 1, 0  # so that z is X
    return network.backprop(z, np.full_like(z, y)).delta[0]


fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, output_activation, limit, losses in [
    (axes[0], "logistic", 8, ["binary_log_loss", "squared_error"]),
    (axes[1], "exp", 2, ["poisson", "gamma"]),
]:
    z = np.linspace(-limit, limit, 201)[:, np.newaxis]
    for loss, style in zip(losses, ["-", "--"], strict=True):
        delta = delta_at_output(loss, output_activation, z, 1.0)
        ax.plot(z, delta, style, label=loss)
    ax.axhline(0, color="grey", linewidth=0.8)
    ax.set(title=f"{output_activation}, y = 1", xlabel="z", ylabel="delta")
    ax.legend()
plt.show()

# %% The solid lines are ``y_pred - y``. Using them instead of the dashed ones is the
# mistake that the first page measures.

# %%
# All pairs
# ---------
#
# Most pairs are unusual, but each has its delta. Points outside the domain of the loss,
# such as negative predictions of a Poisson deviance, are left out.

delta_table()

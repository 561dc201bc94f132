r"""
Every loss with every output
============================

**Four pairs of a loss and an output activation have the delta** ``y_pred - y``, **all
others have not.** This page shows two of each kind, what the difference means for
training, and, at the end, all pairs. Delta is the gradient
:math:`\partial\ell/\partial z` of a sample's loss at the pre-activation of the output.
"""

# %%
# Asked one by one
# ----------------
#
# ``delta_table`` takes every loss with every output activation that ``Network`` knows,
# multiplies the slope of the loss by the Jacobian of the output at random points, and
# looks whether ``y_pred - y`` comes out.

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
# One with a coupled output
# -------------------------
#
# With softmax every output depends on every z, so the Jacobian is a full matrix, and
# delta is its transpose times the slope. For the log-loss nearly everything cancels:

z, y = np.log([1.0, 2.0, 5.0]), np.array([0.0, 1.0, 0.0])
explain_delta("log_loss", "softmax", z=z, y=y)

# %%
# For the squared error nothing does:

explain_delta("squared_error", "softmax", z=z, y=y)

# %%
# What the factor does
# --------------------
#
# Does it matter that something cancels? Take a logistic output and a sample with y = 1.
# The log-loss's delta is largest where the output is most wrong. The squared error's
# has the factor :math:`g' = \hat y(1-\hat y)` left, and is near 0 there: a unit far on
# the wrong side learns next to nothing. With exp, the Poisson deviance's delta grows
# with the prediction. The gamma deviance's, :math:`1 - y/\hat y`, stays below 1 and is
# steep where the prediction is too small: it asks for relative accuracy.


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

# %%
# The solid lines are ``y_pred - y``. Training by them where the dashed ones are asked
# for is the mistake that the first page measures.

# %%
# All pairs
# ---------
#
# Most of them nobody would train, but each has its delta. Points are left out where the
# loss does not take the prediction, such as a negative one of a Poisson deviance.

delta_table()

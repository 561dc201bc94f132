"""
Choosing the loss and the output activation
===========================================

The loss determines which property of the target is predicted. The output activation
determines which values are possible predictions. Any two can be combined; for four
pairs the gradient at the output is simply ``y_pred - y``, and these learn well from
the start.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPRegressor, Network
from pybackprop.inspection import delta_table, explain_delta

# %%
# What each loss predicts
# -----------------------
#
# These networks have one constant input and no hidden layer. Each converges to the one
# number that minimizes its loss over the 442 targets.

_, y = load_diabetes(return_X_y=True)
y = y / 100
constant = np.zeros((len(y), 1))
warnings.filterwarnings("ignore", category=ConvergenceWarning)
for loss, params in (
    ("squared_error", {}),
    ("poisson", {}),
    ("gamma", {}),
    ("absolute_error", {}),
    ("huber", {"huber_delta": 0.5}),
    ("quantile", {"quantile": 0.9}),
):
    model = MLPRegressor(loss, **params, hidden_layer_sizes=(), alpha=0.0)
    model.set_params(learning_rate="linear", learning_rate_init=0.05, random_state=0)
    model.set_params(batch_size=len(y), max_iter=500, n_iter_no_change=500)
    print(f"{loss:<15} {model.fit(constant, y).predict(constant[:1])[0]:.2f}")
print(f"mean {y.mean():.2f}, median {np.median(y):.2f}, 90 % {np.quantile(y, 0.9):.2f}")

# %%
# So start with what you want to predict:
#
# ==========================  ==========================  ==============================
# target                      prediction                  loss and output
# ==========================  ==========================  ==============================
# any number                  its mean                    squared_error, identity
# any number, with outliers   its centre                  huber or absolute_error
# any number                  an interval                 quantile, twice
# a count                     its mean, never negative    poisson, exp
# positive, spread like mean  its mean, relative error    gamma, exp; tweedie with zeros
# a share from 0 to 1         its mean, from 0 to 1       squared_error, logistic
# one of two classes          a probability               log_loss, logistic
# one of more classes         probabilities               log_loss, softmax
# several labels              one probability per label   log_loss, logistic
# ==========================  ==========================  ==============================
#
# ``output_activation="auto"`` selects the output of this table, except for the share,
# where it must be named. With a logistic output, a classifier's ``log_loss`` is the
# ``binary_log_loss`` of :class:`~pybackprop.Network`.
#
# Which pairs are canonical
# -------------------------
#
# Delta at the output is the gradient of a sample's loss at the pre-activation
# :math:`z`. Where the loss is the negative log-likelihood of an exponential family and
# the output its inverse canonical link, it is :math:`\hat y - y`; for all other pairs
# it is the product of the Jacobian and the derivative of the loss.
# :func:`~pybackprop.inspection.delta_table` has all pairs; these are the pairs above.

rows = {(row.loss, row.output_activation): row for row in delta_table().rows}
for pair in (
    ("squared_error", "identity"),
    ("binary_log_loss", "logistic"),
    ("log_loss", "softmax"),
    ("poisson", "exp"),
    ("gamma", "exp"),
    ("tweedie", "exp"),
    ("huber", "identity"),
    ("absolute_error", "identity"),
    ("squared_error", "logistic"),
):
    canonical = "canonical" if rows[pair].is_canonical else ""
    print(f"{pair[0]:<16} {pair[1]:<9} {canonical:<9}  delta = {rows[pair].formula}")
n_canonical = sum(row.is_canonical for row in rows.values())
print(f"canonical of all {len(rows)} pairs of a loss and an activation: {n_canonical}")

# %%
# Why it matters
# --------------
#
# A logistic output that predicts the wrong class with confidence must learn fast. With
# the log-loss, delta stays near -1. With squared error it is multiplied by
# :math:`\hat y (1 - \hat y)`, and is almost 0 where the prediction is worst:

explain_delta("squared_error", "logistic", z=[-8.0], y=[1.0])

# %%

z = np.linspace(-8, 8, 200)[:, np.newaxis]
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for loss, color, style in (
    ("binary_log_loss", "#0072b2", "-"),
    ("squared_error", "#d55e00", "--"),
):
    network = Network([1, 1], output_activation="logistic", loss=loss)
    network.coefs[0][...], network.intercepts[0][...] = 1, 0
    delta = network.backprop(z, np.ones_like(z)).delta[-1]
    ax.plot(z, delta, color=color, linestyle=style, label=loss)
ax.set(xlabel="pre-activation z; the target is 1", ylabel="delta, the gradient at z")
ax.legend(title="logistic output with")
plt.show()

# %%
# **Advice.** Choose the loss by what you want to predict and the output by which values
# are possible, and use a canonical pair where both allow it. Other pairs work too:
# delta is computed exactly for any pair. For a loss that is not in the list, pass a
# function. :ref:`sphx_glr_auto_examples_03_losses.py` compares losses on data,
# :doc:`/auto_tutorial/index` explains delta.

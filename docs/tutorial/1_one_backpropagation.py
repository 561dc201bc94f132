r"""
There is only one backpropagation
=================================

Two good courses teach two formulations of the derivatives of a hidden layer. In Andrew
Ng's course they come, in quotation marks, from "the error signal distributed back"; in
Geoffrey Hinton's from "the derivatives of the next layer, already computed". Which one
is right?

**Both: they are one algorithm, and it passes a gradient from layer to layer.** At the
output, some pairs of loss and activation make that gradient *look* like an error,
``y_pred - y``. Most pairs do not. The layers below have no shortcut: there is one
recursion, and both courses teach it.

This page shows it with numbers that you can check with a pencil. All of them are
computed while the page is built.
"""

# %%
# The question
# ------------
#
# Here are both formulations for one hidden layer, in the same notation. A layer
# computes its *pre-activation* :math:`z = a_{\text{before}} W + b` and passes on its
# *activation*: :math:`a = f(z)` in the hidden layer, :math:`\hat y = g(z)` at the
# output, ``y_pred`` in code. :math:`\ell` is the loss of one sample. Superscripts count
# layers, :math:`\odot` multiplies element by element, and the numbers are those of
# :doc:`the whole algorithm </by_hand>`.
#
# .. list-table::
#    :header-rows: 1
#    :widths: 14 36 50
#
#    * -
#      - first formulation (Ng)
#      - second formulation (Hinton)
#    * - output (3)
#      - :math:`\delta^2 = \hat y - y`
#      - :math:`\dfrac{\partial\ell}{\partial z^2} = g'(z^2)\,
#        \dfrac{\partial\ell}{\partial\hat y}`
#    * - hidden (4)
#      - :math:`\delta^1 = \delta^2 {W^2}^T \odot f'(z^1)`
#      - :math:`\dfrac{\partial\ell}{\partial a^1} =
#        \dfrac{\partial\ell}{\partial z^2}\,{W^2}^T`
#
#        :math:`\dfrac{\partial\ell}{\partial z^1} =
#        \dfrac{\partial\ell}{\partial a^1} \odot f'(z^1)`
#    * - weights (6)
#      - :math:`{a^1}^T \delta^2`, :math:`\;x^T \delta^1`
#      - :math:`{a^1}^T \dfrac{\partial\ell}{\partial z^2}`,
#        :math:`\;x^T \dfrac{\partial\ell}{\partial z^1}`
#
# Write :math:`\delta` for :math:`\partial\ell/\partial z`, and the last two rows are
# equal: the second formulation only gives :math:`\delta^2 {W^2}^T` a name. Only the
# first row differs, and there the two courses use different examples: the first has a
# log-loss at its logistic outputs, the second a squared error. This is the whole
# difference.

# %%
# A network for a pencil
# ----------------------
#
# Two features, three relu units, one logistic output, one sample. The weights are round
# numbers, and the last intercept is log 4, so that the output is exactly 0.8.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, Network
from pybackprop.inspection import check_gradients, explain_delta, formulations
from pybackprop.plotting import (
    FormulationsDisplay,
    GradientFlowDisplay,
    NetworkDisplay,
)

np.set_printoptions(precision=4, suppress=True)

network = Network(
    [2, 3, 1],
    activation="relu",
    output_activation="logistic",
    loss="binary_log_loss",
)
network.coefs[0][:] = [[0.5, 1.0, -1.0], [1.0, -1.0, 0.5]]
network.intercepts[0][:] = [0.0, 0.0, 0.5]
network.coefs[1][:] = [[1.0], [-2.0], [-3.0]]
network.intercepts[1][:] = np.log(4)

X = np.array([[2.0, 1.0]])
y = np.array([[1.0]])

# %% The forward pass has two lines per layer: :math:`Z^l = A^{l-1} W^l + b^l` (1) and
# :math:`A^l = f(Z^l)` (2). Capitals are matrices with one row per sample. The third
# unit gets :math:`2\cdot(-1) + 1\cdot 0.5 + 0.5 = -1`, so relu sets it to 0.

W1, W2 = network.coefs
b1, b2 = network.intercepts

z1 = X @ W1 + b1  # (1)
a1 = np.maximum(z1, 0)  # (2)
z2 = a1 @ W2 + b2
y_pred = 1 / (1 + np.exp(-z2))

print("z1    ", z1)
print("a1    ", a1)
print("z2    ", z2)
print("y_pred", y_pred)

# %%
# ``Network.forward`` gives the same numbers. ``z[0]`` is the first layer's; ``a[0]`` is
# X.

trace = network.forward(X)
print(trace.z)
print(trace.a)

# %%
# At the output
# -------------
#
# What is the gradient of the loss at :math:`z^2`? The loss sees :math:`z^2` only
# through :math:`\hat y = g(z^2)`, so it is the chain rule with two factors:
#
# .. math:: \delta^2 = \frac{\partial\ell}{\partial z^2}
#           = g'(z^2)\,\frac{\partial\ell}{\partial\hat y} \tag{3}
#
# For the log-loss :math:`\ell = -y\log\hat y - (1-y)\log(1-\hat y)` and the logistic
# function, in numbers:

dloss_dy = -y / y_pred + (1 - y) / (1 - y_pred)
g_prime = y_pred * (1 - y_pred)

print("dloss/dy_pred", dloss_dy)
print("g'(z2)       ", g_prime)
print("product      ", g_prime * dloss_dy)
print("y_pred - y   ", y_pred - y)

# %%
# The last two agree: −1.25 · 0.16 is −0.2, and so is 0.8 − 1. The algebra shows that no
# other number could have come out:
#
# .. math:: \underbrace{\hat y(1-\hat y)}_{g'(z)}\;\cdot\;
#           \underbrace{\frac{\hat y - y}{\hat y(1-\hat y)}}%
#           _{\partial\ell/\partial\hat y}
#           = \hat y - y
#
# So :math:`\hat y - y` is a product in which two factors have cancelled.
# It is **a gradient that looks like an error**. The first formulation starts from this
# result, the second from the product.
#
# **Why this is no accident.** Many losses are a negative log-likelihood, and the common
# likelihoods have one shape, the exponential family:
# :math:`-\log p(y\mid z) = A(z) - yz + \text{const}`, where :math:`z` is called the
# *natural parameter*. The mean of :math:`y` is then :math:`A'(z)`. Take just this mean
# as the output activation, :math:`g = A'` (the inverse of what statisticians call the
# *canonical link*), and :math:`\partial\ell/\partial z = A'(z) - y = \hat y - y`. That
# gives the well-known pairs: squared error with identity (:math:`A = z^2/2`), log-loss
# with logistic (:math:`\log(1+e^z)`) or softmax (:math:`\log\sum_k e^{z_k}`), Poisson
# deviance with exp (:math:`e^z`). The library calls these pairs *canonical*.
#
# ``explain_delta`` explains any pair, at any point:

explain_delta("binary_log_loss", "logistic", z=z2[0], y=y[0])

# %%
# One layer down
# --------------
#
# Now the two formulations, line by line. The first one:

delta2 = y_pred - y  # (3), cancelled
delta1 = (delta2 @ W2.T) * (z1 > 0)  # (4)
print("delta1", delta1)
print("dW2   ", (a1.T @ delta2).ravel())  # (6)
print("dW1   ", *(X.T @ delta1))

# %%
# and the second:

dloss_dz2 = g_prime * dloss_dy  # (3)
dW2 = a1.T @ dloss_dz2
dloss_da1 = dloss_dz2 @ W2.T
dloss_dz1 = dloss_da1 * (z1 > 0)
dW1 = X.T @ dloss_dz1
print("dloss/da1", dloss_da1)
print("dloss/dz1", dloss_dz1)
print("dW2      ", dW2.ravel())
print("dW1      ", *dW1)

assert np.allclose(delta1, dloss_dz1, rtol=1e-12)

# %%
# They are the same lines in another order, with one more name in the second:
#
# .. math:: \Delta^{l-1} =
#           \underbrace{\left(\Delta^l {W^l}^T\right)}_{\partial\ell/\partial A^{l-1}}
#           \odot f'(Z^{l-1}) \tag{4}
#
# What is passed down is a gradient, and :math:`f'` decides how much passes: the third
# unit has the largest :math:`\partial\ell/\partial a`, 0.6, but it is off, so its
# :math:`f'` is 0, its delta is 0, and its weights get no gradient from this sample.
#
# ``formulations`` computes both on any network and compares them with the compiled core
# of this library and with finite differences :math:`(F(w+h) - F(w-h))/2h`, which depend
# on neither. :math:`F` is the *objective*: the mean of :math:`\ell` over the samples,
# plus a penalty on the weights if there is one. Here it is just :math:`\ell`. Hinton
# writes E for it:

formulations(network, X, y)

# %%
# The activations of the forward pass and the deltas of the backward pass, as a picture:

NetworkDisplay.from_network(network, X, y, show=("a", "delta"))
plt.show()

# %%
# Another loss, and delta looks different
# ---------------------------------------
#
# The weights, the sample and the output of 0.8 are the same. Only the loss differs: it
# is the squared error :math:`\ell = \frac12(\hat y - y)^2`, as in the second course's
# example.

squared = Network.from_parameters(
    network.coefs,
    network.intercepts,
    activation="relu",
    output_activation="logistic",
    loss="squared_error",
)
explain_delta("squared_error", "logistic", z=z2[0], y=y[0])

# %%
# Now :math:`\partial\ell/\partial\hat y` is −0.2, nothing cancels :math:`g' = 0.16`,
# and delta is −0.032. This is the normal case; a few more:
#
# .. list-table::
#    :header-rows: 1
#
#    * - loss and output activation
#      - :math:`\partial\ell/\partial z` of the output
#    * - squared error, logistic
#      - :math:`(\hat y - y)\,\hat y(1-\hat y)`
#    * - half gamma deviance, exp
#      - :math:`1 - y/\hat y`
#    * - squared error, softmax
#      - :math:`\hat y_i\,(e_i - \sum_j \hat y_j e_j)` with :math:`e = \hat y - y`
#
# Both formulations still agree, if the first starts from (3). But with
# :math:`\hat y - y` as the rule, every gradient is :math:`1/0.16 = 6.25` times too
# large, a relative error of 5.25. Finite differences show this in the last column:

formulations(squared, X, y)

# %% In this picture, each point is the derivative of the objective by one parameter.
# Points on the diagonal agree with finite differences.

FormulationsDisplay.from_network(squared, X, y, kind="scatter")
plt.show()

# %%
# **What does training with the mistaken gradient do?** The gradient is that of the
# log-loss, to the last bit.

mistaken = formulations(squared, X, y).mistaken
gradient_of_log_loss = formulations(network, X, y).ng
for name in ("dW1", "db1", "dW2", "db2"):
    assert np.array_equal(mistaken[name], gradient_of_log_loss[name])

# %% So nothing crashes, and the printed loss may even decrease, but the training
# minimizes *another objective*. This is so for every increasing output activation:
# :math:`g(z) - y` is the derivative of :math:`\int g(z)\,dz - yz`, which is called the
# *matching loss* of :math:`g` (Auer, Herbster and Warmuth 1996). With a logistic output
# you get the log-loss, with identity the squared error, with exp the Poisson deviance,
# whatever you asked for.

# %% Or the training diverges. The half gamma deviance with exp measures relative
# differences: its delta, :math:`1 - y/\hat y`, has no unit. For targets in the
# hundreds, :math:`\hat y - y` is hundreds of times too large. The objective after 0, 1,
# 2, 10 and 40 steps:

rng = np.random.default_rng(0)
X_cost = rng.normal(size=(200, 3))
y_cost = 300 * np.exp(X_cost[:, :1]) * rng.gamma(2, 1 / 2, size=(200, 1))

cost = Network(
    [3, 8, 1],
    activation="tanh",
    output_activation="exp",
    loss="gamma",
    random_state=0,
)
cost.intercepts[1][:] = np.log(y_cost.mean())
both = formulations(cost, X_cost, y_cost)
for learning_rate in (0.1, 0.001):
    print(f"learning rate {learning_rate}")
    training = both.training(40, learning_rate=learning_rate)
    for reading, losses in training.items():
        print(reading.ljust(8), *(f"{losses[k]:8.3g}" for k in (0, 1, 2, 10, 40)))

# %% With a learning rate a hundred times smaller it converges, but it minimizes the
# Poisson deviance: the gamma deviance, which is printed, only decreases along with it.

# %%
# Deeper layers have no shortcut
# ------------------------------
#
# The loss affects only :math:`\Delta^L`. All deeper layers have the same line, (4):
# multiply by :math:`W^T`, multiply by :math:`f'`. Each layer adds one such pair of
# factors, so these factors determine the gradient of the first layer. The logistic
# function's :math:`f' = a(1-a)` is ¼ at most; relu's is 1 wherever the unit is active.
# Six hidden layers of each:

X_cancer, y_cancer = load_breast_cancer(return_X_y=True)
X_cancer, y_cancer = scale(X_cancer), y_cancer[:, np.newaxis].astype(float)

ax = None
for activation in ("logistic", "relu"):
    deep = Network(
        [30, *[20] * 6, 1],
        activation=activation,
        output_activation="logistic",
        loss="binary_log_loss",
        random_state=0,
    )
    ax = GradientFlowDisplay.from_network(deep, X_cancer, y_cancer, ax=ax).ax_
plt.show()

# %%
# Read it from right to left. At the output both have the residual :math:`\hat y - y`,
# and it is about equally large. Then each logistic layer loses a factor of about ten
# on average, a relu layer less than two. What reaches the first layer is the product of
# all that lies between, not a share of the residual.

# %%
# The same lines, in NumPy and in C
# ---------------------------------
#
# This is the complete backward pass of ``pybackprop/by_hand/backprop.py``, for any loss
# and any activation. ``vjp`` is the product with the Jacobian of the output, which for
# an elementwise output is (3). It has no shortcut.
#
# .. literalinclude:: /../pybackprop/by_hand/backprop.py
#    :pyobject: backward
#
# With sample weights :math:`s`, their sum :math:`S` and the penalty :math:`P` on the
# weights, lines (6) and (7) are
#
# .. math:: \frac{\partial F}{\partial W^l} =
#           \frac{{A^{l-1}}^T \operatorname{diag}(s)\,\Delta^l +
#           \partial P/\partial W^l}{S} \tag{6}
#
# .. math:: \frac{\partial F}{\partial b^l} =
#           \frac{\text{column sums of } \operatorname{diag}(s)\,\Delta^l}{S} \tag{7}
#
# This C code of ``output.c`` and ``layer.c`` trains your networks. First (3).
# With the default output of a loss, the product is a formula in the loss's row of the
# list of losses; with any other output, the derivative of the loss, which is in
# ``delta``, is multiplied by the Jacobian:
#
# .. literalinclude:: /../csrc/network/output.c
#    :language: c
#    :start-at: if (network->has_fused_delta) {
#    :end-at: k->vjp[network->output_activation]
#    :dedent: 4
#
# In the row of the log-loss, ``DELTA_IN_Z`` is that product, :math:`a - y`, and
# ``CANONICAL`` names the output activation. No code tests the name of a loss:
#
# .. literalinclude:: /../csrc/registry/losses.def
#    :language: c
#    :start-at: LOSS(binary_log_loss,
#    :end-at: PREDICTIONS
#
# Then (4), for all layers below: a product with the weights, and ``vjp`` for
# :math:`\odot f'`. Layers are stored feature-major, so :math:`\Delta W^T` is computed
# as :math:`W \Delta^T`.
#
# .. literalinclude:: /../csrc/network/layer.c
#    :language: c
#    :start-at: /* ---- (4)
#    :end-before: /* ---- (6)
#
# Nothing in these functions depends on the loss.

# %%
# On your own network
# -------------------
#
# ``formulations`` accepts any fitted estimator with its data and labels:

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
model = MLPClassifier((8, 4), max_iter=500, random_state=0).fit(X, y)
formulations(model, X, y)

# %%
# Finite differences show that the gradients are right, not only equal:

check_gradients(model, X, y)

# %%
# What to remember
# ----------------
#
# * Backpropagation passes down :math:`\Delta = \partial\ell/\partial z`. It is a
#   gradient in every layer.
# * At the output of a canonical pair, :math:`\Delta = \hat y - y`. With another loss or
#   activation, :math:`\hat y - y` is the gradient of another objective.
# * In deeper layers, :math:`\Delta^{l-1} = (\Delta^l {W^l}^T)\odot f'`, always. Both
#   courses are right and teach the same algorithm.
#
# :ref:`The next page <sphx_glr_auto_tutorial_2_every_pair.py>` has every loss with
# every output activation; after it come :ref:`exercises with solutions
# <sphx_glr_auto_tutorial_3_exercises.py>`.

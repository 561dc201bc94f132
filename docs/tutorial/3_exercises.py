r"""
Exercises, with solutions
=========================

From pencil and paper to code: one star needs the chain rule and whole numbers, two need
algebra, three need NumPy. The build of this page computes each solution and checks it
with an ``assert``. Try first, then open it.

The network is that of the first page: two features, three relu units, one logistic
output, log-loss; one sample, for which the output is 0.8.
"""

import matplotlib.pyplot as plt
import numpy as np

from pybackprop import Network
from pybackprop.inspection import check_gradients, formulations
from pybackprop.plotting import NetworkDisplay

np.set_printoptions(precision=4, suppress=True)

coefs = [
    np.array([[0.5, 1.0, -1.0], [1.0, -1.0, 0.5]]),
    np.array([[1.0], [-2.0], [-3.0]]),
]
intercepts = [np.array([0.0, 0.0, 0.5]), np.log([4.0])]
X, y = np.array([[2.0, 1.0]]), np.array([[1.0]])


def small(**changed):
    described = {
        "activation": "relu",
        "output_activation": "logistic",
        "loss": "binary_log_loss",
    }
    return Network.from_parameters(coefs, intercepts, **described | changed, copy=True)


NetworkDisplay.from_network(small(), X, show=("z", "a"))
plt.show()

# %%
# 1 ★ The other class
# -------------------
#
# Let the sample be of class 0 instead: y = 0. With a pencil: what are
# :math:`\delta^2`, :math:`\delta^1` and the gradients of both weight matrices?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# The forward pass does not depend on y: a = (2, 1, 0) and ŷ = 0.8. The pair is
# canonical, so :math:`\delta^2 = 0.8 - 0 = 0.8`. Times the weights (1, −2, −3) that is
# (0.8, −1.6, −2.4), and relu's derivatives (1, 1, 0) give :math:`\delta^1 = (0.8, -1.6,
# 0)`. A weight's gradient is the activation below times the delta above.

trace = small().backprop(X, [[0.0]])
assert np.allclose(trace.delta[1], 0.8)
assert np.allclose(trace.delta[0], [0.8, -1.6, 0])
assert np.allclose(trace.coef_grads[1].T, [2 * 0.8, 1 * 0.8, 0])
assert np.allclose(trace.coef_grads[0], [[1.6, -3.2, 0], [0.8, -1.6, 0]])
print(*trace.coef_grads, sep="\n\n")

# %%
# .. raw:: html
#
#    </details>
#
# 2 ★ The intercept's gradient
# ----------------------------
#
# For a single sample :math:`\partial\ell/\partial b^l` equals :math:`\delta^l`. Why?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# An intercept is the weight of an input that is always 1, and a weight's gradient is
# input times delta. For many samples it is the mean of their deltas. To see it, give
# the first layer such an input, and 0 for its own intercepts:

ones = np.ones((len(X), 1))
with_ones = Network.from_parameters(
    [np.vstack([coefs[0], intercepts[0]]), coefs[1]],
    [np.zeros(3), intercepts[1]],
    activation="relu",
    output_activation="logistic",
    loss="binary_log_loss",
)
last_row = with_ones.backprop(np.hstack([X, ones]), y).coef_grads[0][-1]
trace = small().backprop(X, y)
assert np.allclose(last_row, trace.intercept_grads[0])
assert np.allclose(last_row, trace.delta[0])
print(last_row)

# %%
# .. raw:: html
#
#    </details>
#
# 3 ★ A unit that is off
# ----------------------
#
# The third unit has the largest :math:`\partial\ell/\partial a`, 0.6, and the delta 0.
# (a) What happens to its weights in a step of gradient descent? (b) What if it is off
# for every sample? (c) What would its delta be with leaky relu, whose derivative is
# 0.01 below 0?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) Nothing: all its gradients have the factor delta = 0. (b) Then it stays off,
# since no step moves its weights, unless a change of the layers below it brings its z
# above 0. It is called a *dead* unit. (c) The output changes a little, since the unit
# now passes on 0.01 · (−1); the factor is 0.01 instead of 0.

relu = small().backprop(X, y)
leaky = small(activation="leaky_relu").backprop(X, y)
assert relu.delta[0][0, 2] == 0 and np.all(relu.coef_grads[0][:, 2] == 0)
assert np.allclose(leaky.delta[0][0, 2], -3 * leaky.delta[1][0, 0] * 0.01)
print("relu ", relu.delta[0])
print("leaky", leaky.delta[0])

# %%
# .. raw:: html
#
#    </details>
#
# 4 ★★ The friendliest pair, and its scale
# ----------------------------------------
#
# (a) Show that squared error :math:`\frac12\sum_k(\hat y_k - y_k)^2` with the identity
# has :math:`\Delta^L = \hat y - y`. (b) What becomes of it without the ½? (c) What, if
# the output is in grams where z is in kilograms, :math:`\hat y = 1000 z`?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) :math:`\partial\ell/\partial\hat y_k = \hat y_k - y_k`, and :math:`g' = 1`. (b)
# :math:`2(\hat y - y)`. (c) :math:`g' = 1000`, so :math:`1000\,(\hat y - y)`. The
# residual in grams depends neither on the factor of the loss nor on the unit of z. A
# gradient depends on both.


def without_the_half(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1), 2 * (y_pred - y)


plain = small(output_activation="identity", loss="squared_error").backprop(X, y)
twice = small(output_activation="identity", loss=without_the_half).backprop(X, y)
assert np.allclose(plain.delta[1], plain.a[2] - y)
assert np.allclose(twice.delta[1], 2 * (twice.a[2] - y))


def loss_in_grams(z, y):
    return (1000 * z - y) ** 2 / 2


z, h = 0.0012, 1e-7
slope = (loss_in_grams(z + h, 1) - loss_in_grams(z - h, 1)) / (2 * h)
assert np.isclose(slope, 1000 * (1000 * z - 1))
print("y_pred - y:", round(1000 * z - 1, 4), "  gradient at z:", round(slope, 4))

# %%
# .. raw:: html
#
#    </details>
#
# 5 ★★ Softmax
# ------------
#
# :math:`p_i = e^{z_i}/\sum_j e^{z_j}` and :math:`\ell = -\sum_i y_i\log p_i`. (a)
# Derive the Jacobian :math:`\partial p_i/\partial z_j`. (b) Multiply and see the
# factors cancel. (c) Where did you need :math:`\sum_i y_i = 1`?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) The quotient rule gives :math:`\partial p_i/\partial z_j = p_i([i=j] - p_j)`. (b)
# With :math:`\partial\ell/\partial p_i = -y_i/p_i`,
#
# .. math:: \frac{\partial\ell}{\partial z_j}
#           = \sum_i -\frac{y_i}{p_i}\,p_i([i=j] - p_j)
#           = -y_j + p_j\sum_i y_i .
#
# (c) In the last step: only if the sum is 1 is this :math:`p_j - y_j`. With two ones in
# a row it would be :math:`2p_j - y_j`. So the library requires rows that sum to 1; for
# multilabel targets use logistic outputs, which are independent.

z = np.array([0.5, 2.0, -1.0])
p = np.exp(z) / np.exp(z).sum()
J = np.diag(p) - np.outer(p, p)
for targets in (np.array([0, 1, 0]), np.array([1, 1, 0])):
    delta = J.T @ (-targets / p)
    assert np.allclose(delta, targets.sum() * p - targets)
    print("y:", targets, " delta:", delta, " p - y:", p - targets)

# %%
# .. raw:: html
#
#    </details>
#
# 6 ★★ Targets −1 and 1
# ---------------------
#
# Old code often has a tanh output, targets −1 and 1, and the squared error. (a) What is
# :math:`\delta^L`? (b) A sample with y = 1 is at ŷ = −0.99, almost as wrong as
# possible. How large is delta? (c) Find the loss for which tanh is canonical.
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) :math:`(\hat y - y)(1 - \hat y^2)`. (b) −1.99 · 0.0199 ≈ −0.04: the gradient
# almost vanishes where it is needed most. (c) The loss whose derivative cancels
# :math:`1-\hat y^2`, so :math:`\partial\ell/\partial\hat y = (\hat y - y)/(1-\hat
# y^2)`. For :math:`y = \pm1` its integral is :math:`-\log(1 + y\hat y)`, up to a
# constant: the log-loss, with :math:`(1 + y\hat y)/2` for the probability of the right
# class.


def log_loss_of_signs(y, y_pred):
    derivatives = (y_pred - y) / (1 - y_pred**2)
    return -np.log((1 + y * y_pred) / 2).sum(axis=1), derivatives


signs = small(output_activation="tanh", loss=log_loss_of_signs)
for target in (-1.0, 1.0):
    trace = signs.backprop(X, [[target]])
    assert np.allclose(trace.delta[1], trace.a[2] - target)
assert check_gradients(signs, X, [[-1.0]]).ok

z = np.arctanh(-0.99)
squared = (np.tanh(z) - 1) * (1 - np.tanh(z) ** 2)
assert np.isclose(squared, -0.0396, atol=1e-4)
print("squared error:", round(squared, 4), "  log-loss:", round(np.tanh(z) - 1, 4))

# %%
# .. raw:: html
#
#    </details>
#
# 7 ★★ What the mistaken gradient minimizes
# -----------------------------------------
#
# A program has one loss and uses :math:`\hat y - y` as the delta of the output. Which
# loss does it minimize (a) for gamma deviance with exp, (b) for absolute
# error with identity, (c) for squared error with tanh?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# Always :math:`\int g(z)\,dz - yz`, up to a constant. (a) :math:`e^z - yz`: the Poisson
# deviance. (b) :math:`z^2/2 - yz`: the squared error, which is not robust against
# outliers. (c) :math:`\log\cosh z - yz`, for targets ±1 the log-loss of exercise 6.

for asked, output, trained in [
    ("gamma", "exp", "poisson"),
    ("absolute_error", "identity", "squared_error"),
    ("squared_error", "tanh", log_loss_of_signs),
]:
    network = small(output_activation=output, loss=asked)
    mistaken = formulations(network, X, y).mistaken
    network = small(output_activation=output, loss=trained)
    coef_grads, _ = network.gradients(X, y)
    assert np.allclose(mistaken["dW1"], coef_grads[0])
    assert np.allclose(mistaken["dW2"], coef_grads[1])

# %%
# .. raw:: html
#
#    </details>
#
# 8 ★★ Weights of samples, and alpha
# ----------------------------------
#
# Two samples have the weights 2 and 1, and there is a penalty alpha. Which of
# :math:`\Delta`, :math:`\partial F/\partial W`, :math:`\partial F/\partial b` change
# (a) with the weights, (b) with alpha?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) Delta is the gradient of one sample's own loss, so it stays. The sums over samples
# change: weight 2 counts as the row twice, in the sum and in S. (b) Alpha adds
# :math:`\alpha W/S` to :math:`\partial F/\partial W`, and nothing to the rest.

rng = np.random.default_rng(0)
X2, y2 = rng.normal(size=(2, 2)), np.array([[0.0], [1.0]])
plain = small().backprop(X2, y2)
weighted = small().backprop(X2, y2, sample_weight=[2, 1])
repeated = small().backprop(X2[[0, 0, 1]], y2[[0, 0, 1]])
penalized = small(alpha=0.3).backprop(X2, y2)
for layer in range(2):
    assert np.array_equal(weighted.delta[layer], plain.delta[layer])
    assert np.array_equal(penalized.delta[layer], plain.delta[layer])
    assert np.allclose(weighted.coef_grads[layer], repeated.coef_grads[layer])
    added = penalized.coef_grads[layer] - plain.coef_grads[layer]
    assert np.allclose(added, 0.3 * coefs[layer] / 2)
    same = penalized.intercept_grads[layer] == plain.intercept_grads[layer]
    assert same.all()
assert not np.allclose(weighted.coef_grads[1], plain.coef_grads[1])

# %%
# .. raw:: html
#
#    </details>
#
# 9 ★★ What it costs
# ------------------
#
# Count multiplications by weights, for one sample and the layer sizes 784, 100, 10: (a)
# of a forward pass; (b) of a backward pass; (c) of the same gradient by central
# differences. What does backpropagation save?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# (a) One per weight. (b) One per weight for :math:`A^T\Delta`, and one per weight of
# every layer except the first for :math:`\Delta W^T`: at most two forward passes. (c)
# Two forward passes *per parameter*. Backpropagation saves a factor of nearly the
# number of parameters.

sizes = [784, 100, 10]
weights_of_layers = [m * n for m, n in zip(sizes, sizes[1:], strict=False)]
forward = sum(weights_of_layers)
backward = forward + sum(weights_of_layers[1:])
n_parameters = Network(sizes).parameters.size
differences = 2 * n_parameters * forward
assert (forward, backward) == (79_400, 80_400)
assert n_parameters == 79_400 + 110
print(f"forward {forward:,}, backward {backward:,}, differences {differences:,}")
print(f"{n_parameters:,} parameters, saved {differences / (forward + backward):,.0f}")

# %%
# .. raw:: html
#
#    </details>
#
# 10 ★★★ Write it yourself
# ------------------------
#
# For a network 4-6-5-3 with tanh, softmax and log-loss: from X, y, ``coefs`` and
# ``intercepts`` to all gradients, in plain NumPy. Compare them with
# ``Network.backprop``.
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# Eleven lines; the last loop has (4), (6) and (7).

net = Network(
    [4, 6, 5, 3],
    activation="tanh",
    output_activation="softmax",
    loss="log_loss",
    random_state=0,
)
X4, y4 = rng.normal(size=(20, 4)), np.eye(3)[rng.integers(3, size=20)]

a = [X4]
for W, b in zip(net.coefs[:-1], net.intercepts[:-1], strict=True):
    a.append(np.tanh(a[-1] @ W + b))
z = a[-1] @ net.coefs[-1] + net.intercepts[-1]
y_pred = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

delta = y_pred - y4  # the pair is canonical; else (3)
coef_grads, intercept_grads = [], []
for layer in (2, 1, 0):
    coef_grads.insert(0, a[layer].T @ delta / len(X4))
    intercept_grads.insert(0, delta.mean(axis=0))
    delta = (delta @ net.coefs[layer].T) * (1 - a[layer] ** 2)

right = net.backprop(X4, y4)
for layer in range(3):
    assert np.allclose(coef_grads[layer], right.coef_grads[layer])
    assert np.allclose(intercept_grads[layer], right.intercept_grads[layer])

# %% The last iteration computes a delta for the input, with a derivative of tanh where
# there is no tanh. It is not used; without that factor it would be
# :math:`\partial\ell/\partial X`.
#
# .. raw:: html
#
#    </details>
#
# 11 ★★★ A loss of your own
# -------------------------
#
# The log-cosh loss, :math:`\ell = \log\cosh(\hat y - y)`, is a squared error for
# small differences and an absolute error for large ones. Pass it to ``Network`` as a
# function of y and ``y_pred`` that returns the loss of each sample and its derivatives,
# and check it. Does the check find a wrong derivative?
#
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# The derivative of log cosh is tanh. Nothing else changes: (4), (6) and (7) do not
# depend on the loss.


def log_cosh(y, y_pred):
    difference = y_pred - y
    return np.log(np.cosh(difference)).sum(axis=1), np.tanh(difference)


def wrong_log_cosh(y, y_pred):
    values, _ = log_cosh(y, y_pred)
    return values, y_pred - y


right = small(output_activation="identity", loss=log_cosh)
wrong = small(output_activation="identity", loss=wrong_log_cosh)
assert check_gradients(right, X, y).ok
assert not check_gradients(wrong, X, y).ok
check_gradients(wrong, X, y)

# %%
# .. raw:: html
#
#    </details>
#
# 12 ★★★ Find the mistake
# -----------------------
#
# This backward pass, for tanh, logistic and squared error, runs and returns the right
# shapes. It has one mistake. Find the line, using the library as a reference that you
# have checked first.


def backward(network, X, y):
    trace = network.forward(X)
    y_pred = trace.a[-1]
    delta = (y_pred - y) * y_pred * (1 - y_pred)
    deltas = [delta]
    for layer in range(len(network.coefs) - 1, 0, -1):
        f_prime = 1 - np.tanh(trace.a[layer]) ** 2
        delta = (delta @ network.coefs[layer].T) * f_prime
        deltas.insert(0, delta)
    layers = zip(trace.a[:-1], deltas, strict=True)
    return deltas, [A.T @ D / len(X) for A, D in layers]


# %%
# .. raw:: html
#
#    <details><summary style="margin-bottom: 0.5em">Solution</summary>
#
# First check the reference. Then compare from the output down: the last delta is right,
# the ones before are not, so the mistake is in (4). The product with the weights is
# right; only the derivative remains.

suspect = Network(
    [4, 6, 5, 1],
    activation="tanh",
    output_activation="logistic",
    loss="squared_error",
    random_state=0,
)
y1 = y4[:, :1]
assert check_gradients(suspect, X4, y1).ok

trace = suspect.backprop(X4, y1)
deltas, _ = backward(suspect, X4, y1)
for layer in (3, 2, 1):
    mine, theirs = deltas[layer - 1], trace.delta[layer - 1]
    off = np.linalg.norm(mine - theirs) / np.linalg.norm(theirs)
    print(f"delta of layer {layer}: off by {off:.1%}")
    assert (off < 1e-12) == (layer == 3)

# %% ``trace.a`` is tanh(z) already, and the derivative applies tanh again. Right are
# :math:`1 - a^2` and :math:`1 - \tanh(z)^2`. Confusing z and a is the most common
# mistake in backward passes written by hand, and the reason why this library uses the
# two names strictly.

f_prime = 1 - trace.a[2] ** 2
delta = (trace.delta[2] @ suspect.coefs[2].T) * f_prime
assert np.allclose(delta, trace.delta[1], rtol=1e-12)

# %%
# .. raw:: html
#
#    </details>

"""Implements training in plain NumPy: the reference for each step of an estimator.

``by_hand.backprop`` computes the gradients of the sample losses; penalty, clipping,
update rules and norms are written out here as published, array by array.
"""

import numpy as np

from pybackprop import Network, by_hand


def sgd(w, g, state, rate, t, is_coef, p):
    v = state["v"] = p.momentum * state.get("v", 0) - rate * g
    return w + (p.momentum * v - rate * g if p.nesterovs_momentum else v)


def moments(g, state, p):
    state["m"] = p.beta_1 * state.get("m", 0) + (1 - p.beta_1) * g
    state["v"] = p.beta_2 * state.get("v", 0) + (1 - p.beta_2) * g**2
    return state["m"], state["v"]


def adam(w, g, state, rate, t, is_coef, p):
    m, v = moments(g, state, p)
    rate *= np.sqrt(1 - p.beta_2**t) / (1 - p.beta_1**t)
    return w - rate * m / (np.sqrt(v) + p.epsilon)


def adamw(w, g, state, rate, t, is_coef, p):
    m, v = moments(g, state, p)
    if is_coef:
        w = w - rate * p.weight_decay * w
    corrected = m / (1 - p.beta_1**t), v / (1 - p.beta_2**t)
    return w - rate * corrected[0] / (np.sqrt(corrected[1]) + p.epsilon)


def rmsprop(w, g, state, rate, t, is_coef, p):
    v = state["v"] = p.beta_2 * state.get("v", 0) + (1 - p.beta_2) * g**2
    return w - rate * g / (np.sqrt(v) + p.epsilon)


def nadam(w, g, state, rate, t, is_coef, p):
    m, v = moments(g, state, p)
    ahead = p.beta_1 * m / (1 - p.beta_1 ** (t + 1))
    ahead = ahead + (1 - p.beta_1) * g / (1 - p.beta_1**t)
    return w - rate * ahead / (np.sqrt(v / (1 - p.beta_2**t)) + p.epsilon)


RULES = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "nadam": nadam,
}


class PlainTraining:
    """Trains as ``MLPRegressor(shuffle=False, activation="tanh", ...)`` does.

    ``rate(epoch, length)`` returns the learning rate of the step that begins after
    ``epoch`` epochs, a fraction within one, and takes the fraction ``length`` of an
    epoch.
    """

    def __init__(self, model, X, y, rate=None, sample_weight=None):
        self.p, self.X, self.y = model, X, y.reshape(len(y), -1)
        self.weights = np.ones(len(X)) if sample_weight is None else sample_weight
        self.rate = rate or (lambda epoch, length: np.max(model.learning_rate_init))
        hidden = model.hidden_layer_sizes
        sizes = [X.shape[1], *hidden, self.y.shape[1]]
        start = Network(sizes, activation="tanh", random_state=model.random_state)
        self.arrays = [np.array(w) for w in [*start.coefs, *start.intercepts]]
        self.states = [{} for _ in self.arrays]
        self.n_layers = len(sizes) - 1
        rates = np.broadcast_to(model.learning_rate_init, self.n_layers)
        self.factors = np.tile(rates / np.max(rates), 2)
        self.alphas = np.broadcast_to(model.alpha, self.n_layers)
        self.n_steps = self.n_epochs = 0
        self.losses, self.penalties, self.gradient_norms = [], [], []

    def penalty(self, coefs):
        r = self.p.l1_ratio
        terms = [r * np.abs(W).sum() + (1 - r) / 2 * (W**2).sum() for W in coefs]
        return float(np.dot(self.alphas, terms))

    def objective(self, rows):
        """Return loss, penalty and gradient of some rows."""
        coefs, intercepts = self.arrays[: self.n_layers], self.arrays[self.n_layers :]
        S, r = self.weights[rows].sum(), self.p.l1_ratio
        loss, coef_grads, intercept_grads, *_ = by_hand.backprop.objective(
            self.X[rows],
            self.y[rows],
            coefs,
            intercepts,
            activation="tanh",
            output_activation="identity",
            loss="squared_error",
            sample_weight=self.weights[rows],
        )
        decays = [
            alpha * (r * np.sign(W) + (1 - r) * W) / S
            for alpha, W in zip(self.alphas, coefs, strict=True)
        ]
        penalty = self.penalty(coefs) / S
        coef_grads = [g + d for g, d in zip(coef_grads, decays, strict=True)]
        return loss + penalty, penalty, [*coef_grads, *intercept_grads]

    def step(self, rows, rate):
        loss, penalty, grads = self.objective(rows)
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        longest = self.p.global_clipnorm
        if longest is not None:
            grads = [g * longest / max(norm, longest) for g in grads]
        self.n_steps += 1
        for i, g in enumerate(grads):
            self.arrays[i] = RULES[self.p.solver](
                self.arrays[i],
                g,
                self.states[i],
                rate * self.factors[i],
                self.n_steps,
                i < self.n_layers,
                self.p,
            )
        if self.p.max_norm is not None:
            for i in range(self.n_layers):
                norms = np.linalg.norm(self.arrays[i], axis=0)
                self.arrays[i] *= self.p.max_norm / np.maximum(norms, self.p.max_norm)
        return loss, penalty, norm

    def epoch(self):
        n, size = len(self.X), self.p.batch_size
        batches = [np.arange(k, min(k + size, n)) for k in range(0, n, size)]
        done = []
        for k, rows in enumerate(batches):
            if self.weights[rows].any():
                epoch = self.n_epochs + k / len(batches)
                step = self.step(rows, self.rate(epoch, 1 / len(batches)))
                done.append((len(rows), *step))
        sizes, losses, penalties, norms = map(np.array, zip(*done, strict=True))
        self.losses.append(np.average(losses, weights=sizes))
        self.penalties.append(np.average(penalties, weights=sizes))
        self.gradient_norms.append(norms[-1])
        self.n_epochs += 1

    def fit(self):
        for _ in range(self.p.max_iter):
            self.epoch()
        return self

    @property
    def coefs(self):
        return self.arrays[: self.n_layers]

    @property
    def intercepts(self):
        return self.arrays[self.n_layers :]


def assert_follows(model, plain, rtol=1e-10):
    """Check that an estimator has the loss curve and weights of the plain training."""
    np.testing.assert_allclose(model.loss_curve_, plain.losses, rtol=rtol)
    for ours, theirs in zip(
        model.coefs_ + model.intercepts_, plain.arrays, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)

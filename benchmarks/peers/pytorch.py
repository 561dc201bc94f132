"""PyTorch with a hand-written training loop and the fused Adam.

Conversions to our objective:

- L2: ours is alpha / (2 rows) ||W||^2 in the objective of each batch, on weights and
  not on intercepts.  Its gradient, alpha / rows W, is the optimizer's weight_decay, in
  a parameter group of the weights, adjusted for a smaller last batch.  Its value is
  added to the loss outside of autograd.
- The loss of a batch is the mean over its rows; the loss of an epoch is the mean of
  the batches by their rows, each before its own step.
- Adam: PyTorch has sqrt(v) / sqrt(1 - beta_2^t) + eps in the denominator, we have
  sqrt(v) + epsilon with the root in the step size.  They are equal for
  eps = epsilon / sqrt(1 - beta_2^t), which is set each step.
- Initial weights and the order of the rows are those of workloads.start; a Linear
  keeps its weights transposed.

The fused Adam is the fastest of the three of PyTorch on a CPU.
"""

import math

import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from workloads import start

NAME = "PyTorch"
PACKAGES = ["torch"]

ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "tanh": torch.nn.Tanh,
    "logistic": torch.nn.Sigmoid,
    "identity": torch.nn.Identity,
}
EPSILON, BETA_2 = 1e-8, 0.999


def can_run(workload):
    return workload.solver == "adam" and workload.density == 1


def prepare(workload, table, dtype, n_threads):
    return Training(workload, table, dtype, n_threads)


def network(workload, layers, dtype):
    """Return a Sequential of Linear layers and activations with given weights."""
    parts = []
    for W, b in layers:
        linear = torch.nn.Linear(*W.shape, dtype=getattr(torch, dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        parts += [linear, ACTIVATIONS[workload.activation]()]
    return torch.nn.Sequential(*parts[:-1])


def mean_loss(workload):
    """Return the loss of a batch as a function of pre-activations and targets."""
    if workload.classes > 2:
        return functional.cross_entropy
    if workload.classes == 2:
        return lambda z, y: functional.binary_cross_entropy_with_logits(z[:, 0], y)
    return lambda z, y: 0.5 * functional.mse_loss(z[:, 0], y)


def targets(workload, y, dtype):
    y = torch.from_numpy(y)
    return y if workload.classes > 2 else y.to(getattr(torch, dtype))


def adam(module):
    """Return Adam with a group of weights, which decay, and one of intercepts."""
    weights = [p for p in module.parameters() if p.ndim == 2]
    intercepts = [p for p in module.parameters() if p.ndim == 1]
    groups = [{"params": weights}, {"params": intercepts}]
    return torch.optim.Adam(groups, lr=1e-3, fused=True)


def before_step(optimizer, t, decay):
    """Set epsilon and weight decay of step t of an optimizer from ``adam``."""
    eps = EPSILON / math.sqrt(1 - BETA_2**t)
    for group in optimizer.param_groups:
        group["eps"] = eps
    optimizer.param_groups[0]["weight_decay"] = decay


class Training:
    def __init__(self, workload, table, dtype, n_threads, compiled=False):
        torch.set_num_threads(n_threads)
        self.workload, self.dtype = workload, dtype
        self.X = torch.from_numpy(table[0])
        self.y = targets(workload, table[1], dtype)
        layers, _ = start(workload, dtype)
        self.module = network(workload, layers, dtype)
        loss = mean_loss(workload)

        def data_loss(x, y):
            return loss(self.module(x), y)

        self.data_loss = torch.compile(data_loss) if compiled else data_loss
        # All weights as views of one vector, for one dot product instead of many.
        weights = [p for p in self.module.parameters() if p.ndim == 2]
        self.weights = parameters_to_vector(weights).detach()
        vector_to_parameters(self.weights, weights)

    def train(self, n_epochs, tick=lambda: None):
        layers, orders = start(self.workload, self.dtype)
        # Overwrite the tensors in place: compiled code stays valid.
        self.module.load_state_dict(
            network(self.workload, layers, self.dtype).state_dict()
        )
        optimizer = adam(self.module)
        losses, t = [], 0
        for _ in range(n_epochs):
            tick()
            total = torch.zeros((), dtype=self.X.dtype)
            order = torch.from_numpy(next(orders))
            for rows in order.split(self.workload.batch):
                t += 1
                decay = self.workload.alpha / len(rows)
                loss = self.data_loss(self.X[rows], self.y[rows])
                optimizer.zero_grad()
                loss.backward()
                squares = torch.dot(self.weights, self.weights)
                total += len(rows) * (loss.detach() + 0.5 * decay * squares)
                before_step(optimizer, t, decay)
                optimizer.step()
            losses.append(total.item() / self.workload.rows)
        tick()
        return losses

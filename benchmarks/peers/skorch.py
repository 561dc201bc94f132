"""skorch, which wraps a PyTorch network as a scikit-learn estimator.

The conversions are those of pytorch.py: a callback before each batch sets epsilon and
the weight decay, get_loss adds the value of the L2 term, and the sampler of the
DataLoader yields the order of the rows.
"""

import skorch
import torch
from peers import pytorch
from workloads import start

NAME = "skorch"
PACKAGES = ["skorch", "torch"]

can_run = pytorch.can_run


class Order(torch.utils.data.Sampler):
    """Order of the rows; calls ``tick`` at the start of each epoch."""

    def __init__(self, orders, n_rows, tick):
        self.orders, self.n_rows, self.tick = orders, n_rows, tick

    def __iter__(self):
        self.tick()
        return iter(next(self.orders).tolist())

    def __len__(self):
        return self.n_rows


class Conversion(skorch.callbacks.Callback):
    def __init__(self, alpha):
        self.alpha = alpha
        self.t = 0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.t += 1
        pytorch.before_step(net.optimizer_, self.t, self.alpha / len(batch[0]))


class Net(skorch.NeuralNet):
    """A net with a ready module, our optimizer and our objective."""

    def initialize_optimizer(self, *args, **kwargs):
        self.optimizer_ = pytorch.adam(self.module_)
        return self

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        loss = super().get_loss(y_pred, y_true, *args, **kwargs)
        group = self.optimizer_.param_groups[0]
        with torch.no_grad():
            squares = sum(torch.dot(w.ravel(), w.ravel()) for w in group["params"])
            # A shift of the value: the gradient is the optimizer's to add.
            shift = 0.5 * group["weight_decay"] * squares
        return loss + shift


class Criterion(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z, y):
        return self.function(z, y)


class Training:
    def __init__(self, workload, table, dtype, n_threads):
        torch.set_num_threads(n_threads)
        self.workload, self.dtype = workload, dtype
        self.X = torch.from_numpy(table[0])
        self.y = pytorch.targets(workload, table[1], dtype)

    def train(self, n_epochs, tick=lambda: None):
        layers, orders = start(self.workload, self.dtype)
        net = Net(
            pytorch.network(self.workload, layers, self.dtype),
            criterion=Criterion,
            criterion__function=pytorch.mean_loss(self.workload),
            max_epochs=n_epochs,
            batch_size=self.workload.batch,
            iterator_train__sampler=Order(orders, self.workload.rows, tick),
            train_split=None,
            callbacks=[Conversion(self.workload.alpha)],
            callbacks__print_log=None,
        )
        net.fit(self.X, self.y)
        tick()
        return net.history[:, "train_loss"]


def prepare(workload, table, dtype, n_threads):
    return Training(workload, table, dtype, n_threads)

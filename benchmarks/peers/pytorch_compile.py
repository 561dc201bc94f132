"""PyTorch with torch.compile on the network and its loss; otherwise as in pytorch.py.

The fused step of the optimizer is not compiled: it is one call, and its epsilon changes
in each step.
"""

from peers import pytorch

NAME = "torch.compile"
PACKAGES = ["torch"]

can_run = pytorch.can_run


def prepare(workload, table, dtype, n_threads):
    return pytorch.Training(workload, table, dtype, n_threads, compiled=True)

"""PyTorch with torch.compile on the network and its loss; otherwise as in pytorch.py.

The optimizer's fused step stays outside: it is one call already, and its epsilon
changes each step.
"""

from peers import pytorch

NAME = "torch.compile"
PACKAGES = ["torch"]

can_run = pytorch.can_run


def prepare(workload, table, dtype, n_threads):
    return pytorch.Training(workload, table, dtype, n_threads, compiled=True)

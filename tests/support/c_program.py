"""Locates the C program of docs/c_interface.md, and reads its network and output."""

import re

import numpy as np

from pybackprop import Network
from support.checkout import ROOT

PAGE = ROOT / "docs" / "c_interface.md"
PROGRAM = ROOT / "docs" / "c_example" / "xor.c"
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])
NETWORK = {
    "activation": "tanh",
    "output_activation": "logistic",
    "loss": "binary_log_loss",
}


def start():
    """Return the network of the program, with the program's initial parameters."""
    text = re.search(r"theta\[N_PARAMETERS\] = \{(.*?)\}", PROGRAM.read_text(), re.S)
    network = Network([2, 3, 1], **NETWORK)
    network.parameters[:] = [float(number) for number in text[1].split(",")]
    return network


def numbers(text):
    """Return the four rows of deltas, the four gradients and F."""
    rows = re.findall(r"^  [01] [01] (.*)$", text, re.M)
    deltas = np.array([row.split() for row in rows], dtype=float)
    gradients = np.array(re.findall(r"dF/d.*? = +(\S+)", text), dtype=float)
    return deltas, gradients, float(re.search(r"F = (\S+)", text)[1])

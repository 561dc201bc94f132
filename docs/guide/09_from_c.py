"""
The core from C, and the same bits from Python
==============================================

All arithmetic is C11 and independent of Python, so a C program can train a network.
This page builds the program that :doc:`/c_interface` explains, runs it, and repeats its
computation in Python.
"""

import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pybackprop import Network

# Finds the root of the checkout from any folder in it.
HERE = Path.cwd()
ROOT = next(path for path in (HERE, *HERE.parents) if (path / "csrc").is_dir())
COMPILER = shutil.which("cc")

# %%
# Build and run
# -------------
#
# One command compiles every file of ``csrc/``; pragmas in the source select instruction
# sets. ``-O1`` saves some seconds in the build of this page.

FLAGS = ["-std=c11", "-O1", "-ffp-contract=off", f"-I{ROOT / 'csrc'}"]


def run_in_c():
    """What the program prints."""
    sources = [*ROOT.glob("csrc/**/*.c"), ROOT / "docs" / "c_example" / "xor.c"]
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder, f"{n}.o") for n in range(len(sources))]

        def compile_one(source, compiled):
            command = [COMPILER, *FLAGS, "-c", source, "-o", compiled]
            subprocess.run(command, check=True)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(compile_one, sources, objects))
        program = Path(folder, "xor")
        link = [COMPILER, *objects, "-o", program, "-lm", "-pthread"]
        subprocess.run(link, check=True)
        run = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


printed = run_in_c() if COMPILER else "(there was no C compiler where this was built)\n"
print(f"$ ./xor\n{printed}")

# %%
# The same in Python
# ------------------
#
# The same network, the same parameters in the same order, and the objective, of which
# the program prints all digits.

network = Network(
    [2, 3, 1],
    activation="tanh",
    output_activation="logistic",
    loss="binary_log_loss",
)
network.parameters[:] = [
    *(-0.25, 0.5, 0.5, -1, 1, 0),  # W1, row by row
    *(0.75, -1, -1),  # W2
    *(0.75, -0.75, 0.25),  # b1
    0.75,  # b2
]
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([[0.0], [1.0], [1.0], [0.0]])
trace = network.backprop(X, y)
print("delta at the output:", trace.delta[1].ravel().round(4))
print("delta of the hidden layer:", trace.delta[0].round(4), sep="\n")
print(f"F = {trace.loss:.17g}")
if COMPILER:
    print("F in C has the same bits:", f"F = {trace.loss:.17g}\n" in printed)

# %%
# **Advice.** Use the core alone in programs without Python, or to see a backpropagation
# in a hundred lines. For predictions in C, :func:`~pybackprop.export.to_c` needs less
# code.

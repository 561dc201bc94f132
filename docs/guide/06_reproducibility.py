"""
Reproducibility
===============

A fit with a fixed ``random_state`` gives the same bits with any number of threads, any
instruction set, on any machine, and after a pause. So a result can be checked by a
hash.
"""

import hashlib
import os
import pickle
import runpy
import subprocess
import sys
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPClassifier

warnings.filterwarnings("ignore", category=ConvergenceWarning)  # fixed lengths, below
X, y = load_digits(return_X_y=True)


def bits(model):
    """The first digits of a hash of all coefficients and intercepts."""
    arrays = [*model.coefs_, *model.intercepts_]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:16]


# %%
# Any number of threads
# ---------------------

params = {"hidden_layer_sizes": (64, 32), "max_iter": 20, "random_state": 0}
for n_jobs in (1, 2):
    model = MLPClassifier(**params, n_jobs=n_jobs).fit(X, y)
    print(f"n_jobs={n_jobs}: {bits(model)}")

# %%
# Any instruction set
# -------------------
#
# At its first computation, a process selects the best instruction set of its processor.
# The environment variable ``PYBACKPROP_ISA`` overrides this: "baseline" is plain C
# without vector instructions.

program = """
import hashlib, warnings
from sklearn.datasets import load_digits
from pybackprop import MLPClassifier

warnings.simplefilter("ignore")
model = MLPClassifier((64, 32), max_iter=20, random_state=0, n_jobs=1)
model.fit(*load_digits(return_X_y=True))
arrays = [*model.coefs_, *model.intercepts_]
print(hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:16])
"""
plain = subprocess.run(
    [sys.executable, "-c", program],
    env=os.environ | {"PYBACKPROP_ISA": "baseline"},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
)
print("in another process, by plain C:", plain.stdout.strip())

# %%
# ``python -m pybackprop`` prints the available and the selected instruction sets:

_ = runpy.run_module("pybackprop", run_name="__main__")

# %%
# With a pause
# ------------
#
# A fit that ``max_iter`` or ``max_time`` has ended continues with ``resume=True``, also
# from a pickle, with the same momentum, order of rows and learning rate schedule.

paused = MLPClassifier(**params | {"max_iter": 7}).fit(X, y)
elsewhere = pickle.loads(pickle.dumps(paused)).set_params(max_iter=20)
print(f"after 7 epochs:       {bits(paused)}")
print(f"resumed up to 20:     {bits(elsewhere.fit(X, y, resume=True))}")
print(f"20 without a pause:   {bits(model)}")

# %%
# What is not promised
# --------------------
#
# float32 has other bits than float64, also equal on all machines. ``max_time`` depends
# on the clock. With ``solver="lbfgs"`` the objective and its gradient have the same
# bits everywhere, but the steps are SciPy's. NumPy, SciPy or scikit-learn may
# preprocess the data differently on another machine: hash ``X`` too.
#
# **Advice.** Set ``random_state`` to an int, record the output of
# ``python -m pybackprop`` with each result, and compare hashes, not scores: a score may
# agree by chance. :doc:`/how_it_works` explains the method and
# :doc:`/what_you_can_rely_on` lists the other promises.
# :ref:`sphx_glr_auto_examples_12_pause.py` pauses a fit by the clock.

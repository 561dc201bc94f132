"""
Reproducibility
===============

A fit with ``random_state`` gives the same bits again: with any number of threads, any
instruction set, on any machine, and with a pause in between. So a result can be
checked by a hash.
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
# A process chooses once, at its first computation, the best set that its processor has.
# The environment variable ``PYBACKPROP_ISA`` chooses instead: "baseline" is plain C,
# without a vector instruction of anybody's.

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
# What this machine has, and what was chosen here, says ``python -m pybackprop``, or:

_ = runpy.run_module("pybackprop", run_name="__main__")

# %%
# With a pause
# ------------
#
# A fit that ``max_iter`` or ``max_time`` has ended goes on with ``resume=True``, from a
# pickle too, with the momentum, the order of rows and the schedule that it had.

paused = MLPClassifier(**params | {"max_iter": 7}).fit(X, y)
elsewhere = pickle.loads(pickle.dumps(paused)).set_params(max_iter=20)
print(f"after 7 epochs:       {bits(paused)}")
print(f"gone on with to 20:   {bits(elsewhere.fit(X, y, resume=True))}")
print(f"20 without a pause:   {bits(model)}")

# %%
# What is not promised
# --------------------
#
# float32 is another arithmetic than float64, so it has other bits, the same everywhere.
# ``max_time`` ends a fit by the clock. With ``solver="lbfgs"`` the objective and its
# gradient have the same bits everywhere, but the steps are SciPy's. And NumPy, SciPy
# or scikit-learn may prepare the data differently on another machine: hash ``X`` too.
#
# **Advice.** Set ``random_state`` to an int, note the versions that
# ``python -m pybackprop`` prints beside a result, and compare hashes rather than
# scores: a score may agree by chance. How it is done is told in
# :doc:`/how_it_works`; what else is promised stands in
# :doc:`/what_you_can_rely_on`. :ref:`sphx_glr_auto_examples_12_pause.py` pauses a fit
# by the clock.

"""
Stop, save and resume a fit
===========================

``max_time`` ends a fit after some seconds.  The estimator can be pickled, and
``fit(resume=True)`` continues in another process, with the same bits as an
uninterrupted fit; ``history_`` has a row for every epoch.  ``partial_fit`` with a
validation set stops early.
"""

import pickle
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from pybackprop import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X / 16, y, random_state=0, stratify=y)

model = MLPClassifier(max_iter=60, max_time=0.02, random_state=0).fit(X, y)
print("first:", model.stopping_reason_)
put_away = pickle.dumps(model)
pause = model.n_iter_

model = pickle.loads(put_away).set_params(max_time=None).fit(X, y, resume=True)
print("then: ", model.stopping_reason_)
at_once = MLPClassifier(max_iter=60, random_state=0).fit(X, y)
same = all(map(np.array_equal, model.coefs_, at_once.coefs_))
print("the weights of a fit that was never stopped, bit for bit:", same)
assert same

# %%
# The history of both fits
# ------------------------
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for fitted, name, color, width in (
    (at_once, "never stopped", "0.75", 6),
    (model, "resumed", "#0072b2", 1.5),
):
    history = fitted.history_
    axes.plot(history["epoch"], history["loss"], color=color, lw=width, label=name)
axes.axvline(pause, color="#d55e00", linestyle=":", label="saved")
axes.set(xlabel="epoch", ylabel="loss")
axes.legend()
plt.show()

# %%
# Chunk by chunk
# --------------
# A tenth of the rows at a time, as if they did not fit into memory.

model = MLPClassifier(early_stopping=True, n_iter_no_change=10, random_state=0)
n_calls = 0
while n_calls < 2000 and not (n_calls and model.stopped_):
    rows = slice(n_calls % 10, None, 10)
    held_out = {"X_val": X_val, "y_val": y_val}
    model.partial_fit(X[rows], y[rows], classes=range(10), **held_out)
    n_calls += 1
print(f"after {n_calls} calls, {model.stopping_reason_}")
best = max(model.validation_scores_)
print(f"best score {best:.3f}, and it is restored: {model.score(X_val, y_val):.3f}")
assert model.score(X_val, y_val) == best

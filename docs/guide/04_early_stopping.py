"""
Early stopping on your metric
=============================

A score on held-out rows decides when to stop. Use the score that you report, and rows
that are as independent as new data.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit, train_test_split

from pybackprop import MLPClassifier

X, y = make_classification(3000, n_informative=5, weights=[0.85], random_state=1)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.6, random_state=0)

# %%
# Which score
# -----------
#
# ``scoring`` accepts the name of any scorer of scikit-learn, "loss", or a function.
# This one penalizes a missed case of the rare class more than a false alarm: the
# F-score with :math:`\beta = 3`. The validation set is passed as ``X_val``; otherwise a
# fraction of the rows is held out.

f3 = make_scorer(fbeta_score, beta=3)
X_fit, X_val, y_fit, y_val = train_test_split(X, y, test_size=0.3, random_state=0)
print("scoring             epochs  best score  F3 of the test set")
for scoring in (None, "loss", "average_precision", f3):
    model = MLPClassifier(
        (30,),
        early_stopping=True,
        scoring=scoring,
        learning_rate_init=0.003,
        n_iter_no_change=15,
        random_state=0,
    ).fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
    name = "F3" if scoring is f3 else str(scoring)
    print(
        f"{name:<18} {model.n_iter_:>7} {model.best_validation_score_:>11.3f} "
        f"{f3(model, X_test, y_test):>19.3f}"
    )

# %%
# The accuracy, which is the default ``None``, gives the worst F3. The two smooth scores
# of probabilities are as good as F3 itself. The weights of the best epoch are restored,
# so the epochs after it only take time:

history = model.history_
best = int(np.argmax(history["validation_score"]))
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(history["epoch"], history["validation_score"], color="#0072b2", label="F3")
ax.plot(
    history["epoch"],
    history["validation_loss"],
    color="#d55e00",
    linestyle="--",
    label="loss",
)
ax.axvline(history["epoch"][best], color="0.6", label="weights put back")
ax.set(xlabel="epoch", ylabel="on the validation set", ylim=(0, 1.02))
ax.legend()
plt.show()

# %%
# Which rows
# ----------
#
# Suppose that each patient was measured four times. A random split then has the same
# patients on both sides, and the score measures the recognition of patients. A splitter
# as ``validation_fraction``, with ``groups`` in ``fit``, keeps each patient together.

random_state = np.random.RandomState(0)
patient = np.repeat(np.arange(120), 4)
rows = X[patient] + 0.3 * random_state.standard_normal((480, X.shape[1]))
labels = y[patient]
for name, split, groups in (
    ("rows at random", 0.25, None),
    ("whole patients", GroupShuffleSplit(1, test_size=0.25, random_state=0), patient),
):
    model = MLPClassifier((50,), early_stopping=True, validation_fraction=split)
    model.set_params(learning_rate_init=0.01, random_state=0)
    model.fit(rows, labels, groups=groups)
    print(
        f"{name}: promised {model.best_validation_score_:.3f} after {model.n_iter_} "
        f"epochs, new patients {model.score(X_test, y_test):.3f}"
    )

# %%
# For rows in temporal order, ``TimeSeriesSplit`` holds out the newest rows:

model = MLPClassifier(early_stopping=True, validation_fraction=TimeSeriesSplit(5))
model.fit(X, y)
print(model.stopping_reason_)

# %% **Advice.** Stop by the score that you report, or by a smoother one that correlates
# with it: a score of decisions, such as the accuracy, changes in jumps, a score of
# probabilities, such as "loss", does not. If rows belong together, by patient, writer
# or day, use a splitter that holds them out together; otherwise the score is
# meaningless. The score that selected the epoch is optimistic in any case, so keep a
# test set. :ref:`sphx_glr_auto_examples_06_validation.py` shows digits by several
# writers, where a score over few groups is uncertain, and
# :ref:`sphx_glr_auto_examples_08_callbacks.py` shows how a callback ends a fit.

"""
Early stopping, and what a validation set promises
==================================================

The digits were written by thirteen people, mostly one after the other, so that rows
which are neighbours are of the same hand. Rows set aside at random are therefore easier
than the digits of people who did not write for the training. What does early stopping
think of a model, and what do later rows show: for rows at random, for blocks of rows as
groups, and for the newest rows?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit

from pybackprop import MLPClassifier

# One fit below is stopped on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X = X / 16
# The last 600 images are, by and large, of people who did not write the first 1197.
X_train, y_train, X_new, y_new = X[:1197], y[:1197], X[1197:], y[1197:]
blocks = np.arange(len(y_train)) // 138

# %%
# What was promised, and what new writers show
# --------------------------------------------
# Early stopping by accuracy, on three kinds of rows set aside.

for name, validation_fraction, groups in (
    ("rows at random", 0.2, None),
    ("blocks of writers", GroupShuffleSplit(1, test_size=0.2, random_state=0), blocks),
    ("the newest rows", TimeSeriesSplit(n_splits=5), None),
):
    model = MLPClassifier(
        (50,),
        early_stopping=True,
        validation_fraction=validation_fraction,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X_train, y_train, groups=groups)
    print(
        f"{name:<18} promised {model.best_validation_score_:.3f}   "
        f"shown {model.score(X_new, y_new):.3f}   after {model.n_iter_} epochs"
    )

# %%
# A validation set of one's own, and the score that decides
# ---------------------------------------------------------

models = {}
for scoring in (None, "loss", "top_k_accuracy"):
    model = MLPClassifier(
        (50,),
        early_stopping=True,
        scoring=scoring,
        alpha=0,
        learning_rate_init=0.01,
        max_iter=300,
        random_state=0,
    )
    model.fit(X_train[:900], y_train[:900], X_val=X_train[900:], y_val=y_train[900:])
    models[scoring] = model
    loss = log_loss(y_new, model.predict_proba(X_new))
    print(
        f"scoring={scoring!s:<15} {model.n_iter_:>4} epochs   new writers: accuracy "
        f"{model.score(X_new, y_new):.3f}, loss {loss:.3f}"
    )
print(models["loss"].stopping_reason_)

# %%
# The history of that fit: the network begins to know its rows better than those set
# aside, long before the validation loss stops to fall.
history = models["loss"].history_
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.semilogy(history["epoch"], history["loss"], color="#0072b2", label="training")
axes.semilogy(
    history["epoch"],
    history["validation_loss"],
    color="#d55e00",
    linestyle="--",
    label="validation",
)
best = int(np.argmax(history["validation_score"]))
axes.plot(
    history["epoch"][best], history["validation_loss"][best], "ko", label="restored"
)
axes.set(xlabel="epoch", ylabel="loss", title='early_stopping=True, scoring="loss"')
axes.legend()
plt.show()

"""
Early stopping, and what a validation set promises
==================================================

Thirteen people wrote the digits, mostly one after the other, so neighbouring rows have
the same writer. The best score on held-out rows is an estimate of the score on new
writers. It is too optimistic for random rows, for blocks of rows as groups, and for the
last rows. The remedy is to hold out different writers in turn and to compare their
scores.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit

from pybackprop import MLPClassifier

# One fit below is stopped early on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X = X / 16
# The last 600 images are mostly of people who did not write the first 1197.
X_train, y_train, X_new, y_new = X[:1197], y[:1197], X[1197:], y[1197:]
blocks = np.arange(len(y_train)) // 138

# %%
# Validation score and score on new writers
# -----------------------------------------
# Early stopping by accuracy, with three kinds of held-out rows.


def stopped_early(validation_fraction, groups):
    model = MLPClassifier(
        (50,),
        early_stopping=True,
        validation_fraction=validation_fraction,
        learning_rate_init=0.01,
        random_state=0,
    )
    return model.fit(X_train, y_train, groups=groups)


for name, validation_fraction, groups in (
    ("rows at random", 0.2, None),
    ("blocks of writers", GroupShuffleSplit(1, test_size=0.2, random_state=0), blocks),
    ("the newest rows", TimeSeriesSplit(n_splits=5), None),
):
    model = stopped_early(validation_fraction, groups)
    print(
        f"{name:<18} promised {model.best_validation_score_:.3f}   "
        f"shown {model.score(X_new, y_new):.3f}   after {model.n_iter_} epochs"
    )

# %% Each of the nine blocks has about one writer. Some are easy, some are as hard as
# the new writers, and a split with one or two of them cannot tell which.

promised = []
for block in range(9):
    rows = np.flatnonzero(blocks != block), np.flatnonzero(blocks == block)
    model = stopped_early([rows], None)
    promised.append(model.best_validation_score_)
print(f"a block in turn    promised {min(promised):.3f} to {max(promised):.3f}")

# %%
# Your own validation set and your own score
# ------------------------------------------
# The last training rows are the validation set. The score is the accuracy, the loss, or
# the top-2 accuracy.

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
# The history of this fit: the training loss falls below the validation loss long before
# the validation loss stops falling.
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

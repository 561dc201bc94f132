"""
Learning rate schedules, AdamW and clipping
===========================================

Each in a case where it changes the result: SGD on the digits at a learning rate that is
good at first and too high at the end; the digits with decoupled weight decay; diabetes
with unscaled targets, for which SGD diverges without clipping.
"""

import warnings
from textwrap import fill

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.exceptions import ScalingWarning

# A fixed number of epochs is enough here, converged or not, and the last targets are
# not scaled on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
warnings.filterwarnings("ignore", category=ScalingWarning)

SPLITS = ShuffleSplit(3, test_size=0.3, random_state=0)


def fits(X, y, model, scoring=None):
    """The mean score on three splits of a dataset, and the fitted networks."""
    fitted = cross_validate(
        make_pipeline(StandardScaler(), model),
        X,
        y,
        cv=SPLITS,
        scoring=scoring,
        error_score="raise",
        return_estimator=True,
    )
    networks = [pipeline[-1] for pipeline in fitted["estimator"]]
    return fitted["test_score"].mean(), networks


# %%
# Schedules: digits, 15 epochs of SGD
# -----------------------------------
# The accuracy of each schedule.  All start at the learning rate 1.0, except
# ``one_cycle``, whose maximum it is.  A callable is your own schedule.


def a_tenth_after_ten(epoch):
    return 1.0 if epoch < 10 else 0.1


X, y = load_digits(return_X_y=True)
histories = {}
for learning_rate in ("constant", "linear", "cosine", "one_cycle", a_tenth_after_ten):
    model = MLPClassifier(
        (50,),
        solver="sgd",
        learning_rate=learning_rate,
        learning_rate_init=1.0,
        max_iter=15,
        random_state=0,
    )
    name = getattr(learning_rate, "__name__", learning_rate)
    score, networks = fits(X, y, model)
    histories[name] = networks[0].history_
    print(f"{name:<22} {score:.3f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
styles = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
for (name, history), style in zip(histories.items(), styles, strict=True):
    left.plot(history["epoch"], history["learning_rate"], linestyle=style, label=name)
    right.semilogy(history["epoch"], history["loss"], linestyle=style, label=name)
left.set(xlabel="epoch", ylabel="learning rate")
right.set(xlabel="epoch", ylabel="loss in training")
right.legend(loc="lower left")
plt.show()

# %%
# AdamW: digits, 60 epochs
# ------------------------
# The log-loss on unseen rows; smaller is better.

for decay in (0.0, 0.1, 0.3, 3.0):
    model = MLPClassifier(
        (100,),
        solver="adamw",
        weight_decay=decay,
        alpha=0.0,
        learning_rate_init=0.01,
        max_iter=60,
        n_iter_no_change=60,
        random_state=0,
    )
    print(f"weight_decay={decay:<9} {-fits(X, y, model, 'neg_log_loss')[0]:.3f}")

# %%
# Clipping: diabetes, targets from 25 to 346, SGD
# -----------------------------------------------
# R² on unseen rows, or the error message of a fit that diverges.

X, y = load_diabetes(return_X_y=True)
for longest in (None, 100.0, 10.0):
    model = MLPRegressor(
        hidden_layer_sizes=(20,),
        solver="sgd",
        learning_rate_init=0.01,
        global_clipnorm=longest,
        random_state=0,
    )
    try:
        outcome = f"{fits(X, y, model)[0]:.3f}"
    except ValueError as refusal:
        outcome = str(refusal)
    print(fill(f"global_clipnorm={longest!s:<6} {outcome}", 88))

"""
Dropout against over-fitting
============================

442 patients are few for a hundred hidden units.  In each training step, dropout removes
a random half of the hidden units and a fifth of the features (Srivastava et al. 2014).
The predictions for unseen patients are better.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate, train_test_split
from sklearn.preprocessing import scale

from pybackprop import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
# The fits end at 300 epochs on purpose.
warnings.simplefilter("ignore", ConvergenceWarning)


def network(dropout, input_dropout):
    return MLPRegressor(
        hidden_layer_sizes=(100,),
        dropout=dropout,
        input_dropout=input_dropout,
        max_iter=300,
        n_iter_no_change=300,
        random_state=0,
    )


print("dropout  input_dropout  R2 in training  R2 of other patients")
for dropout, input_dropout in [(0, 0), (0.2, 0.2), (0.5, 0.2)]:
    model = network(dropout, input_dropout)
    scores = cross_validate(model, X, y, return_train_score=True)
    print(
        f"{dropout:7} {input_dropout:14} {scores['train_score'].mean():15.2f} "
        f"{scores['test_score'].mean():21.2f}"
    )

# %%
# Epoch by epoch
# --------------
# The loss of the held-out quarter of the patients, who do not influence the training.
# Without dropout it decreases and then rises: the network overfits.

X, X_val, y, y_val = train_test_split(X, y, random_state=0)
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for rates, line in [((0, 0), "-"), ((0.5, 0.2), "--")]:
    history = network(*rates).fit(X, y, X_val=X_val, y_val=y_val).history_
    name = "dropout={}, input_dropout={}".format(*rates)
    axes.plot(history["epoch"], history["validation_loss"], line, label=name)
axes.set(xlabel="epoch", ylabel="loss of the patients set aside")
axes.legend()
plt.show()

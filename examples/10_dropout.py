"""
Dropout against over-fitting: 442 patients are few for a hundred hidden units
=============================================================================

While it trains, the network has to do without half of its hidden units and a fifth of
its features, other ones in each step (Srivastava et al. 2014).  What it then predicts
for patients whom it has not seen is better.
"""

import warnings

from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate
from sklearn.preprocessing import scale

from pybackprop import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)

# All 300 epochs are wanted.
warnings.simplefilter("ignore", ConvergenceWarning)
print("dropout  input_dropout  R2 in training  R2 of other patients")
for dropout, input_dropout in [(0, 0), (0.2, 0.2), (0.5, 0.2)]:
    model = MLPRegressor(
        hidden_layer_sizes=(100,),
        dropout=dropout,
        input_dropout=input_dropout,
        max_iter=300,
        n_iter_no_change=300,
        random_state=0,
    )
    scores = cross_validate(model, X, y, return_train_score=True)
    print(
        f"{dropout:7} {input_dropout:14} {scores['train_score'].mean():15.2f} "
        f"{scores['test_score'].mean():21.2f}"
    )

"""
A hidden layer as features
==========================

The last hidden layer of a network provides features for another model.  Naive Bayes
assumes independent features; here it is fitted to the pixels of the digits and to the
16 outputs of a hidden layer.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
network = MLPClassifier((100, 16), max_iter=60, random_state=0)

pixels = make_pipeline(StandardScaler(), GaussianNB())
features = make_pipeline(StandardScaler(), network, GaussianNB())
print("Naive Bayes, accuracy on digits not seen in training")
for name, model in (("64 pixels", pixels), ("16 hidden units", features)):
    print(f"  on {name:<16} {model.fit(X_train, y_train).score(X_test, y_test):.3f}")

# %% The first two principal components of the test digits, as pixels and in the hidden
# layer. In the hidden layer some classes are separate even in two dimensions; the
# others need more of the 16 features.
hidden = features[:-1].transform(X_test)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for axes, seen, title in zip(
    panels, (X_test, hidden), ("64 pixels", "16 hidden units"), strict=True
):
    plane = PCA(2).fit_transform(seen).T
    points = axes.scatter(*plane, c=y_test, cmap="tab10", s=12)
    axes.set(title=title, xlabel="first component", ylabel="second component")
figure.colorbar(points, label="digit")
plt.show()

# %%
# Class information in each layer
# -------------------------------
# A linear model, fitted to 50 training rows, predicts the classes from each layer.

scaler, fitted, _ = (step for _, step in features.steps)
layers = zip(
    fitted.activations(scaler.transform(X_train)),
    fitted.activations(scaler.transform(X_test)),
    strict=True,
)
for layer, (a_train, a_test) in enumerate(layers):
    linear = LogisticRegression(max_iter=1000).fit(a_train[:50], y_train[:50])
    score = linear.score(a_test, y_test)
    print(f"a[{layer}], {a_train.shape[1]:>3} units: {score:.3f}")

# %%
# The features have names:

named = features[:-1].get_feature_names_out()
print(f"{named[0]} ... {named[-1]}")

"""
Two formulations, one backpropagation
=====================================

Two courses write backpropagation in two ways.  Five lines show, on your own network,
that both give the same numbers, and whether ``y_pred - y`` is the gradient at its
output.  Then the network of an estimator is trained step by step and converted to a
classifier.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, Network
from pybackprop.inspection import formulations
from pybackprop.plotting import FormulationsDisplay

# %%
# A classifier, its data and its labels.  Its pair of loss and output is canonical:
X, y = load_iris(return_X_y=True)
X = scale(X)
model = MLPClassifier((6,), solver="lbfgs", random_state=0).fit(X, y)
print(formulations(model, X, y))

# %% A network whose pair is not canonical: the 0.9 quantile of the progression of
# diabetes. Both formulations agree here too, if they start from the gradient.
X_patients, progression = map(scale, load_diabetes(return_X_y=True))
network = Network(
    [10, 6, 1], activation="tanh", loss="quantile", loss_parameter=0.9, random_state=0
)
both = formulations(network, X_patients, progression)
print(both)

# %%
# Delta and the gradient of the weights by both formulations, and by the mistaken one,
# which uses ``y_pred - y`` as the gradient:
FormulationsDisplay(both).plot()
plt.show()

# %% Training with the mistaken gradient minimizes another objective, the squared error,
# and finds the mean instead of the quantile.
figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
losses_of = both.training(300, learning_rate=0.1)
for (reading, losses), style in zip(losses_of.items(), ("-", "--"), strict=True):
    axes.plot(losses, style, label=f"by the {reading} gradient")
    print(f"by the {reading:<8} gradient: {losses[0]:.4f} -> {losses[-1]:.4f}")
axes.set(xlabel="step", ylabel="loss of the 0.9 quantile", title="Gradient descent")
axes.legend()
plt.show()

# %%
# Step by step, and back
# ----------------------
# ``step`` makes the training step for these rows and returns the objective before it.
# Every intermediate value can be inspected:
shares = np.eye(3)[y]
network = Network(
    [4, 6, 3], output_activation="softmax", loss="log_loss", random_state=0
)
adam = network.optimizer("adam", learning_rate_init=0.05)
for _ in range(100):
    loss = network.step(X, shares, adam)
print(f"the loss before step {adam.n_steps} was {loss:.4f}")
print(network.backprop(X, shares))

# %%
# As an estimator it predicts labels, and can be scored, saved and trained further.
names = np.array(["setosa", "versicolor", "virginica"])
classifier = MLPClassifier.from_network(network, classes=names)
print(f"accuracy on its training rows {classifier.score(X, names[y]):.3f}")

"""
One large fit on a Dask cluster
===============================

The estimators of ``pybackprop.dask`` accept Dask arrays and data frames. The rows stay
on the workers; only parameters and partial sums of gradients are sent. The result has
the bits of a fit on one machine, for any number of workers. Here the cluster is two
workers in this process; ``Client("scheduler-address:8786")`` connects to a real one.
"""

import dask.array as da
import numpy as np
from distributed import Client

import pybackprop
from pybackprop.dask import MLPClassifier

client = Client(
    n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
)

# %%
# A dataset in chunks of any size. It could be read from files, chunk by chunk, and be
# larger than the memory of one machine.
rng = da.random.default_rng(0)
X = rng.normal(size=(20_000, 10), chunks=(3_000, 10))
y = (X[:, 0] * X[:, 1] > 0).astype(int)

# %%
# L-BFGS uses all rows in each step and has no requirements. A stochastic solver needs
# large batches of whole blocks of 256 rows, which are drawn in a new order each epoch.
params = {"hidden_layer_sizes": (32,), "shuffle": "blocks", "batch_size": 1024}
params |= {"max_iter": 20, "learning_rate_init": 0.01, "random_state": 0}
model = MLPClassifier(**params)
model.fit(X, y)
print(f"{model.n_iter_} epochs, loss {model.loss_:.4f}")

# %%
# The same bits as those of the local estimator:
local = pybackprop.MLPClassifier(**params).fit(X.compute(), y.compute())
print(all(map(np.array_equal, model.coefs_, local.coefs_)))

# %%
# Predictions of a collection are lazy, chunk by chunk; those of a NumPy array are not.
print(model.predict_proba(X))
print(model.predict(X[:5].compute()), "accuracy", model.score(X, y))

# %%
client.close()

"""
Speed and threads
=================

Threads and workers change no bit of a result, only the time. The gain depends on the
machine, so this page measures it. **The machine that built this page also ran other
work**, so a ratio here may be off by a factor: run the script on your own machine.
"""

import os
import time
import warnings
from statistics import median

import sklearn.neural_network
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from pybackprop import MLPClassifier

warnings.filterwarnings("ignore", category=ConvergenceWarning)  # fixed lengths, below
print(f"processors of this machine: {os.cpu_count()}")


def race(X, y, n_epochs, **models):
    """Median seconds of a fit of each model, which take turns."""
    seconds = {name: [] for name in models}
    for _ in range(3):
        for name, model in models.items():
            model.set_params(max_iter=n_epochs, tol=0.0, random_state=0)
            start = time.perf_counter()
            model.fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    return {name: median(of_model) for name, of_model in seconds.items()}


# %%
# Compared with scikit-learn, by batch size
# -----------------------------------------
#
# The same fit of the digits with one thread each. With small batches, a step has little
# arithmetic, so its overhead decides.

X, y = load_digits(return_X_y=True)
ratios = {}
with threadpool_limits(1):
    for batch_size in (20, 200, 1000):
        times = race(
            X,
            y,
            5,
            ours=MLPClassifier(batch_size=batch_size),
            theirs=sklearn.neural_network.MLPClassifier(batch_size=batch_size),
        )
        ratios[batch_size] = times["theirs"] / times["ours"]
        print(f"batches of {batch_size:>4}: {ratios[batch_size]:5.1f} times as fast")

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
bars = ax.bar([str(size) for size in ratios], ratios.values(), color="#0072b2")
ax.bar_label(bars, fmt="%.1f")
ax.margins(y=0.15)
ax.set(xlabel="rows per batch", ylabel="scikit-learn's time / ours")
ax.set_title("In this build, on this machine")
plt.show()

# %%
# Threads and float32
# -------------------
#
# ``n_jobs`` is the maximum number of threads for a fit; the fit tries whether fewer
# threads are faster and keeps the fastest number. float32 needs half the memory, and
# vectors hold twice as many numbers.

X, y = make_classification(4000, 100, n_informative=20, random_state=0)
single = X.astype("float32")
model = MLPClassifier((200,), batch_size=1000, n_jobs=1)
in_double = race(X, y, 5, one=model, two=clone(model).set_params(n_jobs=2))
in_single = race(single, y, 5, one=clone(model))
print(f"two threads: {in_double['one'] / in_double['two']:.2f} times as fast as one")
print(f"float32: {in_double['one'] / in_single['one']:.2f} times as fast as float64")

# %%
# A grid search
# -------------
#
# ``GridSearchCV(n_jobs=2)`` runs fits in two processes. joblib limits the threads of
# each process, and an estimator with ``n_jobs=None`` respects this limit, so processors
# are not oversubscribed. Starting processes takes longer than a short search.

X, y = load_digits(return_X_y=True)
grid = {"hidden_layer_sizes": [(30,), (60,)], "alpha": [1e-4, 1.0]}
for n_jobs in (1, 2):
    start = time.perf_counter()
    search = GridSearchCV(MLPClassifier(max_iter=20, random_state=0), grid, cv=3)
    search.set_params(n_jobs=n_jobs).fit(X, y)
    print(
        f"n_jobs={n_jobs}: {time.perf_counter() - start:.2f} s, "
        f"best {search.best_params_}, score {search.best_score_:.4f}"
    )

# %% **Advice.** Leave ``n_jobs`` at None: the environment decides, and
# ``PYBACKPROP_NUM_THREADS``, ``OMP_NUM_THREADS`` or threadpoolctl limit it. Use the
# largest batch that still learns as well. Try float32 if the data are noisy anyway. In
# a search, set ``n_jobs`` of the search. ``make benchmark`` measures the same training
# with other libraries, each in its own process; :doc:`/benchmarks` has results.
# :ref:`sphx_glr_auto_examples_01_main_job.py` compares the loss curves too.

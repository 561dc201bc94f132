"""Fit and predict with an installed wheel, with each instruction set.

Run it with an interpreter that has the wheel and its requirements only.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import pybackprop
from pybackprop import MLPClassifier, _core
from pybackprop.__main__ import describe

FIT = """
import hashlib
from sklearn.datasets import load_digits
from pybackprop import MLPClassifier
X, y = load_digits(return_X_y=True)
model = MLPClassifier((30,), max_iter=5, random_state=0).fit(X / 16, y)
print(hashlib.sha256(b"".join(c.tobytes() for c in model.coefs_)).hexdigest())
"""


def main():
    module = Path(pybackprop.__file__)
    assert "site-packages" in module.parts, f"{module} is not installed"
    print(describe())
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((30,), solver="lbfgs", random_state=0).fit(X / 16, y)
    assert model.score(X / 16, y) > 0.99
    assert np.isfinite(model.predict_proba(X / 16)).all()
    sets = [name for name, runs in _core.instruction_sets().items() if runs]
    weights = {
        subprocess.check_output(
            [sys.executable, "-W", "ignore", "-c", FIT],
            env={**os.environ, "PYBACKPROP_ISA": name},
            cwd=module.parents[1],  # the current folder may be a checkout
        )
        for name in sets
    }
    assert len(weights) == 1, f"results depend on the instruction set: {sets}"
    print(f"a fit has the same bits with {', '.join(sets)}")


if __name__ == "__main__":
    main()

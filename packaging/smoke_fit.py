"""What a user does first with a wheel: ask what it is, fit, predict, on all its sets.

Run by the interpreter that has the wheel, and nothing but what the wheel asks for.
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
            cwd=module.parents[1],  # where this is run from may be a checkout
        )
        for name in sets
    }
    assert len(weights) == 1, f"other bits: {sets}"
    print(f"a first fit has the same bits on {', '.join(sets)}")


if __name__ == "__main__":
    main()

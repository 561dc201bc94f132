"""``python -m pybackprop`` prints versions, compiler, instruction set and threads."""

import platform

import numpy
import scipy
import sklearn

import pybackprop
from pybackprop import _core
from pybackprop._threads import default_n_threads


def describe():
    """Describe this build and the machine, one property per line."""
    runnable = [name for name, runs in _core.instruction_sets().items() if runs]
    return "\n".join(
        [
            f"pybackprop       {pybackprop.__version__}",
            f"instruction set  {_core.chosen_instruction_set()} "
            f"(this machine runs {', '.join(runnable)})",
            f"threads          {default_n_threads()}",
            f"compiler         {_core.compiler()}",
            f"python           {platform.python_version()}",
            f"numpy            {numpy.__version__}",
            f"scipy            {scipy.__version__}",
            f"scikit-learn     {sklearn.__version__}",
        ]
    )


if __name__ == "__main__":
    print(describe())

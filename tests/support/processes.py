"""Runs Python programs in separate processes, which may crash."""

import os
import subprocess
import sys


def run_python(program, *arguments, **environment):
    """Run a program with the module search path of this process."""
    path = os.pathsep.join(place for place in sys.path if place)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )

"""Runs Python programs in processes of their own, which a crash would end."""

import os
import subprocess
import sys


def run_python(program, *arguments, **environment):
    """Run a program that finds the modules that this process finds."""
    path = os.pathsep.join(place for place in sys.path if place)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )

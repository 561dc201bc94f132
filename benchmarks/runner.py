"""Runs peers in separate processes, in turns, and summarizes their times.

Every peer has a process of its own, so that threads and settings of one library do not
affect another. The rounds are interleaved, so that other load of the machine affects
all peers equally.

The wait policy of a peer's threads is not changed. OMP_WAIT_POLICY=passive and the like
would stop idle threads from spinning, but would also slow down small products. Instead
each turn starts after a pause in which the threads of OpenMP, OpenBLAS and XLA fall
asleep. ``idle_cpu`` records how much processor time a process used between its turns.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
# Seconds. OpenBLAS spins longest: 2^26 cycles, less than 30 ms.
PAUSE = 0.04

# Environment variables for the number of threads of each library; XLA reads NPROC.
THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
THREAD_VARIABLES += ["NPROC"]


class PeerError(Exception):
    """An error in the process of a worker."""


def all_threads():
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_counts():
    """Return the numbers of threads to measure: one and all."""
    return sorted({1, all_threads()})


def environment(n_threads):
    """Return the environment of a worker; None keeps the default of each library."""
    env = dict(os.environ)
    # A user's choice of another OpenBLAS kernel would slow down scikit-learn.
    for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", *THREAD_VARIABLES]:
        env.pop(name, None)
    if n_threads is not None:
        env |= dict.fromkeys(THREAD_VARIABLES, str(n_threads))
    return env


class Worker:
    """A process that calls ``answer`` of a module; see worker.py.

    ``variables`` are added to its environment.
    """

    def __init__(self, module, n_threads=None, **variables):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(n_threads) | variables,
            text=True,
        )

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"the process ended with code {self.process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise PeerError(reply["error"])
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def take_turns(tasks, turns):
    """Call each of ``tasks``, a dict of functions, once per round.

    Returns the values of each task and the error messages of failed tasks, which are
    not called again. Each round starts with another task, so that no task always
    follows the same one.
    """
    names = list(tasks)
    values = {name: [] for name in names}
    failed = {}
    for turn in range(turns):
        for i in range(len(names)):
            name = names[(turn + i) % len(names)]
            if name in failed:
                continue
            time.sleep(PAUSE)
            try:
                values[name].append(tasks[name]())
            except PeerError as error:
                failed[name] = str(error)
                del values[name]
    return values, failed


def spread(values):
    """Return median, quartiles and the values themselves, rounded to four digits."""
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {
        "median": four_digits(median),
        "q1": four_digits(q1),
        "q3": four_digits(q3),
        "turns": [four_digits(value) for value in values],
    }


def four_digits(value):
    return float(f"{value:.4g}")


def ratios(theirs, ours):
    """Return the spread of theirs / ours, turn by turn."""
    n = min(len(theirs), len(ours))
    return spread(np.array(theirs[:n]) / np.array(ours[:n]))


def say(*words):
    """Print a line of progress."""
    print(*words, file=sys.stderr, flush=True)

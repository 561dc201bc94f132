"""Processes that take turns, and what is made of their times.

Every peer runs in a process of its own, so that no library's threads or settings reach
another, and is asked over a pipe, one at a time, round after round: what else the
machine does meanwhile meets all of them alike.

Peers keep their own way of waiting.  OMP_WAIT_POLICY=passive and the like would keep
idle threads from spinning, but would also slow each small product of a peer that spins
between them.  Instead the next turn starts only after a pause in which OpenMP's,
OpenBLAS's and XLA's threads have gone to sleep, and the share of a processor that a
process took while it was not its turn is recorded as ``idle_cpu``.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
# OpenBLAS spins longest: 2^26 cycles, less than 30 ms.
PAUSE = 0.04

# Each library's word for its number of threads; NPROC is XLA's.
THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
THREAD_VARIABLES += ["NPROC"]


class PeerError(Exception):
    """What went wrong in a worker's process."""


def all_threads():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_counts():
    """One, and all where that is another number."""
    return sorted({1, all_threads()})


def environment(n_threads):
    """Variables of a worker's process; with None, each library's own default."""
    env = dict(os.environ)
    # A kernel chosen by hand for the sake of an older OpenBLAS would slow scikit-learn.
    for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", *THREAD_VARIABLES]:
        env.pop(name, None)
    if n_threads is not None:
        env |= dict.fromkeys(THREAD_VARIABLES, str(n_threads))
    return env


class Worker:
    """A process with a module's ``answer`` in it; see worker.py."""

    def __init__(self, module, n_threads=None):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(n_threads),
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
    """Call each of ``tasks`` (name: function) once a round, and collect what it gives.

    Returns (name: list of values, name: message of what failed).  One that fails is
    not called again.  Each round begins with another task, so that none always follows
    the same one.
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
    """Median and quartiles, and the values themselves, to four digits."""
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
    """How many times as long theirs took, turn by turn."""
    n = min(len(theirs), len(ours))
    return spread(np.array(theirs[:n]) / np.array(ours[:n]))


def say(*words):
    """A line of progress."""
    print(*words, file=sys.stderr, flush=True)

"""Compares the core with builds in which one tuned constant has another value.

    python benchmarks/tuned_constants.py [NAME ...] [--turns N] [--reuse]

Every constant of csrc/ that was found by measuring is listed here, with workloads that
depend on it. Each build has the default flags and one -D option. Builds take turns; the
script prints the time of an epoch and the median ratio of paired turns: above 1, the
default is faster. The constants change no bit of a result, so all losses must be equal.

"busy" means that another process keeps one processor busy. Measure on an idle machine:
the load average is printed.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace

import epochs
from report_parts import duration, ratio
from runner import HERE, Worker, all_threads, ratios, say, take_turns
from workloads import EPOCHS

ROOT = HERE.parent
BUILDS = ROOT / "build" / "benchmarks" / "constants"
SECONDS_PER_TURN = 0.5

WORKLOADS = {workload.name: workload for workload in EPOCHS}
LARGE = WORKLOADS["60,000 x 784"]
# The thread tuner starts anew in each fit, so a fit has hundreds of batches.
WORKLOADS[LARGE.name] = replace(LARGE, rows=15_360, rows_of=LARGE.rows)


@dataclass
class Constant:
    """Macro of csrc/, other values to compare with, and where it matters."""

    macro: str
    values: list
    workloads: list
    dtypes: tuple = ("float64",)
    loads: tuple = ("idle",)


CONSTANTS = {
    # 0: as many threads as pb_threads_for allows, without measuring.
    "thread_tuner": Constant(
        "PB_THREAD_TUNER",
        [0],
        ["10,000 x 20", "digits", "60,000 x 784"],
        loads=("idle", "busy"),
    ),
    # Ratio of times below which the tuner adds a thread.
    "clearly_faster": Constant(
        "PB_CLEARLY_FASTER", [1.0, 0.8], ["10,000 x 20", "digits"]
    ),
    # 0: a product with four vectors of columns takes three and one. 64 units in float32
    # are four vectors with AVX-512.
    "tile_pairs": Constant("PB_TILE_PAIRS", [0], ["10,000 x 20"], ("float32",)),
    # Multiply-adds per unit and per update of a parameter, in the number of threads.
    "work_per_unit": Constant("PB_WORK_PER_UNIT", [0, 64], ["iris", "digits"]),
    "work_per_update": Constant("PB_WORK_PER_UPDATE", [0, 128], ["10,000 x 20"]),
}


# ------------------------------------------------------------------- builds
def is_overridable(macro):
    """Whether csrc/ takes the value of a macro from the command line."""
    pattern = re.compile(rf"^# *ifndef {macro}$", re.MULTILINE)
    paths = [path for path in (ROOT / "csrc").rglob("*") if path.suffix in {".c", ".h"}]
    return any(pattern.search(path.read_text("utf-8")) for path in paths)


def build(name, *options, reuse=False):
    """Build the package with some -D options; return its folder."""
    folder = BUILDS / name
    if reuse and any(folder.glob("lib*/pybackprop/_core*")):
        return folder / "lib"
    say(f"building {name}")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build"]
        + ["--build-lib", folder / "lib", "--build-temp", folder / "temp"],
        cwd=ROOT,
        env=os.environ | {"CFLAGS": " ".join(options)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "lib"


# ------------------------------------------------------------------- turns
def answer(task, **request):
    """Answer as epochs.py does; the task "where" asks for the build in use."""
    if task == "where":
        import pybackprop

        return {"path": pybackprop.__file__}
    return epochs.answer(task, **request)


@contextlib.contextmanager
def load(kind):
    """Keep one processor busy during a "busy" measurement."""
    busy = None
    if kind == "busy":
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()


def measure(workers, workload, dtype, turns):
    """Return the seconds of an epoch in each turn, by build."""
    tasks, losses = {}, {}
    for name, worker in workers.items():
        worker.ask(
            task="prepare",
            peer="pybackprop",
            workload=workload.as_dict(),
            dtype=dtype,
            n_threads=all_threads(),
        )
        first = worker.ask(task="train", n_epochs=2)
        losses[name] = first["losses"]
        n_epochs = max(2, int(SECONDS_PER_TURN / first["epoch"]))
        # All builds train the same number of epochs.
        n_epochs = next(iter(tasks.values()))[1] if tasks else n_epochs
        tasks[name] = worker, n_epochs
    if len({str(found) for found in losses.values()}) > 1:
        raise SystemExit(f"the constant changes the losses: {losses}")
    replies, failed = take_turns(
        {
            name: lambda worker=worker, n=n: worker.ask(task="train", n_epochs=n)
            for name, (worker, n) in tasks.items()
        },
        turns,
    )
    if failed:
        raise SystemExit(str(failed))
    return {name: [a["epoch"] for a in answers] for name, answers in replies.items()}


def compare(constant, turns, reuse):
    """Print one line per workload, data type, load and value."""
    builds = {"default": build("default", reuse=reuse)}
    for value in constant.values:
        option = f"-D{constant.macro}={value}"
        builds[option] = build(f"{constant.macro}-{value}", option, reuse=reuse)
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, folder in builds.items():
            worker = Worker("tuned_constants", all_threads(), PYTHONPATH=str(folder))
            workers[name] = stack.enter_context(worker)
            path = workers[name].ask(task="where")["path"]
            if not path.startswith(str(folder)):
                raise SystemExit(f"{path} is not in {folder}")
        for name in constant.workloads:
            for dtype in constant.dtypes:
                for kind in constant.loads:
                    with load(kind):
                        times = measure(workers, WORKLOADS[name], dtype, turns)
                    for option in list(builds)[1:]:
                        report(name, dtype, kind, option, times)


def report(workload, dtype, kind, option, times):
    ours, others = times["default"], times[option]
    median = sorted(ours)[len(ours) // 2]
    found = ratio(ratios(others, ours))
    print(
        f"{option:26} {workload:13} {dtype} {kind}: epoch {duration(median)}, "
        f"with the option {found} times as long; "
        f"load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONSTANTS))
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--reuse", action="store_true", help="do not build again")
    given = parser.parse_args()
    if unknown := set(given.names) - set(CONSTANTS):
        parser.error(f"unknown: {sorted(unknown)}; choose from {list(CONSTANTS)}")
    for name in given.names or CONSTANTS:
        if not is_overridable(CONSTANTS[name].macro):
            raise SystemExit(f"csrc/ has no #ifndef {CONSTANTS[name].macro}")
        compare(CONSTANTS[name], given.turns, given.reuse)


if __name__ == "__main__":
    main()

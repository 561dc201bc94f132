"""Run the benchmarks and write FORM.json, the input of report.py and summary.py.

    python benchmarks/run.py short|full|sweep [--peers "scikit-learn jax"]
        [--parts "epochs latency"] [--turns N] [--results DIRECTORY]

The default of DIRECTORY is build/benchmarks, which Git does not track.

short   every workload with fewer rows, in minutes; without torch.compile unless it is
        named, since compiling takes longer than all other parts
full    every workload with all rows, every peer, more turns
sweep   the sweep of shapes, growth and memory, with scikit-learn

Results are written after each part.
"""

import argparse
import json
import time
from pathlib import Path

import epochs
import first_fit
import grid_search
import growth
import latency
import lbfgs
import machine
import memory
import peers_here
import sweep
from runner import say, thread_counts
from summary import RUNS
from workloads import EPOCHS

DTYPES = ["float64", "float32"]
THREADS = thread_counts()


def short_epochs(peers, turns):
    workloads = [workload.shortened(0.25) for workload in EPOCHS]
    return epochs_part(workloads, peers, turns, 0.1)


def full_epochs(peers, turns):
    return epochs_part(EPOCHS, peers, turns, 0.5)


def epochs_part(workloads, peers, turns, seconds_per_turn):
    with machine.Peak() as peak:
        records = epochs.measure(
            workloads, peers, THREADS, DTYPES, turns, seconds_per_turn, peak
        )
    return {
        "workloads": [w.as_dict() | {"flops": w.flops} for w in workloads],
        "records": records,
    }


def searches(n_epochs, max_turns):
    def part(peers, turns):
        return grid_search.measure(peers, DTYPES, min(turns, max_turns), n_epochs)

    return part


# Form: (turns, {part: function of peers and turns}).
FORMS = {
    "short": (
        5,
        {
            "epochs": short_epochs,
            "lbfgs": lambda p, t: lbfgs.measure(p, THREADS, DTYPES, t),
            "latency": lambda p, t: latency.measure(p, THREADS, DTYPES, t),
            "first_fit": lambda p, t: first_fit.measure(
                p, THREADS, DTYPES[:1], min(t, 2)
            ),
            "grid_search": searches(n_epochs=5, max_turns=2),
        },
    ),
    "full": (
        11,
        {
            "epochs": full_epochs,
            "lbfgs": lambda p, t: lbfgs.measure(p, THREADS, DTYPES, t),
            "latency": lambda p, t: latency.measure(p, THREADS, DTYPES, t),
            "first_fit": lambda p, t: first_fit.measure(p, THREADS, DTYPES, 5),
            "grid_search": searches(n_epochs=50, max_turns=5),
        },
    ),
    "sweep": (
        5,
        {
            "sweep": lambda p, t: sweep.measure(p, THREADS, DTYPES, t),
            "growth": lambda p, t: growth.measure(p, THREADS, DTYPES, t),
            "memory": lambda p, t: memory.measure(p, DTYPES),
        },
    ),
}


def default_peers(form):
    if form == "sweep":
        return ["scikit_learn"]
    left_out = ["pytorch_compile"] if form == "short" else []
    return [name for name in peers_here.listed() if name not in left_out]


def run(form, peers, parts=(), turns=None, results=RUNS):
    """Measure the parts of a form, write and return the results."""
    default_turns, all_parts = FORMS[form]
    installed, absent = peers_here.look(peers_here.chosen(peers or default_peers(form)))
    for name, reason in absent.items():
        say(f"{name}: absent ({reason})")
    if "pybackprop" in absent:
        raise SystemExit("pybackprop cannot be imported")
    result = {
        "form": form,
        "machine": machine.describe(),
        "peers": installed,
        "absent": sorted(absent),
        "turns": turns or default_turns,
        "seconds": {},
    }
    path = Path(results, f"{form}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in parts or all_parts:
        begin = time.monotonic()
        result[name] = all_parts[name](list(installed), turns or default_turns)
        result["seconds"][name] = round(time.monotonic() - begin)
        path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    say(f"written: {path}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("--peers", default="", help="names, separated by spaces")
    parser.add_argument("--parts", default="", help="names, separated by spaces")
    parser.add_argument("--turns", type=int)
    parser.add_argument("--results", default=RUNS, type=Path)
    given = parser.parse_args()
    run(
        given.form,
        given.peers.split(),
        given.parts.split(),
        given.turns,
        given.results,
    )


if __name__ == "__main__":
    main()

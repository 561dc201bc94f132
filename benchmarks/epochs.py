"""Measures the time of an epoch: every peer, one and all threads, both data types.

The first turn of a peer is not measured. It compiles and warms up, and its losses are
compared with pybackprop's. A peer whose losses differ solves another problem and is
reported as failed.

The peak of the processor is measured in the same turns as the peers, because the speed
of a core that is shared, as on virtual machines, varies with time.
"""

import importlib
import time
from functools import partial

import peers_here
from runner import PeerError, Worker, four_digits, ratios, say, spread, take_turns
from workloads import Workload, table

PEAK = "peak"  # among the peers
CHECKED_EPOCHS = 2
# Maximum relative difference from pybackprop's loss in these epochs. A wrong conversion
# of the objective shows in float64. In float32 rounding errors grow with the steps, so
# losses are compared after at most CHECKED_STEPS steps.
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
CHECKED_STEPS = {"float64": float("inf"), "float32": 500}

# --- In the process of a peer ------------------------------------------------

training = None


def answer(task, **request):
    return {"prepare": prepare, "train": train}[task](**request)


def prepare(peer, workload, dtype, n_threads):
    global training
    training = None  # frees the previous table before the next is created
    module = importlib.import_module(f"peers.{peer}")
    workload = Workload(**workload)
    if not module.can_run(workload):
        return {"can_run": False}
    data = table(workload, dtype)
    begin = time.perf_counter()
    training = module.prepare(workload, data, dtype, n_threads)
    return {"can_run": True, "seconds": time.perf_counter() - begin}


def train(n_epochs):
    """Return seconds of an epoch and of the call, processors used, and losses."""
    ticks = []
    begin, cpu = time.perf_counter(), time.process_time()
    losses = training.train(n_epochs, lambda: ticks.append(time.perf_counter()))
    cpu, whole = time.process_time() - cpu, time.perf_counter() - begin
    return {
        "epoch": (ticks[-1] - ticks[0]) / len(losses),
        "whole": whole,
        "cores": cpu / whole,
        "losses": [float(loss) for loss in losses],
    }


# --- In the process that measures --------------------------------------------


class Runners:
    """One process per peer and number of threads, used for all workloads."""

    def __init__(self, peers, threads):
        self.workers = {
            (peer, n): Worker("epochs", n) for n in threads for peer in peers
        }

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for worker in self.workers.values():
            worker.close()

    def measure(self, workload, dtype, turns, seconds_per_turn, peak=None):
        """Return a record per number of threads and peer that runs the workload."""
        say(f"{workload.name}, {dtype}")
        prepared, tasks, failed = {}, {}, {}
        reference = None
        for key, worker in self.workers.items():
            try:
                first = _first_turn(worker, key, workload, dtype)
                if first is None:
                    continue
                prepared[key] = first
                if reference is None:  # ours, with one thread, comes first
                    reference = first["losses"]
                n_checked = checked_epochs(workload, dtype)
                compare_losses(
                    reference[:n_checked], first["losses"][:n_checked], dtype
                )
                n_epochs = _epochs_per_turn(worker, first["epoch"], seconds_per_turn)
                if workload.solver == "lbfgs":
                    n_epochs = min(n_epochs, 20)  # before it has converged
            except PeerError as error:
                if key[0] == peers_here.OURS:
                    raise
                failed[key] = str(error)
                continue
            tasks[key] = Turn(worker, n_epochs, seconds_per_turn)
        if peak is not None:
            counts = {n for _, n in tasks}
            tasks |= {(PEAK, n): partial(peak.measure, n) for n in counts}
        replies, failed_later = take_turns(tasks, turns)
        failed |= failed_later
        peaks = {n: replies.pop((who, n)) for who, n in list(replies) if who == PEAK}
        records = []
        for (peer, n_threads), answers in replies.items():
            seconds = [reply["epoch"] for reply in answers]
            first = prepared[peer, n_threads]
            ours = [r["epoch"] for r in replies[peers_here.OURS, n_threads]]
            reached = [workload.flops / s / 1e9 for s in seconds]
            limits = [p and p[dtype] for p in peaks.get(n_threads, [])]
            record = {
                "epoch": spread(seconds),
                "gflops": spread(reached)["median"],
                "share_of_peak": _share(reached, limits),
                "times_ours": ratios(seconds, ours),
                "warm_up": four_digits(first["warm_up"]),
                "cores": four_digits(spread([r["cores"] for r in answers])["median"]),
                "idle_cpu": four_digits(max(r["idle_cpu"] for r in answers)),
                "losses": first["losses"],
            }
            records.append(_labelled(workload, dtype, peer, n_threads) | record)
        for (peer, n_threads), message in failed.items():
            say(f"  {peer}, {n_threads} threads: {message}")
            labels = _labelled(workload, dtype, peer, n_threads)
            records.append(labels | {"error": message})
        return records


def _share(reached, limits):
    """Return the median share of the peak; None if no peak was measured."""
    if not limits or None in limits:
        return None
    return ratios(reached, limits)["median"]


def _labelled(workload, dtype, peer, n_threads):
    labels = {"workload": workload.name, "dtype": dtype}
    return labels | {"peer": peer, "threads": n_threads}


def _first_turn(worker, key, workload, dtype):
    """Train the first two epochs; return their reply with the time of warming up."""
    peer, n_threads = key
    ready = worker.ask(
        task="prepare",
        peer=peer,
        workload=workload.as_dict(),
        dtype=dtype,
        n_threads=n_threads,
    )
    if not ready["can_run"]:
        return None
    first = worker.ask(task="train", n_epochs=CHECKED_EPOCHS)
    first["warm_up"] = ready["seconds"] + first["whole"]
    return first


def checked_epochs(workload, dtype):
    """Return the number of epochs whose losses are compared, at least one."""
    allowed = CHECKED_STEPS[dtype] / workload.batches
    return int(max(1, min(CHECKED_EPOCHS, allowed)))


def compare_losses(reference, losses, dtype):
    """Raise PeerError unless all losses agree; nan agrees with no loss."""
    if len(losses) != len(reference):
        raise PeerError(f"{len(losses)} losses instead of {len(reference)}")
    far = [abs(a - b) / abs(b) for a, b in zip(losses, reference, strict=True)]
    if not all(difference <= TOLERANCE[dtype] for difference in far):
        raise PeerError(
            f"the losses of its first epochs, {losses}, are not pybackprop's, "
            f"{reference}: relative differences of {max(far):.1e}"
        )


class Turn:
    """Trains some epochs; fewer in the next turn if they took too long.

    When a machine becomes busy, an epoch may take twenty times as long.
    """

    def __init__(self, worker, n_epochs, seconds):
        self.worker, self.n_epochs, self.seconds = worker, n_epochs, seconds

    def __call__(self):
        reply = self.worker.ask(task="train", n_epochs=self.n_epochs)
        max_epochs = max(1, int(2 * self.seconds / reply["epoch"]))
        self.n_epochs = min(self.n_epochs, max_epochs)
        return reply


def _epochs_per_turn(worker, first_epoch, seconds):
    """Return how many epochs fill a turn; train again if the first ones compiled."""
    n_epochs = max(1, int(seconds / first_epoch))
    if n_epochs < 10:
        again = worker.ask(task="train", n_epochs=n_epochs)
        n_epochs = max(1, int(seconds / again["epoch"]))
    return min(n_epochs, 2000)


def measure(workloads, peers, threads, dtypes, turns, seconds_per_turn, peak=None):
    """Return the records of all workloads, in order."""
    records = []
    with Runners(peers, threads) as runners:
        for workload in workloads:
            for dtype in dtypes:
                records += runners.measure(
                    workload, dtype, turns, seconds_per_turn, peak
                )
    return records

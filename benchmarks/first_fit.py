"""Measures the first fit of a new process, with and without the import, and small fits.

The time starts when Python runs and NumPy is imported. The table is read from a file,
so that creating it imports no library.
"""

import importlib
import tempfile
import time
from functools import partial
from pathlib import Path

from runner import PeerError, Worker, ratios, say, spread, take_turns
from workloads import DIGITS, TWENTY_ROWS, Workload, table

# Workload and number of epochs; 200 is scikit-learn's default.
FITS = [(DIGITS, 5), (TWENTY_ROWS, 200)]


def answer(peer, workload, dtype, n_threads, n_epochs, file):
    import numpy as np

    workload = Workload(**workload)
    with np.load(file) as arrays:
        data = arrays["X"], arrays["y"]
    begin = time.perf_counter()
    module = importlib.import_module(f"peers.{peer}")
    imported = time.perf_counter()
    module.prepare(workload, data, dtype, n_threads).train(n_epochs)
    end = time.perf_counter()
    return {"import": imported - begin, "fit": end - imported, "both": end - begin}


def measure(peers, threads, dtypes, turns):
    """Return records of first fits in new processes and of warm fits of 20 rows."""
    records = []
    for workload, n_epochs in FITS:
        for dtype in dtypes:
            say(f"first fit of {workload.name}, {dtype}")
            with tempfile.TemporaryDirectory() as directory:
                file = Path(directory, "table.npz")
                _save(file, workload, dtype)
                request = {"workload": workload.as_dict(), "dtype": dtype}
                request |= {"n_epochs": n_epochs, "file": str(file)}
                tasks = {
                    (peer, n): partial(_cold_fit, peer, n, request)
                    for n in threads
                    for peer in peers
                }
                replies, failed = take_turns(tasks, turns)
            labels = {"workload": workload.name, "dtype": dtype, "epochs": n_epochs}
            records += _records(labels, replies, failed, ["import", "fit", "both"])
    return records + _warm(peers, threads, dtypes, 4 * turns)


def _save(file, workload, dtype):
    import numpy as np

    X, y = table(workload, dtype)
    np.savez(file, X=X, y=y)


def _cold_fit(peer, n_threads, request):
    with Worker("first_fit", n_threads) as worker:
        return worker.ask(peer=peer, n_threads=n_threads, **request)


def _warm(peers, threads, dtypes, turns):
    """Return records of fits of 20 rows in processes that have fitted before."""
    workload, n_epochs = FITS[-1]
    records = []
    workers = {(peer, n): Worker("epochs", n) for n in threads for peer in peers}
    for dtype in dtypes:
        say(f"{workload.name}, warm, {dtype}")
        tasks = {}
        for (peer, n), worker in workers.items():
            worker.ask(
                task="prepare",
                peer=peer,
                workload=workload.as_dict(),
                dtype=dtype,
                n_threads=n,
            )
            tasks[peer, n] = partial(worker.ask, task="train", n_epochs=n_epochs)
        take_turns(tasks, 1)
        replies, failed = take_turns(tasks, turns)
        for answers in replies.values():
            for reply in answers:
                reply["fit"] = reply["whole"]
        labels = {"workload": f"{workload.name}, warm", "dtype": dtype}
        labels["epochs"] = n_epochs
        records += _records(labels, replies, failed, ["fit"])
    for worker in workers.values():
        worker.close()
    return records


def _records(labels, replies, failed, fields):
    records = []
    for (peer, n), answers in replies.items():
        record = labels | {"peer": peer, "threads": n}
        if ("pybackprop", n) in failed:
            raise PeerError(failed["pybackprop", n])
        for field in fields:
            theirs = [a[field] for a in answers]
            record[field] = spread(theirs)
            ours = [a[field] for a in replies["pybackprop", n]]
            record[f"{field}_times_ours"] = ratios(theirs, ours)
        records.append(record)
    for (peer, n), message in failed.items():
        records.append(labels | {"peer": peer, "threads": n, "error": message})
    return records

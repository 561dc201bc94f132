"""Tests that benchmarks compare equal problems and that tables show the measurements.

No time is checked here.
"""

import json
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from support.checkout import ROOT

BENCHMARKS = ROOT / "benchmarks"

if not BENCHMARKS.is_dir():
    pytest.skip(
        "the benchmarks are not here: an installed test suite", allow_module_level=True
    )
sys.path.insert(0, str(BENCHMARKS))

import epochs  # noqa: E402
import growth  # noqa: E402
import memory  # noqa: E402
import peers_here  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import runner  # noqa: E402
import summary  # noqa: E402
import sweep  # noqa: E402
from workloads import DIGITS, EPOCHS, Workload  # noqa: E402

TINY = Workload("tiny", 70, 5, (7, 4), batch=32, classes=3)
SMALL_TABLES = [
    TINY,
    Workload("binary", 64, 5, (6,), batch=16, classes=2, activation="tanh"),
    Workload("regression", 50, 3, (6,), batch=50, classes=0, activation="logistic"),
]
PEERS = [
    # Its compilation takes half a minute.
    pytest.param(peer, marks=[pytest.mark.slow] if "compile" in peer else [])
    for peer in peers_here.listed()[1:]
]


@pytest.mark.full
@pytest.mark.parametrize("peer", PEERS)
def test_an_installed_peer_has_our_losses(peer):
    with runner.Worker("epochs", 1) as theirs, runner.Worker("epochs", 1) as ours:
        for workload in SMALL_TABLES:
            for dtype in ("float64", "float32"):
                losses = {}
                for name, worker in ((peer, theirs), ("pybackprop", ours)):
                    try:
                        worker.ask(
                            task="prepare",
                            peer=name,
                            workload=workload.as_dict(),
                            dtype=dtype,
                            n_threads=1,
                        )
                    except runner.PeerError as error:
                        if "ModuleNotFoundError" in str(error) and name == peer:
                            pytest.skip(str(error))
                        raise
                    reply = worker.ask(task="train", n_epochs=4)
                    losses[name] = reply["losses"]
                tolerance = 1e-9 if dtype == "float64" else 1e-5
                np.testing.assert_allclose(
                    losses[peer], losses["pybackprop"], rtol=tolerance, atol=0
                )
                assert len(set(losses[peer])) == 4  # it has trained


# A peer that solves another problem, and one that needs a missing library.
WRONG = """
import peers.scikit_learn as right
from workloads import replace
NAME, PACKAGES = "wrong", []
can_run = right.can_run
def prepare(workload, *arguments):
    return right.prepare(replace(workload, alpha=1.0), *arguments)
"""
ABSENT = "import a_library_that_nobody_has\n"


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """Run a tiny workload with two additional peers."""
    copy = tmp_path_factory.mktemp("benchmarks") / "copy"
    shutil.copytree(BENCHMARKS, copy, ignore=shutil.ignore_patterns("results"))
    (copy / "peers" / "wrong.py").write_text(WRONG, "utf-8")
    (copy / "peers" / "absent.py").write_text(ABSENT, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "HERE", copy)
        patch.setattr(peers_here, "HERE", copy)
        patch.setattr(run, "EPOCHS", [TINY])
        # On a busy machine, some peers would be very slow with more threads.
        patch.setattr(run, "THREADS", [1])
        peers = ["scikit-learn", "wrong", "absent"]
        run.run("short", peers, ["epochs"], turns=2, results=copy / "results")
    return copy / "results"


@pytest.mark.full
def test_the_runner_writes_json_without_paths_or_host_name(tiny_run):
    text = (tiny_run / "short.json").read_text("utf-8")

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    result = json.loads(text, parse_constant=refuse)
    assert result["absent"] == ["absent"]
    assert set(result["peers"]) == {"pybackprop", "scikit_learn", "wrong"}
    compared = [r for r in result["epochs"]["records"] if "error" not in r]
    assert len(compared) == 2 * 2
    assert {r["dtype"] for r in compared} == {"float64", "float32"}
    for record in compared:
        assert len(record["epoch"]["turns"]) == 2
        assert record["epoch"]["q1"] <= record["epoch"]["median"]
        assert record["gflops"] > 0
    for private in (socket.gethostname(), str(Path.home()), str(ROOT), str(tiny_run)):
        assert private not in text or len(private) < 4


@pytest.mark.full
def test_a_peer_with_other_losses_is_reported_and_not_compared(tiny_run):
    result = json.loads((tiny_run / "short.json").read_text("utf-8"))
    records = [r for r in result["epochs"]["records"] if r["peer"] == "wrong"]
    assert len(records) == 2
    for record in records:
        assert "are not pybackprop's" in record["error"]
        assert "epoch" not in record
    assert "Not compared: wrong on tiny" in report.page_section(
        summary.of_runs(tiny_run)
    )


@pytest.mark.parametrize("losses", [[1.0, 0.5 + 1e-7], [1.0, np.nan], [1.0]])
def test_losses_that_disagree(losses):
    epochs.compare_losses([1.0, 0.5], [1.0, 0.5 + 1e-12], "float64")
    with pytest.raises(runner.PeerError):
        epochs.compare_losses([1.0, 0.5], losses, "float64")


def test_losses_are_compared_before_rounding_has_grown():
    small = Workload("small", 1000, 4, (3,), batch=100)
    large = Workload("large", 60_000, 4, (3,), batch=100)
    assert epochs.checked_epochs(small, "float32") == epochs.CHECKED_EPOCHS
    assert epochs.checked_epochs(large, "float64") == epochs.CHECKED_EPOCHS
    assert epochs.checked_epochs(large, "float32") == 1


@pytest.mark.full
def test_the_report_of_a_run(tiny_run, tmp_path):
    runs = summary.of_runs(tiny_run)
    section = report.page_section(runs)
    assert "| tiny | float32 |" in section
    assert "scikit-learn" in section and "Not installed: absent." in section
    for line in report.full_report(runs).splitlines():
        if line.startswith("|"):
            assert line.count("|") > 3
    assert "tiny" not in report.readme_section(runs)
    pytest.importorskip("matplotlib")
    pictures = [tmp_path / "first.svg", tmp_path / "second.svg"]
    for picture in pictures:
        report.draw(runs, picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


@pytest.mark.full
def test_a_report_of_a_summary_is_the_report_of_the_runs(tiny_run, tmp_path):
    runs = summary.of_runs(tiny_run)
    for version in ("0.9.0", "0.10.0"):
        text = summary.as_text(version, list(runs.values()))
        assert summary.from_text(text) == (version, list(runs.values()))
        # Only the newest one is reported.
        text = text if version == "0.10.0" else text.replace("tiny", "old")
        (tmp_path / f"summary-{version}.json").write_text(text, "utf-8")
    assert summary.newest(tmp_path) == runs
    assert report.full_report(summary.newest(tmp_path)) == report.full_report(runs)


def test_the_ratio_of_epochs_comes_from_interleaved_pairs():
    def record(peer, threads, *turns):
        labels = {"workload": "w", "dtype": "float64", "peer": peer}
        return labels | {"threads": threads, "epoch": runner.spread(turns)}

    records = [record("pybackprop", 1, 1.0, 2.0, 4.0), record("pybackprop", 2, 9, 9, 9)]
    records += [record("jax", 1, 8, 8, 8), record("jax", 2, 3.0, 4.0, 4.0)]
    (best,) = summary.best_ratios(records)
    assert best["peer"] == "jax"
    assert best["ratio"]["turns"] == [3.0, 2.0, 1.0]


def test_tracked_files_are_those_of_the_newest_summary():
    runs = summary.newest()
    assert runs
    for path, text in report.tracked(runs).items():
        assert path.read_text("utf-8") == text, f"{path.name}: make benchmark-report"


def test_the_table_of_the_readme():
    text = report.readme_section(summary.newest())
    *_, head, _, iris, digits, _, _ = text.splitlines()
    assert head == "| network | pybackprop | scikit-learn | PyTorch | JAX |"
    assert iris.startswith("| iris: 150 rows, 4-100-3 |")
    assert digits.startswith("| digits: 1,797 rows, 64-100-10 |")
    assert all(line.count(" / ") == 4 for line in (iris, digits))
    assert report.readme_section({}) == report.page_section({}) == report.NOT_MEASURED


def test_tracked_results_are_small():
    files = {path.name: path for path in report.RESULTS.iterdir()}
    summaries = {name for name in files if name.startswith("summary-")}
    assert files.keys() - summaries == {"report.md", report.PICTURE}
    assert sum(path.stat().st_size for path in files.values()) <= 250_000


def test_flops_by_hand():
    # 64-100-10: forward and gradient of both layers, backward of the second.
    assert DIGITS.flops == 1797 * (4 * 6400 + 6 * 1000)


def test_a_workload_is_shortened_in_whole_batches_and_says_so():
    for workload in EPOCHS:
        short = workload.shortened(0.01)
        if short is not workload:
            assert short.rows < workload.rows == short.rows_of
            assert short.rows % short.batch == 0


def test_the_cells_of_the_sweep():
    cells = sweep.cells()
    assert len({cell.name for cell in cells}) == len(cells) > 120
    for cell in cells:
        assert 1 <= cell.batch <= cell.rows
        assert cell.classes <= cell.rows
        assert cell.solver != "lbfgs" or cell.batch == cell.rows
    for name in ("activation", "solver"):
        wanted = set(sweep.ONE_AT_A_TIME[name])
        assert {getattr(cell, name) for cell in cells} == wanted


def test_the_result_uses_the_better_number_of_threads():
    def record(peer, threads, seconds):
        labels = {"workload": "w", "dtype": "float64", "peer": peer}
        spread = runner.spread([seconds])
        return labels | {"threads": threads, "epoch": spread}

    records = [record("pybackprop", 1, 1.0), record("pybackprop", 2, 2.0)]
    records += [record("scikit_learn", 1, 3.0), record("scikit_learn", 2, 4.0)]
    (verdict,) = sweep.verdicts(records)
    assert verdict["ratio"]["median"] == 3.0
    assert (verdict["our_threads"], verdict["their_threads"]) == (1, 1)
    assert verdict["all_to_one"] == 2.0


def test_the_exponent_of_a_power_law():
    x = np.array([1.0, 10.0, 100.0, 1000.0])
    assert growth.exponent(x, 5 + x**2) == pytest.approx(2, abs=0.01)


def test_memory_is_measured_relative_to_the_start():
    system, traced = memory.beyond(lambda: np.ones(5_000_000))
    assert 40e6 <= traced < 41e6
    assert system is None or 39e6 <= system < 60e6

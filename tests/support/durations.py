"""Prints the time of the tests of each folder at the end of a run."""

import os
from collections import defaultdict

import pytest

CPU = "CPU seconds"
START = pytest.StashKey[float]()


def cpu_seconds():
    """Return the CPU seconds of this process and of its ended children."""
    return sum(os.times()[:4])


class Durations:
    """A plugin of pytest; under pytest-xdist it adds the times of all workers."""

    def __init__(self):
        self.totals = defaultdict(lambda: [0, 0.0, 0.0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        item.stash[START] = cpu_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "teardown" and START in item.stash:
            report.user_properties.append((CPU, cpu_seconds() - item.stash[START]))
        return report

    def pytest_runtest_logreport(self, report):
        folder = report.nodeid.partition("::")[0].rpartition("/")[0]
        total = self.totals[folder.removeprefix("tests/") or "."]
        total[2] += report.duration
        if report.when == "teardown":
            total[0] += 1
            total[1] += dict(report.user_properties).get(CPU, 0.0)

    def pytest_terminal_summary(self, terminalreporter):
        if not self.totals:
            return
        terminalreporter.section("time per folder")
        line = "{:16} {:>7} {:>12} {:>8}".format
        terminalreporter.write_line(line("folder", "cases", CPU, "seconds"))
        rows = [(folder, *total) for folder, total in sorted(self.totals.items())]
        rows.append(("all", *map(sum, zip(*self.totals.values(), strict=True))))
        for folder, n, cpu, wall in rows:
            terminalreporter.write_line(line(folder, n, f"{cpu:.1f}", f"{wall:.1f}"))

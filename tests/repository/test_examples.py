"""Tests that every example runs and that the main example draws its figure."""

import os
import subprocess
import sys

import pytest

from support.checkout import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    picture = tmp_path / "picture.png"
    result = subprocess.run(
        [sys.executable, str(example), str(picture)],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    if example.stem == "01_main_job":
        assert picture.stat().st_size > 10_000
        # The three canonical pairs, then squared error with a logistic output.
        verdicts = [line.split()[-1] for line in result.stdout.splitlines() if line]
        assert [v for v in verdicts if v in ("yes", "NO")] == ["yes"] * 3 + ["NO"]

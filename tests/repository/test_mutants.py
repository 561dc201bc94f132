"""Every planted bug matches the source once; ``make mutants`` plants them."""

from collections import Counter

import pytest
from mutants import MUTANTS

from support.checkout import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir(),
    reason="the sources are not here: an installed test suite",
)


@pytest.mark.parametrize("file", sorted({m.file for m in MUTANTS}))
def test_each_text_is_still_found_exactly_once(file):
    found = {m.name: m.occurrences(ROOT) for m in MUTANTS if m.file == file}
    assert found == dict.fromkeys(found, 1)


def test_each_mutant_changes_something_and_has_a_name_of_its_own():
    assert all(m.text != m.planted for m in MUTANTS)
    assert Counter(m.name for m in MUTANTS).most_common(1)[0][1] == 1
    assert Counter((m.file, m.text) for m in MUTANTS).most_common(1)[0][1] == 1


def test_the_test_that_is_to_see_it_is_there():
    assert [m.test for m in MUTANTS if not (ROOT / m.test).is_file()] == []


def test_a_planted_text_is_in_the_place_of_the_other(tmp_path):
    mutant = MUTANTS[0]
    path = tmp_path / mutant.file
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / mutant.file).read_text("utf-8"), "utf-8")
    healthy = mutant.plant(tmp_path)
    assert healthy == (ROOT / mutant.file).read_text("utf-8")
    assert path.read_text("utf-8") == healthy.replace(mutant.text, mutant.planted)
    assert mutant.occurrences(tmp_path) == 0

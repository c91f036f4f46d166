"""What `fluke testlist` says and does."""

import shutil

import pytest

from flows.models import list_report
from tasks.store.errors import UserError
from tests.helpers.decisions import QUICK, Nights, photos


@pytest.fixture(name="nights")
def _nights(nights: Nights) -> Nights:
    """Two nights: ten photos join with the second one, and two of the first are gone from its crawl."""
    nights.decide(nights.run(photos(60, wrong=20), classifier="a"), QUICK)
    nights.decide(nights.run(photos(70), classifier="a", gone=["0000", "0001"]), QUICK)
    return nights


def test_it_says_what_joined_and_what_is_gone(nights: Nights) -> None:
    found = list_report.read(nights.store.root, "demo")
    said = [*list_report.lines(found)]
    assert said[0].startswith("60 photos pinned with run ")
    assert said[1].startswith("10 photos joined with run ")
    assert said[2].startswith("2 of 70 listed photos are gone from the crawl of run ")
    columns = [list(column.cells) for column in list_report.table(found).columns]
    assert columns == [["cat", "dog"], ["35", "35"], ["35", "35"], ["1", "1"], ["5", "5"], ["0", "0"]]


def test_a_refresh_pins_the_newest_run(nights: Nights) -> None:
    only = nights.run(photos(40, begin=35), classifier="a")
    nights.decide(only, QUICK)
    said = list_report.refresh(nights.store.root, "demo")
    assert said.strip() == (
        f"pinned the 40 test photos of run {only.id}: 0 are new to the list of demo, 35 have left it"
    )
    assert [*list_report.lines(list_report.read(nights.store.root, "demo"))] == [f"40 photos pinned with run {only.id}"]


def test_a_name_without_runs_has_no_list(nights: Nights) -> None:
    for command in (list_report.read, list_report.refresh):
        with pytest.raises(UserError, match=r"there is no complete run of 'whales', .* names: demo"):
            command(nights.store.root, "whales")


def test_a_run_whose_photos_were_pruned_can_not_be_pinned(nights: Nights) -> None:
    shutil.rmtree(nights.store.root / "artifacts" / "filter")
    with pytest.raises(UserError, match=r"the photos of run .* can't be read"):
        list_report.refresh(nights.store.root, "demo")

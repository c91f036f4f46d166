"""A changed decision makes again what depends on it, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.crawl import stage as crawl
from tasks.filter import review_log
from tasks.filter import stage as filter
from tasks.filter.review_log import Action, Decision, Subject
from tasks.preprocess import stage as preprocess
from tasks.store.stage import Run
from tests.helpers.pipeline import write_photos
from tests.helpers.review import Doubtful


@pytest.fixture
def shoot(tmp_path: Path) -> Doubtful:
    write_photos(tmp_path / "photos", 30)
    return Doubtful(tmp_path / "data", tmp_path / "photos")


def made_again(shoot: Doubtful) -> tuple[list[str], int]:
    """Run three stages; returns those that weren't cached, and how many tiles had to be computed."""
    with ThreadPoolExecutor(2) as executor:
        run = Run(shoot.store, executor)
        crawled = run.get_or_build(crawl.STAGE, shoot.config.crawl)
        filtered = run.get_or_build(filter.STAGE, shoot.config.filter, photos=crawled.artifact)
        tiled = run.get_or_build(preprocess.STAGE, shoot.config.preprocess, kept=filtered.artifact)
    stages = {"crawl": crawled, "filter": filtered, "preprocess": tiled}
    return [name for name, outcome in stages.items() if not outcome.cached], tiled.manifest.counts["new"]


@pytest.mark.parametrize(("action", "again"), [("keep", ["filter"]), ("reject", ["filter", "preprocess"])])
def test_a_decision_makes_again_what_depends_on_it(shoot: Doubtful, action: Action, again: list[str]) -> None:
    assert made_again(shoot)[0] == ["crawl", "filter", "preprocess"]
    assert made_again(shoot)[0] == []
    row = shoot.crawl().iloc[0]
    subject = Subject(row["photo"], row["label"])
    review_log.add(shoot.data, [Decision(subject, action)])
    found, new = made_again(shoot)
    assert found == again  # to keep what is kept anyway changes nothing below the filter
    assert new == 0 or found == ["filter"]
    review_log.undo(shoot.data, {subject})
    assert made_again(shoot)[0] == []

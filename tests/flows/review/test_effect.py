"""After a changed decision, only the stages that depend on it run again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.crawl import stage as crawl
from tasks.filter import review_log
from tasks.filter import stage as filter
from tasks.filter.review_log import Action, Decision, ReviewKey
from tasks.preprocess import stage as preprocess
from tasks.store.stage import Run
from tests.helpers.pipeline import write_photos
from tests.helpers.review import ReviewFolder


@pytest.fixture
def review_folder(tmp_path: Path) -> ReviewFolder:
    write_photos(tmp_path / "photos", 30)
    return ReviewFolder(tmp_path / "data", tmp_path / "photos")


def stages_run(review_folder: ReviewFolder) -> tuple[list[str], int]:
    """Run three stages; returns those that weren't cached, and the number of computed tiles."""
    with ThreadPoolExecutor(2) as executor:
        run = Run(review_folder.store, executor)
        crawled = run.get_or_build(crawl.STAGE, review_folder.config.crawl)
        filtered = run.get_or_build(filter.STAGE, review_folder.config.filter, photos=crawled.artifact)
        tiled = run.get_or_build(preprocess.STAGE, review_folder.config.preprocess, kept=filtered.artifact)
    stages = {"crawl": crawled, "filter": filtered, "preprocess": tiled}
    return [name for name, outcome in stages.items() if not outcome.cached], tiled.manifest.counts["new"]


@pytest.mark.parametrize(("action", "expected"), [("keep", ["filter"]), ("reject", ["filter", "preprocess"])])
def test_a_decision_runs_again_what_depends_on_it(
    review_folder: ReviewFolder, action: Action, expected: list[str]
) -> None:
    assert stages_run(review_folder)[0] == ["crawl", "filter", "preprocess"]
    assert stages_run(review_folder)[0] == []
    row = review_folder.crawl().iloc[0]
    key = ReviewKey(row["photo"], row["label"])
    review_log.add(review_folder.data, [Decision(key, action)])
    found, new = stages_run(review_folder)
    assert found == expected  # keeping a kept photo changes nothing after the filter
    assert new == 0 or found == ["filter"]
    review_log.undo(review_folder.data, {key})
    assert stages_run(review_folder)[0] == []

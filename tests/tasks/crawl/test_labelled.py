"""Photos of `fluke label` are added to those of a source."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from flows.label.labels import Answer, LabelFiles
from tasks.crawl import stage as crawl
from tasks.store.errors import UserError
from tasks.store.stage import Run
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS
from tests.helpers.review import write_classes


def crawled(home: Path, config: CrawlConfig) -> tuple[list[tuple[str, str, str]], bool]:
    """Run the crawl; returns name, class and source of each photo, and whether it was cached."""
    with ThreadPoolExecutor(2) as executor:
        made = Run(Store(home / "data"), executor).get_or_build(crawl.STAGE, config)
    table = PHOTOS.read(Store(home / "data").folder(made.artifact), ["name", "label", "engine"])
    return sorted(table.itertuples(index=False, name=None)), made.cached


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_classes(tmp_path / "photos", {"cat": 2, "dog": 2})
    write_classes(tmp_path / "more", {"": 3}, side_px=80)
    return tmp_path


def config(home: Path) -> CrawlConfig:
    return CrawlConfig(path=home / "photos", labelled=home / "more" / "labels.csv")


def test_labels_are_in_the_next_run_also_of_a_new_class(home: Path) -> None:
    files = LabelFiles(home / "more" / "labels.csv")
    files.answer("0.jpg", Answer("label", "cat"), None)
    files.answer("1.jpg", Answer("none"), None)
    rows, _ = crawled(home, config(home))
    assert [row for row in rows if row[2] == "label"] == [("0.jpg", "cat", "label")]
    assert len(rows) == 5
    files.answer("2.jpg", Answer("label", "=새"), None)
    rows, cached = crawled(home, config(home))
    assert not cached
    assert ("2.jpg", "=새", "label") in rows
    assert crawled(home, config(home))[1]


def test_a_photo_of_the_source_counts_in_the_class_chosen_by_hand(home: Path) -> None:
    (home / "more" / "copy.jpg").write_bytes((home / "photos" / "cat" / "0.jpg").read_bytes())
    LabelFiles(home / "more" / "labels.csv").answer("copy.jpg", Answer("label", "dog"), None)
    rows, _ = crawled(home, config(home))
    assert [(name, label) for name, label, _ in rows] == [
        ("cat/1.jpg", "cat"), ("copy.jpg", "dog"), ("dog/0.jpg", "dog"), ("dog/1.jpg", "dog")
    ]  # fmt: skip


def test_labels_that_are_not_there_are_an_error_with_the_setting(home: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.labelled: .*labels\.csv: no such file or folder"):
        crawled(home, config(home))

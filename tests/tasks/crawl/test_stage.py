"""The crawl stage: its tables, its cache, and the demo."""

import dataclasses
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from configs.load import load
from configs.schema import CrawlConfig
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.crawl.demo.photos import planted_defects
from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.result import PhotoRow
from tasks.filter import stage as filter
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store

pytestmark = pytest.mark.usefixtures("any_bytes_are_photos")

COLUMNS = (
    "photo file label group given_split name url page engine keyword rank licence author width_px height_px bytes "
    "fetched_at"
)

AT_THE_CRAWL = {"same photo at another URL": "duplicate", "not a picture": "web page"}
"""The crawl's names for the filter's reasons."""


def row(label: str = "cat", rank: int = 1, name: str = "a.jpg", url: str | None = None) -> PhotoRow:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    photo = StoredPhoto("0" * 64, "00/a.jpg", 3, None, None, 200, None, day)
    return PhotoRow.of(photo, label=label, name=name, url=url, engine="folder", rank=rank)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "in" / label / f"{number}.jpg").write_bytes(f"{label} {number}".encode())
    return tmp_path


def get_or_build(home: Path, config: CrawlConfig, **how: object) -> Outcome:
    with ThreadPoolExecutor(2) as executor:
        return Run(Store(home / "data"), executor, **how).get_or_build(crawl.STAGE, config)


def test_neither_the_order_nor_the_time_of_downloads_changes_the_table_or_its_digest() -> None:
    rows = [row("cat", 1), row("cat", 2), row("dog", 1, "a.jpg", "u1"), row("dog", 1, "a.jpg", "u2")]
    assert crawl.sort_rows(reversed(rows)) == rows
    later = [dataclasses.replace(row, fetched_at=datetime(2025, 1, 1, tzinfo=UTC)) for row in rows]
    assert crawl.content_digest(later) == crawl.content_digest(rows)
    assert crawl.content_digest(rows[:3]) != crawl.content_digest(rows)


def test_the_table_has_a_type_for_each_column_even_if_all_values_are_missing() -> None:
    frame = tables.crawl.PHOTOS.to_arrow(crawl.table_rows([row()], "photos")).to_pandas()
    assert frame.loc[0, "file"] == "photos/00/a.jpg"
    assert frame["rank"].dtype == "int64"
    assert frame["fetched_at"].dt.tz is not None
    assert frame["licence"].isna().all()


def test_the_table_refers_to_stored_photos(home: Path) -> None:
    made = get_or_build(home, CrawlConfig(path=home / "in"))
    store = Store(home / "data")
    frame = tables.crawl.PHOTOS.read(store.folder(made.artifact))
    assert list(frame.columns) == [*COLUMNS.split(), "status", "etag"]
    assert [(store.root / file).read_bytes().decode() for file in frame["file"]] == [
        f"{label} {number}" for label in ("cat", "dog") for number in range(3)
    ]
    assert made.manifest.counts == {"photos": 6, "classes": 2, "other files": 0}
    assert set(Manifest.read(store.folder(made.artifact)).refs) == set(frame["file"])


def test_a_copy_is_counted_apart_so_that_what_the_filter_keeps_and_rejects_adds_up(home: Path) -> None:
    (home / "in" / "dog" / "copy.jpg").write_bytes(b"cat 0")
    made = get_or_build(home, CrawlConfig(path=home / "in"))
    assert made.manifest.counts == {"photos": 6, "exact copies": 1, "classes": 2, "other files": 0}
    assert len(tables.crawl.PHOTOS.read(Store(home / "data").folder(made.artifact))) == 6 + 1


def test_an_unchanged_folder_is_cached_and_a_changed_one_is_crawled_again(home: Path) -> None:
    config = CrawlConfig(path=home / "in")
    first = get_or_build(home, config)
    assert get_or_build(home, config).cached
    (home / "in" / "cat" / "3.jpg").write_bytes(b"cat 3")
    second = get_or_build(home, config)
    assert not second.cached
    assert second.manifest.counts["photos"] == 7
    assert (
        get_or_build(home, config, fresh=["crawl"]).artifact.digest == second.artifact.digest != first.artifact.digest
    )


def test_a_photo_damaged_in_the_store_is_read_again(home: Path) -> None:
    config = CrawlConfig(path=home / "in")
    first = get_or_build(home, config)
    photo = next(iter(Manifest.read(Store(home / "data").folder(first.artifact)).refs))
    (home / "data" / photo).write_bytes(b"cut")
    second = get_or_build(home, config)
    assert not second.cached
    assert second.artifact.digest == first.artifact.digest
    assert (home / "data" / photo).read_bytes().startswith(b"cat")


def test_classes_that_look_alike_are_a_note(home: Path) -> None:
    for name in ("Cat", "cat ", "c\u200bat"):
        (home / "in" / name).mkdir()
        (home / "in" / name / "1.jpg").write_bytes(name.encode())
    made = get_or_build(home, CrawlConfig(path=home / "in"))
    assert made.manifest.counts["classes"] == 5
    assert made.manifest.notes == (
        "classes whose names look alike stay separate: 'Cat' (1 photo), 'cat' (3 photos), 'cat␣' (1 photo), "
        "'c\\u200bat' (1 photo); if they are one class, give them one name",
    )


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_the_same_in_both_unicode_forms(home: Path, form: str) -> None:
    for label in ("유리", "Müll"):
        folder = home / form / unicodedata.normalize(form, label)
        folder.mkdir(parents=True)
        (folder / unicodedata.normalize(form, "é.jpg")).write_bytes(label.encode())
    made = get_or_build(home, CrawlConfig(path=home / form))
    frame = tables.crawl.PHOTOS.read(Store(home / "data").folder(made.artifact))
    assert frame["label"].tolist() == ["Müll", "유리"]
    assert frame["name"].tolist() == ["Müll/é.jpg", "유리/é.jpg"]


def test_an_unknown_source_is_rejected_with_the_most_similar_name() -> None:
    with pytest.raises(UserError, match="did you mean folder"):
        crawl.external_inputs(CrawlConfig(sources="foldr"), Path())


@pytest.mark.slow
def test_crawl_and_filter_find_every_planted_defect_of_the_demo_and_nothing_else(tmp_path: Path) -> None:
    config = load("demo", ["crawl.port=18766"])
    store = Store(tmp_path)
    with ThreadPoolExecutor(2) as executor:
        run = Run(store, executor)
        photos = run.get_or_build(crawl.STAGE, config.crawl)
        kept = run.get_or_build(filter.STAGE, config.filter, photos=photos.artifact)
    rejected = tables.filter.REJECTED.read(store.folder(kept.artifact))
    dropped = tables.crawl.DROPPED.read(store.folder(photos.artifact))
    dropped["name"] = dropped["url"].str.rpartition("/")[2]
    unwanted = pd.concat([dropped.replace(AT_THE_CRAWL), rejected])
    for defect in planted_defects():
        found = unwanted[
            unwanted["name"].isin([defect.name, defect.duplicate_of]) & (unwanted["label"] == defect.label)
        ]
        assert defect.kind in set(found["reason"]), defect
    names = {defect.name for defect in planted_defects()} | {defect.duplicate_of for defect in planted_defects()}
    assert set(unwanted["name"]) <= names
    assert 1000 < kept.manifest.counts["kept"] < photos.manifest.counts["photos"]


@pytest.mark.parametrize("source", ["bing", "site", "gallery"])
def test_a_changed_file_of_keywords_changes_the_external_inputs(tmp_path: Path, source: str) -> None:
    file = tmp_path / "keywords.txt"
    config = CrawlConfig(sources=source, keywords=file)
    file.write_text("a: http://host/a\nb: http://host/b\n")
    before = crawl.external_inputs(config, tmp_path)
    file.write_text("a: http://host/a\nb: http://host/b, http://host/c\n")
    assert crawl.external_inputs(config, tmp_path) != before


def test_a_folder_has_the_same_key_however_its_path_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("photos/cat", "photos/dog", "elsewhere/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("cat/1.jpg", "dog/1.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"photo")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "deep")

    def key(path: str) -> str:
        return crawl.STAGE.cache_key(Store(tmp_path / "data"), CrawlConfig(path=Path(path)), {}).digest

    monkeypatch.chdir(tmp_path)
    whole = key(str(tmp_path / "photos"))
    assert key("photos") == key("./photos") == key("elsewhere/../photos") == whole
    assert key("link/../../photos") == whole  # the disk's .., not the text's
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert key("../photos") == whole
    assert CrawlConfig(path=Path("../photos")).model_dump(mode="json")["path"] == "../photos"  # as it was typed

"""Folders that are split already, through crawl and filter, on two nights."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import CrawlConfig, FilterConfig
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.filter import stage as filter
from tasks.store.stage import Run
from tasks.store.store import Store
from tests.helpers.filtering import jpeg


def write(folder: Path, counts: dict[str, int], start: int = 0) -> None:
    """Write so many photos of each part and class; different starts give different photos."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, label in enumerate(("glass", "metal")):
        for j, (part, count) in enumerate(counts.items()):
            for number in range(count):
                path = folder / part / label / f"{start + number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(jpeg(start * 10_000 + i * 1000 + j * 100 + number))


def kept(root: Path, **settings: object) -> pd.DataFrame:
    store = Store(root / "data")
    with ThreadPoolExecutor(2) as executor:
        run = Run(store, executor)
        photos = run.get_or_build(crawl.STAGE, CrawlConfig(path=root / "photos", **settings))
        found = run.get_or_build(filter.STAGE, FilterConfig(), photos=photos.artifact)
    table = tables.filter.KEPT.read(store.folder(found.artifact))
    return table.assign(folder=table["name"].str.split("/").str[0])


@pytest.mark.parametrize("parts", [("train", "val", "test"), ("Training", "valid", "Testing")])
def test_the_folders_are_the_split_on_every_night(tmp_path: Path, parts: tuple[str, str, str]) -> None:
    meant = dict(zip(parts, ("train", "val", "test"), strict=True))
    for night in range(2):
        write(tmp_path / "photos", dict(zip(parts, (9, 3, 4), strict=True)), start=100 * night)
        table = kept(tmp_path)
        assert len(table) == 32 * (night + 1)
        assert set(table["label"]) == {"glass", "metal"}
        assert (table["split"] == table["folder"].map(meant)).all()


def test_without_a_validation_folder_test_photos_still_are_the_test(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"train": 20, "test": 4})
    table = kept(tmp_path)
    assert (table.loc[table["folder"] == "test", "split"] == "test").all()
    assert set(table.loc[table["folder"] == "train", "split"]) == {"train", "val"}


def test_ignore_splits_the_classes_anew(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"train": 12, "val": 4, "test": 4})
    table = kept(tmp_path, split="ignore")
    assert set(table["label"]) == {"glass", "metal"}
    assert set(table.loc[table["folder"] == "test", "split"]) != {"test"}

"""Photos of unusual tasks: no class vanishes, the settings are named, and they do what the messages say."""

import re
from pathlib import Path

import pytest
import yaml

from configs.schema import FilterConfig
from tasks.store.errors import UserError
from tests.helpers import unusual_photos as unusual
from tests.helpers.filtering import CrawledPhotos

pytestmark = pytest.mark.slow  # hundreds of photos


def crawl(root: Path, rows: unusual.Rows) -> CrawledPhotos:
    crawled = CrawledPhotos(root)
    for label, data in rows:
        crawled.add(label, data)
    return crawled


def named_setting(message: str, name: str) -> FilterConfig:
    """Make a config with a setting as a message says; the current value comes before."""
    values = re.findall(rf"filter\.{name}=(\w+)", message)
    assert values, message
    return FilterConfig(**{name: yaml.safe_load(values[-1])})


CHECKS = {
    "nights": (unusual.nights, "too dark", "night (12 of 12)", "dark_level"),
    "stars": (unusual.stars, "too dark", "stars (15 of 15)", "dark_level"),
    "scans": (unusual.scans, "too light", "form (14 of 14), letter (14 of 14)", "light_level"),
    "cells": (unusual.cells, "uniform", "healthy (14 of 14), infected (14 of 14)", "min_contrast"),
    "x-rays": (unusual.xrays, "blurred", "fracture (12 of 12), normal (12 of 12)", "min_sharpness"),
    "panoramas": (unusual.panoramas, "odd aspect", "hills (12 of 12), sea (12 of 12)", "min_aspect"),
    "icons": (unusual.icons, "too small", "off (12 of 12), on (12 of 12)", "min_side_px"),
    "turns": (unusual.turns, "two classes", "turn_left (14 of 14), turn_right (14 of 14)", "mirrored"),
    "albums": (unusual.albums, "two classes", "beach (20 of 20), sunset (20 of 20)", "drop_contradictions"),
    "bursts": (unusual.bursts, "near duplicate", "a (4 of 8)", "drop_near_duplicates"),
}


@pytest.mark.parametrize("case", CHECKS)
def test_what_a_check_would_reject_too_much_of_is_doubtful_and_the_named_setting_accepts_it(
    case: str, tmp_path: Path
) -> None:
    make, reason, classes, setting = CHECKS[case]
    rows = make()
    crawled = crawl(tmp_path, rows)
    kept, rejected, _ = crawled.filter()
    assert len(kept) == len(rows)
    assert rejected.empty
    assert kept.groupby("group")["split"].nunique().max() == 1
    assert set(kept.loc[kept["split"] == "test", "label"]) == {label for label, _ in rows}
    message = next(note for note in crawled.notes if reason in note)
    assert crawled.notes.index(message) == 0  # above everything else
    assert "kept as doubtful" in message
    assert classes in message
    accepted, _, _ = crawled.filter(named_setting(message, setting))
    assert len(accepted) == len(rows)
    assert not any("doubtful" in note for note in crawled.notes)
    try:
        _, rejected, _ = crawled.filter(named_setting(message, "max_rejected"))
        said = " ".join(rejected["reason"])
    except UserError as error:  # less than two classes are left
        said = str(error)
    assert reason in said


@pytest.mark.parametrize("make", [unusual.traffic_lights, unusual.parking_lot, unusual.gauges])
def test_a_camera_that_does_not_move(make, tmp_path: Path) -> None:
    """All photos look alike: the message says that they are one group, and the setting that it names separates them."""
    rows = make()
    crawled = crawl(tmp_path, rows)
    for settings in ({}, {"drop_contradictions": False, "drop_near_duplicates": False}):
        with pytest.raises(UserError, match=r"no photo is left for the test: .* photos are one group") as error:
            crawled.filter(FilterConfig(**settings))
        assert "add photos" not in str(error.value)
    kept, rejected, _ = crawled.filter(named_setting(str(error.value), "duplicate_bits"))
    assert len(kept) == len(rows)
    assert rejected.empty
    assert set(kept.loc[kept["split"] == "test", "label"]) == {label for label, _ in rows}
    assert crawled.notes == []


@pytest.mark.parametrize("printed", [True, False])
def test_photos_that_differ_only_in_colour_are_not_near_duplicates(printed: bool, tmp_path: Path) -> None:
    rows = unusual.colour_cards(printed=printed)
    crawled = crawl(tmp_path, rows)
    kept, rejected, _ = crawled.filter()
    assert len(kept) == len(rows)
    assert rejected.empty
    assert not any("two classes" in note for note in crawled.notes)
    assert kept["split"].nunique() == 3


def test_a_class_that_vanishes_is_named_with_the_reason_and_the_setting(tmp_path: Path) -> None:
    crawled = crawl(tmp_path, unusual.nights())
    kept, _, _ = crawled.filter(FilterConfig(max_rejected=1))
    assert set(kept["label"]) == {"glass", "metal"}
    assert crawled.notes == [
        "class night has no photo left (12 too dark (filter.dark_level=null keeps them)), "
        "and the model will not know it"
    ]
    crawled = crawl(tmp_path / "turns", unusual.turns())
    crawled.filter(FilterConfig(max_rejected=1))
    assert "turn_left (14 two classes (as mirror images: filter.mirrored=false keeps them))" in crawled.notes[0]


def test_a_few_bad_photos_are_rejected_as_before(tmp_path: Path) -> None:
    dark = [("glass", unusual.encode(unusual.scene(seed).point(lambda level: level // 6))) for seed in range(300, 304)]
    copies = [("metal", unusual.encode(unusual.scene(100 + seed), quality=60)) for seed in range(4)]
    crawled = crawl(tmp_path, [*unusual.scenes("glass", 12, 0), *unusual.scenes("metal", 12, 100), *dark, *copies])
    kept, rejected, counts = crawled.filter()
    assert rejected["reason"].value_counts().to_dict() == {"too dark": 4, "near duplicate": 4}
    assert len(kept) == 24
    assert "doubtful" not in counts
    assert crawled.notes == []


def test_a_camera_that_does_not_move_with_a_given_split(tmp_path: Path) -> None:
    """All photos are one group, which is in the test: the setting that the message names restores the given split."""
    crawled = crawl(tmp_path, unusual.traffic_lights())
    for number, row in enumerate(crawled.rows):
        row["given_split"] = "test" if number >= 30 else "train"
    with pytest.raises(UserError, match=r"nothing to train on.*40 photos are one group") as error:
        crawled.filter()
    kept, _, _ = crawled.filter(named_setting(str(error.value), "duplicate_bits"))
    given = {row["photo"]: row["given_split"] for row in crawled.rows}
    assert kept.loc[kept["split"] == "test", "photo"].map(given).tolist() == ["test"] * 10
    assert len(kept) == 40

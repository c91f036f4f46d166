"""The splits that earlier versions stored with the filter's pools are taken over."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.filter.memory import split_memory
from tasks.filter.memory.old_split_history import OldSplitHistory
from tasks.filter.memory.split_memory import SplitMemory
from tasks.store import hashing
from tasks.store.errors import UserError
from tests.helpers.filtering import jpeg
from tests.helpers.nights import Nights, Photo, of_seeds

CONFIG = FilterConfig(memory="cats", group_pattern="^([a-z]+)_")


def sha256(seed: int) -> str:
    return hashing.of_bytes(jpeg(seed))


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """A data folder with the file of an earlier version, and statistics of its photos; those of 0 to 2 have left."""
    nights = Nights(tmp_path, [Photo("a", seed, f"{'xyz'[seed]}_1.jpg") for seed in range(3)], CONFIG)
    nights.crawl += of_seeds(range(3, 24))
    nights.run(memory="of another preset")
    old = OldSplitHistory(CONFIG, tmp_path / "pools" / "filter")
    splits = dict.fromkeys(map(sha256, range(24)), "train") | dict.fromkeys(map(sha256, range(6)), "test")
    pd.DataFrame(sorted(splits.items()), columns=["photo", "split"]).to_parquet(old.path)
    old.path.with_suffix(".json").write_text('{"moves": 3}')
    nights.crawl = nights.crawl[3:] + of_seeds(range(30, 40))
    return nights


def old_path(nights: Nights) -> Path:
    return OldSplitHistory(CONFIG, nights.root / "pools" / "filter").path


def test_the_key_is_that_of_earlier_versions(tmp_path: Path) -> None:
    key = hashing.of_value({"val": 0.15, "test": 0.2, "seed": 0})[:24]
    assert OldSplitHistory(FilterConfig(), tmp_path).path.name == f"splits-{key}.parquet"
    key = hashing.of_value({"val": 0.15, "test": 0.2, "seed": 0, "unseen": ["x"]})[:24]
    assert OldSplitHistory(FilterConfig(unseen_classes=("x",)), tmp_path).path.name == f"splits-{key}.parquet"


def test_splits_statistics_and_names_are_taken_over_once(nights: Nights) -> None:
    copy = Photo("a", 0, "copy.jpg", quality=70)
    burst = Photo("a", 100, "y_2.jpg")
    nights.crawl += [copy, burst]
    assert SplitMemory(CONFIG, nights.root).check() == 3
    outcome = nights.run()
    splits = nights.splits(outcome)
    assert {splits[name] for name in ("3.jpg", "4.jpg", "5.jpg", "copy.jpg", "y_2.jpg")} == {"test"}
    assert [note for note in outcome.manifest.notes if "the splits of 24 photos are taken over from" in note]
    nights.crawl += of_seeds(range(40, 42))
    again = nights.run()
    assert not [note for note in again.manifest.notes if "taken over" in note]
    assert splits.items() <= nights.splits(again).items()


@pytest.mark.parametrize("data", [b"", b"PAR1", None])
def test_a_damaged_file_is_refused(nights: Nights, data: bytes | None) -> None:
    if data is None:
        pd.DataFrame({"photo": ["a"], "split": ["exam"]}).to_parquet(old_path(nights))
    else:
        old_path(nights).write_bytes(data)
    with pytest.raises(UserError, match=r"splits-.*damaged.*Restore it.*or delete"):
        nights.run()
    assert not (nights.root / split_memory.FOLDER / "cats" / "seed-0").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"moves": null}'])
def test_a_damaged_count_is_refused(nights: Nights, text: str) -> None:
    old_path(nights).with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match=r"splits-\w+\.json is damaged; delete it"):
        nights.run()
    old_path(nights).with_suffix(".json").unlink()
    assert nights.run()


def test_a_file_of_other_settings_is_named(nights: Nights) -> None:
    outcome = nights.run(test_fraction=0.5)
    notes = [note for note in outcome.manifest.notes if "earlier version" in note]
    assert len(notes) == 1
    assert str(old_path(nights)) in notes[0]


def test_a_forgotten_photo_leaves_the_old_file(nights: Nights) -> None:
    assert split_memory.forget(nights.root, [sha256(7)]) == 2  # and the memory of the other preset
    left = pd.read_parquet(old_path(nights))
    assert sha256(7) not in set(left["photo"])
    assert len(left) == 23
    assert json.loads(old_path(nights).with_suffix(".json").read_text()) == {"moves": 3}


@pytest.mark.slow
def test_groups_of_another_preset_with_the_same_names_are_not_taken_over(nights: Nights) -> None:
    mine = [replace(photo, group="1") if photo.seed in (6, 8) else photo for photo in nights.crawl]
    nights.crawl = [replace(photo, group="1") for photo in of_seeds(range(200, 204))] + of_seeds(range(204, 224))
    nights.run(memory="of a third preset")
    splits = pd.read_parquet(old_path(nights))
    theirs = pd.DataFrame([(sha256(seed), "test") for seed in range(200, 224)], columns=["photo", "split"])
    pd.concat([splits, theirs]).to_parquet(old_path(nights))
    nights.crawl = mine
    outcome = nights.run()
    assert {nights.splits(outcome)[name] for name in ("6.jpg", "8.jpg")} == {"train"}
    assert "leaks fixed" not in outcome.manifest.counts

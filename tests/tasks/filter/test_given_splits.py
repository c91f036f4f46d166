"""Splits that come with the photos: honoured on every night, with a line for each exception."""

from collections import Counter
from pathlib import Path

import pytest

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter.given_splits import GivenSplits
from tests.helpers.filtering import CrawledPhotos, jpeg


class SplitPhotos(CrawledPhotos):
    """Crawled photos with a given split."""

    def add_split(self, split: str | None, label: str, data: bytes) -> str:
        photo = self.add(label, data, f"{split}/{label}/{len(self.rows)}.jpg")
        self.rows[-1]["given_split"] = split
        return photo

    def splits(self, config: FilterConfig | None = None) -> dict[str, str]:
        """Run the filter; returns the split of each kept photo."""
        kept, _, _ = self.filter(config)
        return dict(zip(kept["photo"], kept["split"], strict=True))

    def give(self, photo: str, split: str | None) -> None:
        for row in self.rows:
            if row["photo"] == photo:
                row["given_split"] = split


@pytest.fixture
def presplit(tmp_path: Path) -> SplitPhotos:
    """Two classes with 10 train, 2 val and 4 test photos each."""
    made = SplitPhotos(tmp_path)
    seed = 0
    for label in "ab":
        for split, count in (("train", 10), ("val", 2), ("test", 4)):
            for _ in range(count):
                made.add_split(split, label, jpeg(seed))
                seed += 1
    return made


def given(photos: CrawledPhotos) -> dict[str, object]:
    return {str(row["photo"]): row["given_split"] for row in photos.rows}


def of(photos: CrawledPhotos, split: str) -> list[str]:
    return [str(row["photo"]) for row in photos.rows if row["given_split"] == split]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "fluke.stage"]


def test_the_given_split_is_used_on_every_night(presplit: SplitPhotos, caplog: pytest.LogCaptureFixture) -> None:
    assert presplit.splits() == given(presplit)
    for seed, split in enumerate(("train", "val", "test"), start=100):
        presplit.add_split(split, "a", jpeg(seed))
    assert presplit.splits() == given(presplit)
    assert not warnings(caplog)
    text = tables.shared.SUMMARY.path(presplit.root / "out1").read_text(encoding="utf-8")
    assert "The split was given with the photos: train 21, val 5, test 9." in text


def test_a_missing_validation_is_dealt_from_train(presplit: SplitPhotos) -> None:
    for photo in of(presplit, "val"):
        presplit.give(photo, "train")
    first = presplit.splits()
    assert {photo for photo, split in first.items() if split == "test"} == set(of(presplit, "test"))
    assert Counter(first.values()) == {"train": 20, "val": 4, "test": 8}
    new = [presplit.add_split("train", "a", jpeg(seed)) for seed in range(100, 130)]
    second = presplit.splits()
    assert first.items() <= second.items()
    assert set(Counter(second[photo] for photo in new)) == {"train", "val"}


def test_a_missing_test_is_dealt_from_train(presplit: SplitPhotos) -> None:
    for photo in of(presplit, "test"):
        presplit.give(photo, "train")
    first = presplit.splits()
    assert {photo for photo, split in first.items() if split == "val"} == set(of(presplit, "val"))
    tested = {photo for photo, split in first.items() if split == "test"}
    assert tested < set(of(presplit, "train"))
    assert len(tested) == pytest.approx(6, abs=2)
    presplit.add_split("train", "b", jpeg(100))
    assert first.items() <= presplit.splits().items()


def test_a_missing_train_is_dealt_from_validation(presplit: SplitPhotos) -> None:
    for photo in of(presplit, "train"):
        presplit.give(photo, "val")
    splits = presplit.splits()
    assert {photo for photo, split in splits.items() if split == "test"} == set(of(presplit, "test"))
    assert {split for photo, split in splits.items() if photo in of(presplit, "val")} == {"train", "val"}


def test_only_train_is_given(presplit: SplitPhotos) -> None:
    for photo in given(presplit):
        presplit.give(photo, "train")
    assert set(presplit.splits().values()) == {"train", "val", "test"}


def test_photos_without_a_given_split_are_dealt_as_usual(presplit: SplitPhotos) -> None:
    before = given(presplit)
    new = [presplit.add_split(None, "a", jpeg(seed)) for seed in range(100, 140)]
    splits = presplit.splits()
    assert before.items() <= splits.items()
    assert set(Counter(splits[photo] for photo in new)) == {"train", "val", "test"}


def test_a_copy_of_a_test_photo_in_train_goes(presplit: SplitPhotos, caplog: pytest.LogCaptureFixture) -> None:
    number = next(i for i, row in enumerate(presplit.rows) if row["given_split"] == "test")
    tested = str(presplit.rows[number]["photo"])
    larger = presplit.add_split("train", "a", jpeg(number, (160, 160)))
    same = presplit.add("a", jpeg(number), "train/a/same.jpg")
    presplit.rows[-1]["given_split"] = "train"
    kept, rejected, _ = presplit.filter()
    assert same == tested
    assert kept.set_index("photo")["split"][tested] == "test"
    assert kept.set_index("photo")["name"][tested].startswith("test/")
    assert set(rejected["reason"]) == {"near duplicate", "duplicate"}
    assert rejected.set_index("photo")["split"][larger] == "test"
    (line,) = warnings(caplog)
    assert line.startswith("1 groups of photos that show the same, or that belong together, are in several parts")
    assert "train/a/32.jpg = test/a/12.jpg" in line
    assert "2 photos are not used as given" in line


@pytest.mark.parametrize("column", ["group", "page"])
def test_a_group_across_the_parts_is_held_out_and_said(
    presplit: SplitPhotos, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    trained, validated, tested = (of(presplit, split)[0] for split in ("train", "val", "test"))
    for row in presplit.rows:
        row[column] = "one" if row["photo"] in (trained, validated, tested) else None
    splits = presplit.splits()
    assert {splits[photo] for photo in (trained, validated, tested)} == {"test"}
    (line,) = warnings(caplog)
    assert "train/a/0.jpg = val/a/10.jpg = test/a/12.jpg" in line
    assert "2 photos are not used as given" in line


@pytest.mark.slow
def test_a_photo_that_was_ever_tested_is_never_trained_on(
    presplit: SplitPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    presplit.splits()
    tested = of(presplit, "test")[0]
    presplit.give(tested, "val")
    assert presplit.splits()[tested] == "val"
    assert not warnings(caplog)
    presplit.give(tested, "train")
    for _ in range(2):
        caplog.clear()
        assert presplit.splits()[tested] == "test"
        (line,) = warnings(caplog)
        assert line.startswith("1 photo is not used as given, but in the test or validation, because")
        assert line.endswith("test/a/12.jpg; set another filter.seed to begin anew")
    assert presplit.splits(FilterConfig(seed=1))[tested] == "train"


def test_a_given_split_counts_more_than_an_earlier_one(presplit: SplitPhotos) -> None:
    wanted = given(presplit)
    for photo in wanted:
        presplit.give(photo, None)
    dealt = presplit.splits()  # crawl.split=ignore
    for photo, split in wanted.items():
        presplit.give(photo, str(split))
    splits = presplit.splits()
    for photo, split in wanted.items():
        assert splits[photo] == ("test" if split == "train" and dealt[photo] == "test" else split)


def test_photos_of_a_test_list_and_of_unseen_classes_are_moved_without_a_line(
    presplit: SplitPhotos, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listed = of(presplit, "train")[0]
    for seed in range(200, 206):
        presplit.add_split("train", "new", jpeg(seed))
    (tmp_path / "list.csv").write_text(f"photo\n{listed}\n")
    kept, _, _ = presplit.filter(FilterConfig(test_list=tmp_path / "list.csv", unseen_classes=("new",)))
    assert kept.set_index("photo")["split"][listed] == "test"
    assert set(kept.loc[kept["label"] == "new", "split"]) == {"val", "test"}
    assert not warnings(caplog)


def test_fractions_that_are_not_used_are_said_if_they_were_set(
    presplit: SplitPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    presplit.splits(FilterConfig(val_fraction=0.3))
    assert warnings(caplog) == ["filter.val_fraction=0.3 is not used, because the val photos are given (crawl.split)"]


def test_old_tables_without_the_column_have_no_given_split(crawled: CrawledPhotos) -> None:
    kept, _, _ = crawled.filter()
    assert set(kept["split"]) == {"train", "val", "test"}
    assert not GivenSplits([None, None]).present

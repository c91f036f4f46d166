"""Drift that was planted in features and qualities is found where it is, and none where there is none."""

import numpy as np
import pandas as pd
import pytest

from flows.nights import drift
from tasks.evaluate.findings import Compared
from tasks.inference.arrays import Floats

CLASSES = ("cat", "dog", "eel")
LEVEL = 0.02


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def night(
    seed: int = 0, *, new: int = 12, strange: tuple[str, ...] = (), share: float = 1.0, brightness: float = 0
) -> list[Compared]:
    """Compare new photos of three classes with 60 known ones each.

    Args:
        seed: Draws the photos.
        new: New photos of each class.
        strange: Classes whose new photos have the content of another.
        share: How many of them.
        brightness: What is added to the brightness of the new ones.
    """
    values = rng(seed)
    centres = rng(99).normal(size=(len(CLASSES) + 1, 64))
    labels, is_new, features, bright = [], [], [], []
    for number, label in enumerate(CLASSES):
        for photo in range(60 + new):
            late = photo >= 60
            other = late and label in strange and photo - 60 < share * new
            labels.append(label)
            is_new.append(late)
            features.append(values.normal(size=64) * 2 + centres[-1 if other else number])
            bright.append(values.normal(0.5, 0.1) + brightness * late)
    qualities = {"brightness": np.array(bright), "sharpness": values.lognormal(size=len(labels))}
    return drift.compare(labels, np.array(is_new), np.array(features), qualities, None, level=LEVEL)


def drifted(rows: list[Compared]) -> list[str]:
    return [row.what for row in rows if row.drifted]


def test_photos_like_the_old_ones_are_no_drift() -> None:
    rows = night()
    assert [row.what for row in rows] == [
        "class 'cat'",
        "class 'dog'",
        "class 'eel'",
        "all classes together",
        "brightness",
        "sharpness",
    ]
    assert drifted(rows) == []
    assert {(row.trained_on, row.new) for row in rows[:3]} == {(60, 12)}
    assert drift.sentence(rows, "R") == ""


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    assert sum(bool(drifted(night(seed, new=6))) for seed in range(25)) <= 3  # more: 0.1 % at 2 %


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_class_with_another_content_is_named(share: float) -> None:
    rows = night(strange=("dog",), share=share)
    assert "class 'dog'" in drifted(rows)
    assert not {"class 'cat'", "class 'eel'", "brightness"} & set(drifted(rows))
    assert drift.sentence(rows, "R").startswith("the new photos are not like those that run R was trained on: class")


def test_another_source_of_few_photos_in_each_class_is_found_by_all_together() -> None:
    rows = night(new=3, strange=CLASSES)
    assert drifted(rows) == ["all classes together"]
    assert [row.kind for row in rows] == ["all classes", "quality", "quality"]


def test_darker_photos_are_named_with_the_medians() -> None:
    rows = night(brightness=-0.2)
    assert drifted(rows) == ["brightness"]
    assert "brightness (median 0.275, was 0.506)" in drift.sentence(rows, "R")
    assert "| brightness | 180 | 36 |" in drift.table(rows)


def counts(old: list[int], new: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"old": old, "new": new}, index=["cat", "dog", "eel"][: len(old)])


def shares(old: list[int], new: list[int]) -> list[Compared]:
    nothing: Floats = np.empty((0, 4))
    return drift.compare([], np.empty(0, bool), nothing, {}, counts(old, new), level=LEVEL)


def test_shares_of_classes_are_compared_and_the_largest_change_is_named() -> None:
    assert drifted(shares([50, 50, 50], [7, 5, 6])) == []
    [row] = shares([50, 50, 50], [0, 1, 20])
    assert row.drifted
    assert "'eel' 95.2" in row.detail
    assert "was 33.3" in row.detail


def test_a_new_class_is_no_change_of_shares() -> None:
    assert drifted(shares([50, 50, 0], [5, 5, 40])) == []


def test_shares_are_not_compared_if_only_a_new_class_has_new_photos_or_only_one_class_was_known() -> None:
    assert shares([50, 50, 0], [0, 0, 40]) == []
    assert shares([50, 0], [5, 40]) == []


def photos(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Photos: label, group, and old, new or known (but not trained on)."""
    frame = pd.DataFrame(rows, columns=["label", "group", "kind"])
    frame["photo"] = [f"{number:03d}" for number in range(len(frame))]
    return frame.assign(is_old=frame["kind"] == "old", is_new=frame["kind"] == "new")


def test_a_group_counts_once_and_a_new_photo_in_a_known_group_is_nothing_new() -> None:
    chosen = drift.representatives(
        photos(
            *[("cat", "burst", "old")] * 5,
            ("cat", "a", "old"),
            ("cat", "burst", "new"),
            *[("cat", "b", "new")] * 4,
            ("cat", "test", "known"),
            ("cat", "test", "new"),
        ),
        rng(),
    )
    assert sorted(zip(chosen["group"], chosen["is_new"], strict=True)) == [("a", False), ("b", True), ("burst", False)]


def test_classes_without_old_or_new_photos_are_left_out_and_large_ones_are_sampled() -> None:
    rows = [("cat", str(number), "old" if number < 1000 else "new") for number in range(1300)]
    rows += [("dog", f"d{number}", "new") for number in range(9)] + [
        ("eel", f"e{number}", "old") for number in range(9)
    ]
    chosen = drift.subsample(photos(*rows), rng())
    assert chosen.groupby(["label", "is_new"]).size().to_dict() == {("cat", False): 200, ("cat", True): 200}
    assert drift.subsample(photos(*rows[-9:]), rng()).empty

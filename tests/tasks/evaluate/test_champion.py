"""Whether the champion is compared, and on which photos."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.champion import compare_with, find_champion
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.store import Store
from tests.helpers import stored_tables

CONFIG = EvaluateConfig(bootstrap=100)
LABELS = ["cat", "cat", "dog", "dog"]


def answers(labels: list[str], predicted: list[str], *, split: str = "test", start: int = 0) -> pd.DataFrame:
    """Make a table of predictions for numbered photos."""
    photos = [f"photo {number}" for number in range(start, start + len(labels))]
    right = [label == answer for label, answer in zip(labels, predicted, strict=True)]
    found = pd.DataFrame({"photo": photos, "label": labels, "predicted": predicted, "split": split, "group": photos})
    return found.assign(rank=[1 if each else 2 for each in right], loss=[0.1 if each else 2.0 for each in right])


def evaluated(root: Path, classifier: str, predictions: pd.DataFrame, version: int = 3) -> Artifact:
    """Publish an evaluation."""
    store, parent = Store(root), Artifact(stage="train", key=classifier.replace(" ", "-"), digest=classifier)
    cache_key = CacheKey(stage="evaluate", version=version, config={}, parents={"classifier": parent})

    def build(out: Path) -> Result:
        stored_tables.write(tables.evaluate.PREDICTIONS, predictions.drop(columns="group"), out)
        return Result({"photos": len(predictions)})

    return store.publish(cache_key, "source", build)


def test_the_champion_is_compared_although_others_are_newer(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    made = {name: evaluated(tmp_path, name, test) for name in ("champion", "refused", "today")}
    found = find_champion(tmp_path, 3, "today", test, made["champion"])
    assert found is not None
    assert found.key == made["champion"].key
    assert find_champion(tmp_path, 3, "today", test, None) is None


def test_what_cannot_be_compared_with_isnt(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    same = evaluated(tmp_path, "today", test)
    earlier = evaluated(tmp_path, "of an earlier version", test, version=2)
    others = evaluated(tmp_path, "of other photos", answers(LABELS, LABELS, start=3))
    cut, gone = evaluated(tmp_path, "cut", test), evaluated(tmp_path, "gone", test)
    path = tables.evaluate.PREDICTIONS.path(Store(tmp_path).folder(cut))
    path.write_bytes(path.read_bytes()[:100])
    shutil.rmtree(Store(tmp_path).folder(gone))
    for champion in (same, earlier, others, cut, gone):
        assert find_champion(tmp_path, 3, "today", test, champion) is None


def test_only_test_photos_of_both_with_the_same_class_are_compared(tmp_path: Path) -> None:
    """One photo was in validation, one has another class since a review, one is new."""
    theirs = pd.concat(
        [
            answers(["cat"], ["cat"], split="val"),
            answers(["cat", "cat", "dog", "dog"], ["cat", "cow", "dog", "cat"], start=1),
        ]
    )
    yesterday = evaluated(tmp_path, "yesterday", theirs)
    today = answers(["cat", "cat", "dog", "dog", "dog", "new"], ["cat", "cat", "dog", "dog", "dog", "new"])
    found = find_champion(tmp_path, 3, "today", today, yesterday)
    assert found is not None
    assert found.predictions["photo"].tolist() == ["photo 1", "photo 3", "photo 4"]
    shuffled = today.sort_values("photo", ascending=False)
    measured = compare_with(found, shuffled, CONFIG)
    assert measured["photos"] == 3
    accuracy = measured["scores"]["accuracy"]
    assert accuracy["value"] == 1
    assert accuracy["against"]["champion"]["value"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_photo_of_two_classes_is_compared_for_each_class_once(tmp_path: Path) -> None:
    both = answers(["cat", "dog", "dog"], ["cat"] * 3).assign(photo="the same")
    yesterday = evaluated(tmp_path, "yesterday", both)
    found = find_champion(tmp_path, 3, "today", both, yesterday)
    assert found is not None
    measured = compare_with(found, both, CONFIG)
    assert measured["photos"] == 2
    assert measured["scores"]["accuracy"]["value"] == 0.5

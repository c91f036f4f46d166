"""Which earlier evaluation is compared, and on which photos."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import previous_model
from tasks.store.manifest import Artifact, CacheKey, Manifest, Result
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


def evaluated(
    root: Path, classifier: str, predictions: pd.DataFrame, version: int = 3, *, of_ablation: bool = False
) -> Path:
    """Publish an evaluation; returns its folder."""
    store, parent = Store(root), Artifact(stage="train", key=classifier.replace(" ", "-"), digest=classifier)
    cache_key = CacheKey(
        stage="evaluate",
        version=version,
        config={},
        parents={"classifier": parent},
        external_inputs={previous_model.OF_ABLATION: 1} if of_ablation else {},
    )

    def build(out: Path) -> Result:
        stored_tables.write(tables.PREDICTIONS, predictions.drop(columns="group"), out)
        return Result({"photos": len(predictions)})

    return store.folder(store.publish(cache_key, "source", build))


def test_the_newest_evaluation_of_another_classifier_is_found(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    assert previous_model.find_previous(tmp_path, 3, "today", test) is None
    for classifier in ("old", "new", "today"):
        folder = evaluated(tmp_path, classifier, test)
        if classifier == "new":
            newest = folder
    evaluated(tmp_path, "of an earlier version", test, version=2)
    evaluated(tmp_path, "of other photos", answers(LABELS, LABELS, start=3))
    evaluated(tmp_path, "of an arm that was never a model", test, of_ablation=True)
    found = previous_model.find_previous(tmp_path, 3, "today", test)
    assert found is not None
    assert found.key == newest.name


def test_the_previous_model_is_the_last_one_whatever_the_clock_said(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    for classifier, year in (("before", 2026), ("of a clock a year ahead", 2027), ("yesterday", 2026), ("today", 2026)):
        folder = evaluated(tmp_path, classifier, test)
        Manifest.read(folder).model_copy(update={"made_at": datetime(year, 11, 26, tzinfo=UTC)}).write(folder)
        if classifier == "yesterday":
            yesterday = folder.name
    found = previous_model.find_previous(tmp_path, 3, "today", test)
    assert found is not None
    assert found.key == yesterday


def test_the_model_that_is_used_is_compared_although_others_are_newer(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    made = {name: Manifest.read(evaluated(tmp_path, name, test)).artifact for name in ("used", "refused", "today")}
    other = Manifest.read(evaluated(tmp_path, "of other photos", answers(LABELS, LABELS, start=3))).artifact
    for champion, compared in (("used", "used"), ("today", "refused"), (None, "refused")):
        found = previous_model.find_previous(tmp_path, 3, "today", test, champion and made[champion])
        assert found is not None
        assert found.key == made[compared].key
    found = previous_model.find_previous(tmp_path, 3, "today", test, other)
    assert found is not None
    assert found.key == made["refused"].key


def test_a_damaged_evaluation_is_skipped(tmp_path: Path) -> None:
    test = answers(LABELS, LABELS)
    valid = evaluated(tmp_path, "valid", test)
    for damaged in ("cut", "gone"):
        path = tables.PREDICTIONS.path(evaluated(tmp_path, damaged, test))
        path.write_bytes(path.read_bytes()[:100]) if damaged == "cut" else path.unlink()
    found = previous_model.find_previous(tmp_path, 3, "today", test)
    assert found is not None
    assert found.key == valid.name


def test_only_test_photos_of_both_with_the_same_class_are_compared(tmp_path: Path) -> None:
    """One photo was in validation, one has another class since a review, one is new."""
    theirs = pd.concat(
        [
            answers(["cat"], ["cat"], split="val"),
            answers(["cat", "cat", "dog", "dog"], ["cat", "cow", "dog", "cat"], start=1),
        ]
    )
    evaluated(tmp_path, "yesterday", theirs)
    today = answers(["cat", "cat", "dog", "dog", "dog", "new"], ["cat", "cat", "dog", "dog", "dog", "new"])
    found = previous_model.find_previous(tmp_path, 3, "today", today)
    assert found is not None
    assert found.predictions["photo"].tolist() == ["photo 1", "photo 3", "photo 4"]
    shuffled = today.sort_values("photo", ascending=False)
    measured = previous_model.compare_with(found, shuffled, CONFIG)
    assert measured["photos"] == 3
    accuracy = measured["scores"]["accuracy"]
    assert accuracy["value"] == 1
    assert accuracy["against"]["champion"]["value"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_photo_of_two_classes_is_compared_for_each_class_once(tmp_path: Path) -> None:
    both = answers(["cat", "dog", "dog"], ["cat"] * 3).assign(photo="the same")
    evaluated(tmp_path, "yesterday", both)
    found = previous_model.find_previous(tmp_path, 3, "today", both)
    assert found is not None
    measured = previous_model.compare_with(found, both, CONFIG)
    assert measured["photos"] == 2
    assert measured["scores"]["accuracy"]["value"] == 0.5

"""The whole pipeline: what the filter removes from the test is scored apart; nothing else depends on it."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks import tables
from tasks.held_out import held_out
from tests.helpers.evaluation import read_metrics
from tests.helpers.exam import Exam
from tests.helpers.pipeline import pretrained, write_photos

pytestmark = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", "network"])
def test_the_exam_is_the_same_with_and_without_photos_that_a_check_removes(tmp_path: Path, kind: str) -> None:
    exam = Exam(tmp_path)
    settings = [f"pretrain.encoder={kind}"]
    if kind == "network":  # frozen, and it learns from train and validation photos
        settings = [*pretrained(tmp_path), "train.recipe=logistic"]
    before = exam.run(*settings)
    exam.add_dark(5)
    after = exam.run(*settings)
    kept = exam.folder(after["filter"])
    removed = tables.filter.REMOVED.read(kept)
    assert len(removed) > 0
    assert set(removed["reason"]) == {"too dark"}
    assert set(removed["photo"]) <= held_out(kept)

    # Nothing is trained on them: not even the same classifier is trained again.
    assert tables.filter.KEPT.read(kept).equals(tables.filter.KEPT.read(exam.folder(before["filter"])))
    for stage in ("pretrain", "train"):
        assert after[stage].cached, stage
        assert after[stage].artifact == before[stage].artifact
    trained_on = set(tables.train.TRAINED_ON.read(exam.folder(after["train"]))["photo"])
    assert not trained_on & set(removed["photo"])
    for stage in ("preprocess", "extract"):
        if stage == "extract" and kind == "none":
            continue
        index, apart = (
            table.read(exam.folder(after[stage])) for table in (tables.shared.INDEX, tables.shared.REMOVED_INDEX)
        )
        assert not set(index["photo"]) & set(removed["photo"])
        assert set(apart["photo"]) == set(removed["photo"])
        assert after[stage].manifest.counts["new"] == len(removed)

    # The headline stays; what they would change is measured apart.
    first, second = (read_metrics(exam.folder(outcomes["evaluate"])) for outcomes in (before, after))
    apart = second.pop("removed")
    assert second == first
    assert apart["photos"] == len(removed)
    assert apart["scores"]["accuracy"]["without"]["value"] == first["test"]["scores"]["accuracy"]["value"]
    right = first["test"]["scores"]["accuracy"]["value"] * first["photos"]["test"] + apart["right"]
    total = first["photos"]["test"] + len(removed)
    assert apart["scores"]["accuracy"]["with"]["value"] == pytest.approx(right / total, abs=1e-6)

    # Without the check, they are in the test, as the report says.
    unchecked = tables.filter.KEPT.read(exam.folder(exam.run(*settings, "filter.dark_level=null")["filter"]))
    assert set(removed["photo"]) <= set(unchecked.loc[unchecked["split"] == "test", "photo"])


def test_one_more_removed_photo_computes_one_tile_and_evaluates_again(tmp_path: Path) -> None:
    exam = Exam(tmp_path)
    exam.add_dark(5)
    before = exam.run("pretrain.encoder=none")
    exam.add_dark(4, start=5)
    after = exam.run("pretrain.encoder=none")
    more = len(tables.filter.REMOVED.read(exam.folder(after["filter"]))) - len(
        tables.filter.REMOVED.read(exam.folder(before["filter"]))
    )
    assert more > 0
    assert after["preprocess"].manifest.counts["new"] == more
    assert after["train"].cached
    assert not after["evaluate"].cached
    again = exam.run("pretrain.encoder=none")
    assert all(outcome.cached for outcome in again.values())


def test_over_nights_no_test_photo_is_learned_from_and_no_validation_photo_becomes_one(tmp_path: Path) -> None:
    """The chosen recipe learns again from validation photos, so these must never be in a later test."""
    exam = Exam(tmp_path)
    settings = [*pretrained(tmp_path), "train.recipe=logistic"]

    def night() -> tuple[dict[str, set[str]], set[str], Path]:
        """Run; returns the photos of each split, those that the classifier has learned from, and its folder."""
        outcomes = exam.run(*settings)
        kept = tables.filter.KEPT.read(exam.folder(outcomes["filter"]))
        splits = {split: set(kept.loc[kept["split"] == split, "photo"]) for split in ("train", "val", "test")}
        training = exam.folder(outcomes["train"])
        learned = set(tables.train.TRAINED_ON.read(training)["photo"])
        assert learned == splits["train"] | splits["val"]
        assert not learned & held_out(exam.folder(outcomes["filter"])) - splits["val"]
        with np.load(tables.train.VALIDATION.path(training)) as validated:
            assert set(validated["photos"]) == splits["val"]
        return splits, learned, training

    first, learned, training = night()
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in exam.photos.rglob("*.png")}
    gone = files[min(first["val"])]
    content = gone.read_bytes()
    gone.unlink()
    copied = files[min(first["test"])]
    cv2.imwrite(str(copied.with_name("copy.png")), np.minimum(cv2.imread(str(copied)), 253) + 1)
    copy = hashlib.sha256(copied.with_name("copy.png").read_bytes()).hexdigest()
    write_photos(exam.photos, 30, start=60)

    second, learned_then, training_then = night()
    assert training_then != training
    assert min(first["val"]) not in learned_then
    assert copy not in learned_then
    assert first["val"] - {min(first["val"])} <= second["val"]
    assert first["test"] <= second["test"]
    assert not second["test"] & learned
    assert len(list((exam.store.pools("train") / "under-way").iterdir())) == 1  # trials of the first night are gone

    gone.write_bytes(content)
    third, _, _ = night()
    assert min(first["val"]) in third["val"]
    assert second["test"] <= third["test"]
    assert not third["test"] & (learned | learned_then)

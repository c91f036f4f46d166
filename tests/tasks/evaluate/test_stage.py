"""The evaluate stage on artifacts made of arrays, published in a real store."""

from pathlib import Path

import pytest

from tasks import tables
from tasks.store.store import Store
from tests.helpers.evaluation import EvaluationWorld, read_metrics, world

pytestmark = pytest.mark.slow


def test_an_evaluation_has_scores_counts_and_figures(pets: EvaluationWorld) -> None:
    outcome, folder = pets.finish().evaluate()
    metrics = read_metrics(folder)
    scores = metrics["test"]["scores"]
    assert scores["accuracy"]["value"] == 0.8
    assert scores["accuracy"]["against"]["commonest"]["value"] == 0.5  # always "dog"
    assert scores["balanced_accuracy"]["value"] == pytest.approx((1 / 2 + 1 + 4 / 5) / 3, abs=1e-6)
    assert scores["macro_f1"]["value"] == pytest.approx((2 / 3 + 6 / 7 + 8 / 10) / 3, abs=1e-6)
    assert scores["map_at_5"]["against"]["commonest"]["value"] == pytest.approx((5 * 1 + 3 / 2 + 2 / 3) / 10, abs=1e-6)
    assert metrics["test"]["groups"] == 7
    assert metrics["commonest"] == ["dog", "cat", "bird"]
    assert metrics["val"]["accuracy"] == 1
    assert metrics["photos"] == {"train": 11, "val": 3, "test": 10}
    assert {(c["true"], c["predicted"]) for c in metrics["confusions"]} == {("bird", "dog"), ("dog", "cat")}
    bird = next(row for row in metrics["per_class"] if row["label"] == "bird")
    assert (bird["recall"], bird["taken_for"], bird["test"]) == (0.5, "dog", 2)
    counts = outcome.manifest.counts
    assert list(counts)[:4] == ["test photos", "accuracy", "accuracy from", "accuracy to"]
    assert (counts["test photos"], counts["accuracy"], counts["majority class's accuracy"]) == (10, 0.8, 0.5)
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "accuracy.png",
        "confusion.png",
        "loss.png",
        "photos_per_class.png",
        "reliability.png",
    }


def test_a_second_run_is_cached_and_a_forced_one_gives_the_same_bytes(pets: EvaluationWorld) -> None:
    first, folder = pets.finish().evaluate()
    again, _ = pets.evaluate()
    assert again.cached
    forced, other = pets.evaluate(fresh=["evaluate"])
    assert not forced.cached
    assert forced.artifact.digest == first.artifact.digest
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes(), path.name


def test_a_different_prediction_changes_the_digest(pets: EvaluationWorld, tmp_path: Path) -> None:
    first, _ = pets.finish().evaluate()
    other = EvaluationWorld(Store(tmp_path / "other"), pets.names, rows=pets.rows, answers=[*pets.answers[:-1], 0])
    (tmp_path / "other").mkdir()
    (pets.store.photos).rename(other.store.photos)
    second, _ = other.finish().evaluate()
    assert second.artifact.digest != first.artifact.digest


def test_two_classes_without_mistakes(tmp_path: Path) -> None:
    both = world(tmp_path, ["cat", "dog"])
    for label in ("cat", "dog"):
        for split in ("train", "val", "test", "test"):
            both.photo(label, split)
    _, folder = both.finish().evaluate()
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 1
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert "100.0" in page
    assert "Top-5" not in page  # it would always be 1
    assert "All test photos are classified correctly" in page

"""The evaluate stage on artifacts made of arrays, published through the real store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks.inference.arrays import NO_ANSWER
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tasks.store.errors import UserError
from tasks.store.store import Store
from tests.helpers.evaluation import EvaluationWorld, world


def read_metrics(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text())


def test_a_whole_evaluation(pets: EvaluationWorld) -> None:
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
    assert (counts["test photos"], counts["accuracy"], counts["baseline accuracy"]) == (10, 0.8, 0.5)
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "accuracy.png",
        "confusion.png",
        "loss.png",
        "photos_per_class.png",
        "reliability.png",
        "recall_per_class.png",
    }


def test_predictions_and_submission(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, layer_images=0, top_k=2))
    predictions = pd.read_parquet(folder / "predictions.parquet").set_index("name")
    assert len(predictions) == 13  # validation and test
    assert set(predictions["split"]) == {"val", "test"}
    mistake = predictions.loc["bird/15.png"]
    assert (mistake["label"], mistake["predicted"]) == ("bird", "dog")
    assert mistake["rank"] in (2, 3)
    assert mistake["top_names"][0] == "dog"
    assert len(mistake["top_names"]) == len(mistake["top_probabilities"]) == 2
    assert mistake["top_probabilities"][0] == mistake["probability"] > 0.5
    lines = (folder / "submission.csv").read_text().splitlines()
    assert lines[0] == "Image,Id"
    assert len(lines) == 11
    assert lines[2].startswith("bird/15.png,dog ")
    assert all(len(line.split(",")[1].split()) == 3 for line in lines[1:])  # of five, since there are three classes


@pytest.mark.slow
def test_the_same_again_is_cached_and_made_afresh_it_is_the_same_to_the_byte(pets: EvaluationWorld) -> None:
    first, folder = pets.finish().evaluate()
    again, _ = pets.evaluate()
    assert again.cached
    fresh, other = pets.evaluate(fresh=["evaluate"])
    assert not fresh.cached
    assert fresh.artifact.digest == first.artifact.digest
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes(), path.name


@pytest.mark.slow
def test_a_different_answer_is_a_different_digest(pets: EvaluationWorld, tmp_path: Path) -> None:
    first, _ = pets.finish().evaluate()
    other = EvaluationWorld(Store(tmp_path / "other"), pets.names, rows=pets.rows, answers=[*pets.answers[:-1], 0])
    (tmp_path / "other").mkdir()
    (pets.store.photos).rename(other.store.photos)
    second, _ = other.finish().evaluate()
    assert second.artifact.digest != first.artifact.digest


def test_progress_is_told_in_photos(pets: EvaluationWorld) -> None:
    from contextlib import contextmanager

    told: list[tuple[str, int]] = []

    @contextmanager
    def progress(label: str, total: int) -> Any:
        told.append((label, total))
        yield lambda count: told.append(("done", count))

    pets.finish().evaluate(progress=progress)
    assert told[0] == ("photos", 24)  # those of training, too: others are compared with them
    assert sum(count for what, count in told if what == "done") == 24


def test_without_a_test_photo_the_remedy_is_named(tmp_path: Path) -> None:
    only = world(tmp_path, ["a", "b"])
    for label in ("a", "b"):
        only.photo(label, "train")
        only.photo(label, "val")
    with pytest.raises(UserError, match=r"more photos of each class, or raise filter\.test_fraction"):
        only.finish().evaluate()


def test_a_classifier_that_answers_nonsense_is_refused(pets: EvaluationWorld) -> None:
    pets.is_broken = True
    pets.finish()
    with pytest.raises(UserError, match=r"lower train\.learning_rate"):
        pets.evaluate()


def test_classes_without_test_photos_or_without_training(tmp_path: Path) -> None:
    zoo = world(tmp_path, ["ant", "bee", "cow", "elk"], trained=["ant", "bee", "cow"])
    for label in ("ant", "bee", "cow"):
        for _ in range(3):
            zoo.photo(label, "train")
    zoo.photo("ant", "test")
    zoo.photo("bee", "test")
    zoo.photo("elk", "test")  # never trained; nobody can answer it
    _, folder = zoo.finish().evaluate()
    metrics = read_metrics(folder)
    rows = {row["label"]: row for row in metrics["per_class"]}
    assert rows["cow"]["recall"] is None
    assert rows["elk"]["recall"] == 0
    assert rows["elk"]["train"] == 0
    assert metrics["val"] == {}
    assert metrics["test"]["scores"]["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    predictions = pd.read_parquet(folder / "predictions.parquet").set_index("label")
    assert predictions.loc["elk", "rank"] == NO_ANSWER
    assert metrics["test"]["scores"]["top_k_accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)  # of five names
    assert metrics["test"]["scores"]["map_at_5"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert "elk" not in " ".join(pd.read_csv(folder / "submission.csv")["Id"])
    assert "which it can't answer" in (folder / "report.html").read_text()
    assert "no test photo" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_two_classes(tmp_path: Path) -> None:
    both = world(tmp_path, ["cat", "dog"])
    for label in ("cat", "dog"):
        for split in ("train", "val", "test", "test"):
            both.photo(label, split)
    _, folder = both.finish().evaluate()
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 1
    page = (folder / "report.html").read_text()
    assert "100.0" in page
    assert "Top-5" not in page  # it can't be missed
    assert "Nothing was mistaken" in page


@pytest.mark.slow
def test_three_hundred_classes(tmp_path: Path) -> None:
    names = [f"whale {i:03d}" for i in range(300)]
    sea = world(tmp_path, names)
    for i, label in enumerate(names):
        for _ in range(1 + (i < 5) * 20):
            sea.photo(label, "train")
        if i % 3:
            sea.photo(label, "test", answer=names[(i * 7) % 300] if i % 5 == 0 else None)
    _, folder = sea.finish().evaluate()
    page = (folder / "report.html").read_text()
    assert "All 300 classes" in page
    assert len(page) < 1_500_000
    summary = (folder / "summary.md").read_text()
    assert len(summary) < 80_000
    assert len(pd.read_csv(folder / "submission.csv")["Id"].iloc[0].split()) == 5


@pytest.mark.slow
def test_features_and_an_encoder(pets: EvaluationWorld) -> None:
    _, folder = pets.finish(encoder=True).evaluate()
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 0.8
    page = (folder / "report.html").read_text()
    assert "The autoencoder" in page
    assert "0.012" in page
    assert (folder / "figures" / "reconstructions.png").exists()
    for stage in ("crawl", "filter", "preprocess", "pretrain", "extract", "train"):
        assert f"<td>{stage}</td>" in page
        assert f"{stage}_knob: 3" in page


@pytest.mark.slow
def test_what_the_shard_holds_is_what_is_predicted(pets: EvaluationWorld) -> None:
    """The index says which row is whose, not their order in the shards."""
    pets.finish()
    index = pd.read_parquet(pets.store.folder(pets.parents["inputs"]) / "index.parquet")
    assert index["shard"].nunique() == 2
    assert index["shard"].iloc[0] != index["shard"].iloc[-1]
    _, folder = pets.evaluate()
    assert read_metrics(folder)["val"]["accuracy"] == 1


def test_mistakes_are_shown_with_what_spoke_for_them_and_the_train_photos_most_like_them(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    page = (folder / "report.html").read_text()
    mistakes = page[page.index('id="mistakes"') : page.index("And some that are right")]
    assert mistakes.count("<img") == 2 + 1 + 2 * 3  # against black, nothing speaks for a class
    assert mistakes.count("1.00") == 2 * 3  # of the same colour
    assert "class activation map" in mistakes


def test_looking_up_the_most_similar_photo_is_a_baseline(pets: EvaluationWorld) -> None:
    """Photos of a colour are alike, so it answers what the classifier answers."""
    outcome, folder = pets.finish().evaluate()
    metrics = read_metrics(folder)
    nearest = metrics["test"]["scores"]["accuracy"]["against"]["nearest"]
    assert (nearest["value"], nearest["verdict"]) == (0.8, "undecided")
    assert metrics["nearest_by"] == "pixels"
    assert outcome.manifest.counts["nearest photo's accuracy"] == 0.8
    assert [row["photos"] for row in metrics["by_train_photos"]] == [2, 3, 5]


@pytest.mark.slow
@pytest.mark.parametrize("infer_from", ["nearest", "blend"])
def test_photos_can_be_answered_by_their_neighbours(pets: EvaluationWorld, infer_from: str) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, layer_images=0, infer_from=infer_from))
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 0.8
    references = References.read(folder / "references.npz")
    assert references.features.shape == (11, 3)
    inference = DecisionRule.read(folder)
    assert inference.infer_from == infer_from
    class_similarity = references.class_similarity(np.array([[0.0, 0, 1]]), 3)
    assert inference.probabilities(np.zeros((1, 3)), class_similarity).shape == (1, 3)


def unseen(tmp_path: Path) -> EvaluationWorld:
    """Three classes that are trained, and two that aren't: one for validation, one for the test."""
    sea = world(tmp_path, ["ant", "bee", "cow", "elk", "fox"], trained=["ant", "bee", "cow"])
    for label in ("ant", "bee", "cow"):
        for split in ("train", "train", "val", "val", "val", "test", "test"):
            sea.photo(label, split)
    for split, label in (("val", "fox"), ("test", "elk")):
        for _ in range(4):
            sea.photo(label, split)
    return sea


UNKNOWN = EvaluateConfig(bootstrap=100, layer_images=0, unknown="threshold", unknown_label="new_animal")


@pytest.mark.parametrize("infer_from", ["network", "nearest", "blend"])
def test_photos_of_classes_that_were_never_trained_are_told(tmp_path: Path, infer_from: str) -> None:
    _, folder = unseen(tmp_path).finish().evaluate(UNKNOWN.model_copy(update={"infer_from": infer_from}))
    metrics = read_metrics(folder)
    assert metrics["test"]["scores"]["accuracy"]["value"] == 1
    assert metrics["unknown"]["label"] == "new_animal"
    assert metrics["commonest"][0] == "new_animal"  # 4 of 13 validation photos; the others 2 of 6 each
    assert metrics["unknown"]["photos"] == 4
    assert metrics["unknown"]["recognised"]["value"] == 1
    assert metrics["unknown"]["false_alarms"]["value"] == 0
    assert [row["label"] for row in metrics["per_class"]] == ["ant", "bee", "cow", "new_animal"]
    sent = pd.read_csv(folder / "submission.csv").set_index("Image")["Id"]
    assert {names.split()[0] for name, names in sent.items() if name.startswith("elk")} == {"new_animal"}
    assert all(len(names.split()) == 4 for names in sent)
    page = (folder / "report.html").read_text()
    assert "photos of classes that it never saw" in page
    assert page.count("6 photos of 3 classes to train on") == 2


def test_the_unknown_needs_photos_to_be_tuned_on_and_a_name_of_its_own(tmp_path: Path, pets: EvaluationWorld) -> None:
    with pytest.raises(UserError, match=r"nothing to tune it on; raise filter\.unseen_classes"):
        pets.finish().evaluate(UNKNOWN)
    sea = unseen(tmp_path / "sea").finish()
    with pytest.raises(UserError, match=r"unknown_label=cow: the classifier was trained on a class of that name"):
        sea.evaluate(UNKNOWN.model_copy(update={"unknown_label": "cow"}))


@pytest.mark.slow
def test_the_last_model_is_the_one_to_beat(pets: EvaluationWorld) -> None:
    """The second classifier mixes up cats and birds, so it loses three cats and wins nothing."""
    _, first = pets.finish().evaluate()
    assert "champion" not in read_metrics(first)
    pets.names = ["cat", "bird", "dog"]  # the colours of cat and bird are exchanged: in the network, not in the tiles
    artifact = pets.publish(
        "train", pets.classifier_folder, {"kept": pets.parents["kept"], "inputs": pets.parents["inputs"]}
    )
    pets.parents["classifier"] = artifact
    outcome, second = pets.evaluate()
    champion = read_metrics(second)["champion"]
    assert champion["key"] == first.name
    assert champion["photos"] == 10
    accuracy = champion["scores"]["accuracy"]
    assert accuracy["against"]["champion"]["value"] == 0.8
    assert accuracy["value"] < 0.8
    assert accuracy["against"]["champion"]["difference"]["value"] == pytest.approx(accuracy["value"] - 0.8)
    assert outcome.manifest.counts["previous model's accuracy"] == 0.8
    page = (second / "report.html").read_text()
    assert "Against the last model" in page
    again, folder = pets.evaluate(fresh=["evaluate"])
    assert not again.cached
    assert read_metrics(folder)["champion"]["key"] == first.name  # never itself


@pytest.mark.slow
def test_without_a_gallery_the_inside_of_the_network_is_still_shown(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, gallery=0, layer_images=1))
    page = (folder / "report.html").read_text()
    assert "Inside the network" in page
    assert "evaluate.gallery is 0" in page
    assert (folder / "figures" / "responses.png").exists()

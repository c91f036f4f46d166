"""Step 3: the content of metrics.json."""

from pathlib import Path

import pandas as pd
import pytest

from tasks import tables
from tasks.inference.arrays import NO_ANSWER
from tests.helpers.evaluation import UNKNOWN, EvaluationWorld, read_metrics, unseen, world

pytestmark = pytest.mark.slow


def test_classes_without_test_photos_or_without_training(tmp_path: Path) -> None:
    zoo = world(tmp_path, ["ant", "bee", "cow", "elk"], trained=["ant", "bee", "cow"])
    for label in ("ant", "bee", "cow"):
        for _ in range(3):
            zoo.photo(label, "train")
    zoo.photo("ant", "test")
    zoo.photo("bee", "test")
    zoo.photo("elk", "test")  # not in training, so it can't be predicted
    _, folder = zoo.finish().evaluate()
    metrics = read_metrics(folder)
    rows = {row["label"]: row for row in metrics["per_class"]}
    assert rows["cow"]["recall"] is None
    assert rows["elk"]["recall"] == 0
    assert rows["elk"]["train"] == 0
    assert metrics["val"] == {}
    assert metrics["test"]["scores"]["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    predictions = tables.evaluate.PREDICTIONS.read(folder).set_index("label")
    assert predictions.loc["elk", "rank"] == NO_ANSWER
    assert metrics["test"]["scores"]["top_k_accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)  # not 1
    assert metrics["test"]["scores"]["map_at_5"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert "elk" not in " ".join(pd.read_csv(tables.evaluate.SUBMISSION.path(folder))["Id"])
    assert "not in training" in tables.evaluate.REPORT.path(folder).read_text()
    assert "no test photo" in tables.evaluate.REPORT.path(folder).read_text()


def test_the_nearest_photo_is_a_baseline(pets: EvaluationWorld) -> None:
    """Photos of the same colour are most similar, so it predicts the same as the classifier."""
    outcome, folder = pets.finish().evaluate()
    metrics = read_metrics(folder)
    nearest = metrics["test"]["scores"]["accuracy"]["against"]["nearest"]
    assert (nearest["value"], nearest["verdict"]) == (0.8, "too few")
    assert metrics["nearest_by"] == "pixels"
    assert outcome.manifest.counts["nearest photo's accuracy"] == 0.8
    assert [row["photos"] for row in metrics["by_train_photos"]] == [2, 3, 5]


@pytest.mark.parametrize("infer_from", ["network", "nearest", "blend"])
def test_photos_of_unknown_classes_are_recognised(tmp_path: Path, infer_from: str) -> None:
    _, folder = unseen(tmp_path).finish().evaluate(UNKNOWN.model_copy(update={"infer_from": infer_from}))
    metrics = read_metrics(folder)
    assert metrics["test"]["scores"]["accuracy"]["value"] == 1
    assert metrics["unknown"]["label"] == "new_animal"
    assert metrics["commonest"][0] == "new_animal"  # 4 of 13 validation photos; others: 2 of 6 train photos
    assert metrics["unknown"]["photos"] == 4
    assert metrics["unknown"]["recognised"]["value"] == 1
    assert metrics["unknown"]["false_alarms"]["value"] == 0
    assert [row["label"] for row in metrics["per_class"]] == ["ant", "bee", "cow", "new_animal"]
    sent = pd.read_csv(tables.evaluate.SUBMISSION.path(folder)).set_index("Image")["Id"]
    assert {names.split()[0] for name, names in sent.items() if name.startswith("elk")} == {"new_animal"}
    assert all(len(names.split()) == 4 for names in sent)
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert "Of 4 test photos of unknown classes, 100.0" in page
    assert "trained on 6 photos of 3 classes" in page
    assert "6 train photos of 3 classes" in page


def test_the_champion_is_compared(pets: EvaluationWorld) -> None:
    """The second classifier confuses cats and birds, so three cats become wrong, and no mistake becomes right."""
    made, first = pets.finish().evaluate()
    assert "champion" not in read_metrics(first)
    pets.names = ["cat", "bird", "dog"]  # exchanges the colours of both in the network, not in the tiles
    pets.train()
    outcome, second = pets.evaluate(champion=made.artifact)
    previous = read_metrics(second)["champion"]
    assert previous["key"] == first.name
    assert previous["photos"] == 10
    accuracy = previous["scores"]["accuracy"]
    assert accuracy["against"]["champion"]["value"] == 0.8
    assert accuracy["value"] < 0.8
    assert accuracy["against"]["champion"]["difference"]["value"] == pytest.approx(accuracy["value"] - 0.8)
    assert outcome.manifest.counts["champion's accuracy"] == 0.8
    page = tables.evaluate.REPORT.path(second).read_text()
    assert "Comparison with the champion" in page
    _, again = pets.evaluate(fresh=["evaluate"], champion=outcome.artifact)
    assert "champion" not in read_metrics(again)  # not itself

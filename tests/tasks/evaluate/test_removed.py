"""The exam is honest: photos that a check removed from the test are scored apart, and change no other number."""

import ast
import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from tasks import tables
from tasks.evaluate import metrics
from tasks.inference.arrays import NO_ANSWER
from tasks.inference.predictions import scored_predictions
from tasks.inference.scores import SCORES
from tasks.store.store import Store
from tests.helpers.evaluation import CONFIG, UNKNOWN, EvaluationWorld, read_metrics, unseen, world

pytestmark = pytest.mark.slow  # each evaluates

ROOT = Path(__file__).parents[3]
UNCHANGED = (
    tables.evaluate.LOGITS,
    tables.evaluate.FEATURES,
    tables.evaluate.DESCRIPTORS,
    tables.evaluate.DECISION_RULE,
    tables.evaluate.ANSWERS,
    tables.evaluate.PREDICTIONS,
    tables.evaluate.SUBMISSION,
)
"""All that is fitted on or computed from the kept photos."""


def remove_four(pets: EvaluationWorld) -> EvaluationWorld:
    """Remove three photos with wrong answers, and one with a right one."""
    pets.remove("bird", answer="dog", reason="too dark")
    pets.remove("dog", answer="cat", group="burst")  # the group of four kept test photos
    pets.remove("dog", answer="cat")
    pets.remove("cat")
    return pets


def twin(world: EvaluationWorld, root: Path) -> EvaluationWorld:
    """Copy a world into another data folder."""
    other = copy.deepcopy(world)
    other.store = Store(root)
    root.mkdir(parents=True)
    for path in world.store.photos.rglob("*.*"):
        target = other.store.photos / path.relative_to(world.store.photos)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return other


@pytest.mark.parametrize("rule", ["network", "nearest", "blend", "unknown"])
def test_removed_photos_change_no_other_number(pets: EvaluationWorld, tmp_path: Path, rule: str) -> None:
    """Not one byte of what is fitted, predicted and measured on the kept photos depends on them."""
    if rule == "unknown":
        zoo, config = unseen(tmp_path / "zoo"), UNKNOWN
        with_removed = twin(zoo, tmp_path / "twin")
        with_removed.remove("fox", answer="ant")
        with_removed.remove("ant", answer="bee")
    else:
        zoo, config = pets, CONFIG.model_copy(update={"infer_from": rule})
        with_removed = remove_four(twin(pets, tmp_path / "twin"))
    _, without = zoo.finish().evaluate(config)
    _, folder = with_removed.finish().evaluate(config)
    for file in UNCHANGED:
        assert file.path(folder).read_bytes() == file.path(without).read_bytes(), file.name
    found = read_metrics(folder)
    assert found.pop("removed")["photos"] == len(with_removed.removed)
    assert found == read_metrics(without)


def test_the_scores_with_and_without_removed_photos(pets: EvaluationWorld) -> None:
    outcome, folder = remove_four(pets).finish().evaluate()
    found = read_metrics(folder)
    removed = found["removed"]
    assert (removed["photos"], removed["right"]) == (4, 1)
    assert removed["by_reason"] == {"blurred": {"photos": 3, "right": 1}, "too dark": {"photos": 1, "right": 0}}
    assert removed["by_class"] == {
        "bird": {"photos": 1, "right": 0},
        "cat": {"photos": 1, "right": 1},
        "dog": {"photos": 2, "right": 0},
    }
    assert found["test"]["groups"] == 7
    assert removed["groups"] == 7 + 3  # one is in the burst
    accuracy = removed["scores"]["accuracy"]
    assert accuracy["without"] == {name: found["test"]["scores"]["accuracy"][name] for name in ("value", "low", "high")}
    assert accuracy["without"]["value"] == 0.8
    assert accuracy["with"]["value"] == pytest.approx(9 / 14, abs=1e-6)
    difference = accuracy["difference"]
    assert difference["value"] == pytest.approx(0.8 - 9 / 14, abs=2e-6)
    assert difference["low"] < difference["value"] < difference["high"]
    assert accuracy["verdict"] == "too few"
    assert set(removed["scores"]) == set(SCORES)

    # The same from the two tables of predictions, by scikit-learn and by the score that the headline has.
    predictions = tables.evaluate.PREDICTIONS.read(folder)
    columns = ["label", "predicted", "rank", "loss"]
    test = predictions[predictions["split"] == "test"]
    together = pd.concat([test[columns], tables.evaluate.REMOVED_PREDICTIONS.read(folder)[columns]])
    f1 = sk.f1_score(together["label"], together["predicted"], average="macro")
    assert removed["scores"]["macro_f1"]["with"]["value"] == pytest.approx(f1, abs=1e-6)
    balanced = sk.balanced_accuracy_score(together["label"], together["predicted"])
    assert removed["scores"]["balanced_accuracy"]["with"]["value"] == pytest.approx(balanced, abs=1e-6)
    answers = scored_predictions(together, together["label"].tolist(), ["bird", "cat", "dog"])
    groups = np.concatenate(
        [[row["group"] for row in pets.rows if row["split"] == "test"], [row["group"] for row in pets.removed]]
    )
    compared = metrics.compare(answers, {}, groups, top_k=CONFIG.top_k, resamples=CONFIG.bootstrap, seed=CONFIG.seed)
    for name, score in compared.items():
        expected = {key: getattr(score.classifier, key) for key in ("value", "low", "high")}
        assert removed["scores"][name]["with"] == pytest.approx(expected, abs=2e-6), name

    counts = outcome.manifest.counts
    assert counts["removed from the test by the filter"] == 4
    assert counts["accuracy with them"] == pytest.approx(9 / 14, abs=1e-6)
    assert (counts["test photos"], counts["accuracy"]) == (10, 0.8)  # the headline stays that of the kept photos
    page, summary = (
        file.path(folder).read_text(encoding="utf-8") for file in (tables.evaluate.REPORT, tables.shared.SUMMARY)
    )
    sentence = "The filter removed 4 photos from the test (3 blurred, 1 too dark); 1 of them is predicted correctly."
    assert sentence in page
    assert "too few photos to tell whether the filter made the test easier, +15.7 points" in page
    assert "The filter removed 4 photos from the test" in summary
    assert "Accuracy with the 4 removed photos" in summary


def test_nothing_is_shown_if_the_filter_removed_no_photo_from_the_test(pets: EvaluationWorld) -> None:
    outcome, folder = pets.finish().evaluate()
    assert "removed" not in read_metrics(folder)
    assert not tables.evaluate.REMOVED_PREDICTIONS.path(folder).exists()
    assert not [name for name in outcome.manifest.counts if "removed" in name or "with them" in name]
    for file in (tables.evaluate.REPORT, tables.shared.SUMMARY):
        assert "removed" not in file.path(folder).read_text(encoding="utf-8").lower()


def test_a_photo_may_be_kept_in_one_class_and_removed_in_another(pets: EvaluationWorld) -> None:
    """The rows are those of a photo and a class: one answer, right in one class and wrong in the other."""
    row = next(row for row in pets.rows if row["split"] == "test" and row["label"] == "cat")
    pets.removed.append(row | {"label": "bird", "reason": "too small"})
    pets.removed_answers.append(pets.names.index("cat"))
    _, folder = pets.finish().evaluate()
    removed = read_metrics(folder)["removed"]
    assert removed["by_class"] == {"bird": {"photos": 1, "right": 0}}
    assert removed["scores"]["accuracy"]["with"]["value"] == pytest.approx(8 / 11, abs=1e-6)


def test_removed_photos_of_a_class_that_no_kept_photo_has(tmp_path: Path) -> None:
    zoo = world(tmp_path, ["ant", "bee", "elk"], trained=["ant", "bee"])
    for label in ("ant", "bee"):
        for split in ("train", "val", "test", "test"):
            zoo.photo(label, split)
    zoo.remove("elk", answer="ant")
    _, folder = zoo.finish().evaluate()
    found = read_metrics(folder)
    assert [row["label"] for row in found["per_class"]] == ["ant", "bee"]
    assert found["removed"]["by_class"] == {"elk": {"photos": 1, "right": 0}}
    assert found["removed"]["scores"]["accuracy"]["with"]["value"] == pytest.approx(4 / 5, abs=1e-6)
    assert tables.evaluate.REMOVED_PREDICTIONS.read(folder)["rank"].tolist() == [NO_ANSWER]


def test_removed_photos_of_unknown_classes_are_right_if_they_are_recognised(tmp_path: Path) -> None:
    zoo = unseen(tmp_path)
    zoo.remove("elk")
    zoo.remove("elk", answer="ant")
    _, folder = zoo.finish().evaluate(UNKNOWN)
    removed = read_metrics(folder)["removed"]
    assert removed["by_class"] == {"new_animal": {"photos": 2, "right": 1}}


def test_photos_that_the_classifier_was_trained_on_prove_nothing(pets: EvaluationWorld) -> None:
    remove_four(pets)
    pets.trained_on = [row["photo"] for row in pets.removed[:3]]
    outcome, folder = pets.finish().evaluate()
    assert read_metrics(folder)["removed"]["photos"] == 1
    assert any(note.startswith("3 photos are not among those") for note in outcome.manifest.notes)


def test_other_removed_photos_evaluate_again(pets: EvaluationWorld) -> None:
    first, _ = pets.finish().evaluate()
    again, folder = remove_four(pets).finish().evaluate()
    assert not again.cached
    assert again.artifact.digest != first.artifact.digest
    assert "removed" in read_metrics(folder)


def test_test_photos_that_the_filter_doubts_are_counted_in_the_report(pets: EvaluationWorld) -> None:
    test = [row for row in pets.rows if row["split"] == "test"]
    train = next(row for row in pets.rows if row["split"] == "train")
    for row, reason, is_kept, decision in (
        (test[0], "wrong label", True, None),
        (test[0], "outlier", True, None),
        (test[1], "wrong label", True, None),
        (test[2], "wrong label", True, "keep"),  # a person has decided
        (train, "wrong label", True, None),
        (test[3] | {"label": "bird"}, "blurred", False, None),  # the same photo, rejected in another class
    ):
        pets.listed.append(
            {name: row[name] for name in ("photo", "file", "label", "name")}
            | {"kept": is_kept, "reason": reason, "score": 0.9, "threshold": 0.7, "twin": None, "suggestion": None}
            | {"decision": decision, "decided_as": None}
        )
    _, folder = pets.finish().evaluate()
    note = "2 of the test photos are marked for review (1 outlier, 2 wrong label); fluke review shows them."
    assert json.loads(tables.evaluate.NOTES.path(folder).read_text())["review"][0].startswith(note)
    assert note in tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "readers"),
    [
        ("REMOVED", {"tasks/filter/stage.py", "tasks/preprocess/stage.py", "tasks/evaluate/removed.py"}),
        ("REMOVED_INDEX", {"tasks/preprocess/stage.py", "tasks/extract/stage.py", "tasks/evaluate/removed.py"}),
    ],
)
def test_no_module_that_trains_or_fits_knows_the_removed_photos(table: str, readers: set[str]) -> None:
    """Only these modules can reach them: filter, preprocess and extract write the tables, evaluate reads them.

    `forget` deletes what was made from a photo, so it must know all of them. An ablation copies the filter's tables.
    """
    allowed = {
        *readers,
        "tasks/tables/filter.py",
        "tasks/tables/shared.py",
        "flows/maintenance/forget.py",
        "flows/ablate/cut.py",
    }
    found = set()
    for package in ("tasks", "flows"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
                names += [node.attr] if isinstance(node, ast.Attribute) else []
                names += [node.id] if isinstance(node, ast.Name) else []
                if table in names:
                    found.add(path.relative_to(ROOT).as_posix())
    assert readers <= found <= allowed

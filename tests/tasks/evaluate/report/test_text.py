"""The sentences and tables of the report."""

from typing import Any

import pytest

from configs.schema import ImbalanceConfig
from tasks.evaluate.report import text
from tasks.text import SPACE


@pytest.mark.parametrize(
    ("encoder", "recipe", "expected"),
    [
        ("autoencoder", {"recipe": "network"}, "convnet, from scratch, on an autoencoder's codes of 64 px RGB tiles"),
        (
            "autoencoder",
            {"recipe": "network", "inputs": "tiles"},
            "convnet, from scratch, on an autoencoder's codes of 64 px RGB tiles, fine-tuned through its encoder",
        ),
        ("none", {"recipe": "network"}, "convnet, from scratch, on 64 px RGB tiles"),
        ("resnet50", {"recipe": "network"}, "resnet50, pretrained and fine-tuned, on 64 px RGB tiles"),
        ("vgg16", {"recipe": "network", "frozen": True}, "vgg16, pretrained and frozen, on 64 px RGB tiles"),
        (
            "vgg16",
            {"recipe": "logistic", "frozen": True},
            "logistic regression on the features of vgg16 on 64 px RGB tiles",
        ),
        (
            "autoencoder",
            {"recipe": "logistic", "infer_from": "nearest"},
            "the nearest photo on an autoencoder's codes of 64 px RGB tiles",
        ),
        (
            "vgg16",
            {"recipe": "logistic", "infer_from": "blend"},
            "logistic regression and the nearest photo on the features of vgg16 on 64 px RGB tiles",
        ),
    ],
)
def test_the_subject_names_network_input_and_train_photos(encoder: str, recipe: dict[str, Any], expected: str) -> None:
    classes = [{"train": 1263, "val": 100}, {"train": 0, "val": 50}]  # the last one is the unknown class
    metrics = {"per_class": classes, "trained_classes": 5, "recipe": recipe}
    settings = {"pretrain": {"encoder": encoder}, "train": {"network": "convnet"}}
    found = text.subject(settings | {"preprocess": {"side_px": 64, "colour": "rgb"}}, metrics)
    assert found.replace(SPACE, " ") == f"{expected}; trained on 1,263 photos of 5 classes."
    again = text.subject(settings, metrics | {"recipe": recipe | {"refitted": True}})
    assert "trained on 1,363 photos of 5 classes" in again  # it has learned from validation photos, too


def test_the_headline_metric_is_the_first_row_of_the_table() -> None:
    difference = {"value": 0.1, "low": 0.05, "high": 0.15}
    against = {
        name: {"value": value, "difference": difference, "verdict": "better"}
        for name, value in (("nearest", 0.8), ("logistic", 0.9), ("commonest", 0.1))  # in any order
    }
    score = {"value": 0.95, "low": 0.9, "high": 0.99, "against": against}
    names = ("accuracy", "balanced_accuracy", "top_k_accuracy", "map_at_5")
    metrics = {"headline": "map_at_5", "classes": 9, "test": {"top_k": 3, "scores": dict.fromkeys(names, score)}}
    rows = list(text.score_rows(metrics))
    assert [row["title"] for row in rows] == ["mAP@5", "Accuracy", "Balanced accuracy", "Top-3 accuracy"]
    assert (rows[0]["value"], rows[0]["interval"]) == ("0.950", "0.900–0.990")
    assert [baseline["value"] for baseline in rows[0]["baselines"]] == ["0.100", "0.800", "0.900"]
    assert {baseline["outcome"] for baseline in rows[1]["baselines"]} == {"classifier better"}
    assert "Top-3 accuracy" not in [row["title"] for row in text.score_rows(metrics | {"classes": 3})]


def test_ranges_of_train_photos_are_named() -> None:
    number = {"value": 0.5, "low": 0.25, "high": 0.75}
    steps = [(0, 0), (1, 1), (3, 5), (1001, None)]
    buckets = [
        {"at_least": low, "at_most": high, "classes": 3, "photos": 9, "accuracy": number, "map_at_5": number}
        for low, high in steps
    ]
    rows = text.by_class_frequency({"by_train_photos": buckets})
    assert [row["train_photos"] for row in rows] == ["none", "1", "3–5", "1,001 or more"]
    assert rows[0]["interval"] == "25.0–75.0"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"method": "none"}, "with the class frequencies of the train photos"),
        ({}, "with the treatment of uneven classes that validation chose"),
        ({"method": "weights"}, "as if all classes were about equally frequent"),
        ({"method": "logit_adjustment"}, "as if all classes were about equally frequent"),
        ({"method": "weights", "power": 0.5}, "with a higher weight for rare classes"),
    ],
)
def test_the_class_frequencies_of_training_and_scores_are_named(settings: dict[str, Any], expected: str) -> None:
    found = text.priors({"imbalance": ImbalanceConfig(**settings).model_dump()}, {"photos": {"test": 1200}})
    assert expected in found
    assert "depend on the class frequencies of the 1,200 test photos" in found
    assert "balanced accuracy and macro F1 give every class the same weight" in found


def test_the_calibration_error_is_reported() -> None:
    found = {"temperature": 1.7, "photos": 1200, "error": 0.012, "error_before": 0.081}
    sentence = text.calibration_sentence({"calibration": found})
    assert "1,200 validation photos (temperature 1.70)" in sentence
    assert f"is 1.2{SPACE}%; before the calibration, it was 8.1{SPACE}%." in sentence
    assert "before" not in text.calibration_sentence({"calibration": {"photos": 1200, "error": 0.012}})
    assert text.calibration_sentence({"calibration": found | {"photos": 0}}) == ""


def test_classes_are_sorted_by_recall_and_untested_ones_are_last() -> None:
    rows = [{"recall": 0.5, "test": 9}, {"recall": None, "test": 0}, {"recall": 0.0, "test": 2}]
    assert [row["recall"] for row in text.worst_classes({"per_class": rows})] == [0.0, 0.5, None]


def test_ordinal_numbers() -> None:
    expected = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 113: "113th"}
    assert {number: text.ordinal(number) for number in expected} == expected
    assert text.ordinal(1002) == "1,002nd"


def test_a_given_split_is_counted() -> None:
    assert text.given_split(["train", "train", None, "test", float("nan")]) == (
        "The split was given with the photos: train 2, test 1."
    )
    assert text.given_split([None, None]) == ""

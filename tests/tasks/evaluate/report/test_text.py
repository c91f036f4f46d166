"""The sentences and tables of the report."""

from typing import Any

import pytest

from configs.schema import ImbalanceConfig
from tasks.evaluate.report import text
from tasks.text import SPACE


def against(value: float, verdict: str, *difference: float) -> dict[str, Any]:
    """A baseline, as in metrics.json."""
    return {
        "value": value,
        "verdict": verdict,
        "difference": dict(zip(("value", "low", "high"), difference, strict=True)),
    }


def scored(verdict: str, f1: str = "", **more: Any) -> dict[str, Any]:
    """The content of metrics.json, with verdicts on the majority class."""
    accuracy = {"value": 0.964, "low": 0.941, "high": 0.982}
    others = {"commonest": against(0.14, verdict, 0.824, 0.78, 0.86)}
    if "nearest" in more:
        others["nearest"] = more.pop("nearest")
    return {
        "photos": {"test": 312},
        "commonest": ["cat"],
        "test": {
            "scores": {
                "accuracy": accuracy | {"against": others},
                "macro_f1": {"value": 0.5, "against": {"commonest": {"value": 0.2, "verdict": f1 or verdict}}},
            }
        },
    } | more


def sentences(metrics: dict[str, Any]) -> list[str]:
    return [sentence.replace(SPACE, " ") for sentence in text.verdict(metrics)]


def test_the_verdict_compares_with_the_majority_class() -> None:
    first, second = sentences(scored("better"))
    assert first == (
        "96.4 % accuracy on 312 test photos (95 % interval 94.1–98.2); the majority class alone gives 14.0 %."
    )
    assert second == "Significantly better than always predicting “cat”: +82.4 points (+78.0 to +86.0)."
    assert "is not statistically significant: +82.4" in sentences(scored("undecided"))[1]
    worse = sentences(scored("worse", f1="better"))
    assert "Significantly worse than always predicting “cat”" in worse[1]
    assert "is significantly better than that of the majority class: 0.500 against 0.200" in worse[2]
    assert "is not significantly better than that" in sentences(scored("better", f1="undecided"))[2]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("better", "gives 90.0 %; the trained classifier is significantly better: +6.4 points (+2.0 to +9.0)."),
        ("worse", "gives 90.0 %; the trained classifier is significantly worse: +6.4 points (+2.0 to +9.0)."),
        ("undecided", "gives 90.0 %; the gain from training is not statistically significant: +6.4 points"),
    ],
)
def test_the_verdict_compares_with_the_nearest_photo(verdict: str, expected: str) -> None:
    assert expected in sentences(scored("better", nearest=against(0.9, verdict, 0.064, 0.02, 0.09)))[2]


def test_the_verdict_compares_with_the_previous_model_and_rates_the_unknown_class() -> None:
    accuracy = {"against": {"champion": against(0.95, "undecided", 0.01, -0.02, 0.03)}}
    champion = {"made_at": "2026-11-24 02:00", "photos": 300, "scores": {"accuracy": accuracy}}
    unknown = {"label": "new_whale", "photos": 40, "recognised": {"value": 0.75}, "false_alarms": {"value": 0.1}}
    previous, recognised = sentences(scored("better", champion=champion, unknown=unknown))[2:]
    assert previous == (
        "Compared with the previous model (2026-11-24 02:00 UTC) on the 300 test photos that both predicted: no "
        "statistically significant difference, +1.0 points (−2.0 to +3.0)."
    )
    assert recognised == (
        "Of 40 test photos of unknown classes, 75.0 % are recognised; of the other test photos, 10.0 % are wrongly "
        "predicted as “new_whale”."
    )


def test_the_verdict_without_test_photos_of_unknown_classes() -> None:
    unknown = {"label": "new_whale", "photos": 0, "false_alarms": {"value": 0.0}}
    assert sentences(scored("better", unknown=unknown))[2] == (
        "No test photo is of an unknown class; of the other test photos, 0.0 % are wrongly predicted as “new_whale”."
    )


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (
            {"network": "convnet", "input": "features"},
            "convnet, from scratch, on an autoencoder's codes of 64 px RGB tiles",
        ),
        (
            {"network": "resnet50", "input": "tiles", "weights": "imagenet", "unfreeze": ["conv5"]},
            "resnet50, pretrained (ImageNet) and fine-tuned, on 64 px RGB tiles",
        ),
        (
            {"network": "vgg16", "input": "tiles", "weights": "/w/mine.keras", "unfreeze": []},
            "vgg16, pretrained (mine) and frozen, on 64 px RGB tiles",
        ),
    ],
)
def test_the_subject_names_network_input_and_train_photos(train: dict[str, Any], expected: str) -> None:
    metrics = {"photos": {"train": 1263}, "classes": 6, "trained_classes": 5}  # and the unknown
    found = text.subject({"train": train, "preprocess": {"side_px": 64, "colour": "rgb"}}, metrics)
    assert found.replace(SPACE, " ") == f"{expected}; trained on 1,263 photos of 5 classes."


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
        ({}, "as if all classes were about equally frequent"),
        ({"method": "logit_adjustment"}, "as if all classes were about equally frequent"),
        ({"power": 0.5}, "with a higher weight for rare classes"),
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

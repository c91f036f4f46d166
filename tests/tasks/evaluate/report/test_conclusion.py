"""The conclusion of an evaluation in sentences."""

from typing import Any

import pytest

from tasks.evaluate.report.conclusion import conclusion
from tasks.text import SPACE

DIFFERENCES = {"better": (0.064, 0.02, 0.09), "worse": (-0.064, -0.09, -0.02), "undecided": (0.01, -0.02, 0.03)}


def against(value: float, verdict: str) -> dict[str, Any]:
    """A baseline, as in metrics.json."""
    difference = DIFFERENCES.get(verdict, DIFFERENCES["undecided"])
    return {
        "value": value,
        "verdict": verdict,
        "difference": dict(zip(("value", "low", "high"), difference, strict=True)),
    }


def measured(headline: str = "accuracy", groups: int = 312, photos: int = 312, **more: Any) -> dict[str, Any]:
    """The content of metrics.json; `commonest`, `nearest` and `logistic` are verdicts."""
    values = {"logistic": 0.95, "nearest": 0.9, "commonest": 0.14}
    others = {name: against(value, more.pop(name)) for name, value in values.items() if name in more}
    score = {"value": 0.964, "low": 0.941, "high": 0.982, "against": others}
    opposite = {"better": "worse", "worse": "better"}
    wrong = {name: against(0.1, opposite.get(each["verdict"], "better")) for name, each in others.items()}
    scores = {name: score | {"value": 0.3, "against": wrong} for name in ("accuracy", "macro_f1", "map_at_5")}
    return {
        "headline": headline,
        "photos": {"test": photos},
        "commonest": ["cat"],
        "test": {"scores": scores | {headline: score}, "groups": groups},
    } | more


def sentences(metrics: dict[str, Any]) -> list[str]:
    return [sentence.replace(SPACE, " ") for sentence in conclusion(metrics)]


def test_the_conclusion_starts_with_the_headline_metric() -> None:
    [first] = sentences(measured(commonest="better"))
    assert first == (
        "96.4 % accuracy on 312 test photos (95 % interval 94.1–98.2); the majority class alone gives 14.0 %, "
        "significantly less."
    )
    [first] = sentences(measured("map_at_5", commonest="worse"))
    assert first == (
        "mAP@5 0.964 on 312 test photos (95 % interval 0.941–0.982); the majority class alone gives 0.140, "
        "significantly more."
    )
    assert sentences(measured("macro_f1", photos=1, commonest="worse"))[0].startswith("Macro F1 0.964 on 1 test photo ")


def test_no_sentence_repeats_the_score_of_a_baseline_of_the_table() -> None:
    for verdict in ("better", "worse", "undecided", "too few"):
        told = " ".join(sentences(measured(commonest=verdict, nearest=verdict, logistic=verdict)))
        assert ("14.0 %" in told, "90.0 %" in told, "95.0 %" in told) == (True, False, False)


@pytest.mark.parametrize("headline", ["accuracy", "macro_f1", "map_at_5"])
@pytest.mark.parametrize("verdict", ["better", "worse", "undecided"])
def test_only_the_verdicts_of_the_headline_are_told(headline: str, verdict: str) -> None:
    """All other scores have the opposite verdict."""
    told = " ".join(sentences(measured(headline, commonest=verdict, nearest=verdict, logistic=verdict)))
    assert ("ignificantly better" in told, "ignificantly worse" in told) == (verdict == "better", verdict == "worse")
    assert ("significantly less" in told, "significantly more" in told) == (verdict == "better", verdict == "worse")
    assert ("Training beat" in told, "Training lost" in told) == (verdict == "better", verdict == "worse")
    assert told.count("not statistically significant") == (3 if verdict == "undecided" else 0)
    assert ("More test photos" in told) == (verdict == "undecided")


def test_an_interval_without_zero_that_is_not_significant_is_explained() -> None:
    """Verdicts are corrected for the number of comparisons, intervals are not."""
    metrics = measured(commonest="undecided", logistic="undecided")
    for each in metrics["test"]["scores"]["accuracy"]["against"].values():
        each["difference"] = {"value": -0.3, "low": -0.5, "high": -0.1}
    told = sentences(metrics)[:2]
    assert [
        each.count("not statistically significant after a correction for several comparisons") for each in told
    ] == [1, 1]


def test_the_strongest_baseline_comes_first_and_may_be_absent() -> None:
    logistic, nearest = sentences(measured(commonest="better", nearest="better", logistic="better"))[1:]
    assert logistic == "Training beat logistic regression on the encoder's features: +6.4 points (+2.0 to +9.0)."
    assert nearest == (
        "Significantly better than taking the class of the most similar train photo: +6.4 points (+2.0 to +9.0)."
    )
    undecided = sentences(measured(commonest="better", nearest="undecided"))
    assert undecided[1:] == [
        "The difference from taking the class of the most similar train photo is not statistically significant: "
        "+1.0 points (−2.0 to +3.0).",
        "More test photos would narrow the intervals.",
    ]


@pytest.mark.parametrize("verdict", ["undecided", "worse"])
def test_training_is_not_said_to_beat_logistic_regression(verdict: str) -> None:
    told = sentences(measured(commonest="better", logistic=verdict))[1]
    expected = {"undecided": "It is not certain that training beat", "worse": "Training lost to"}
    assert told.startswith(f"{expected[verdict]} logistic regression on the encoder's features: ")


def test_a_classifier_that_is_logistic_regression_is_called_so() -> None:
    recipe = {"metric": "accuracy", "chosen": "logistic regression", "recipe": "logistic", "candidates": []}
    told = sentences(measured(commonest="better", logistic="undecided", recipe=recipe))
    assert told[1] == (
        "The classifier is logistic regression on the encoder's features: no other recipe that was tried is clearly "
        "better on validation."
    )
    other = recipe | {"chosen": "logistic regression, weights"}
    told = sentences(measured(commonest="better", logistic="better", recipe=other))
    assert told[1] == (
        "The classifier is a variant of logistic regression on the encoder's features (“logistic regression, "
        "weights”). It is significantly better than the plain one: +6.4 points (+2.0 to +9.0)."
    )
    nearest = recipe | {"chosen": "nearest photo", "infer_from": "nearest"}
    told = sentences(measured(commonest="better", logistic="undecided", recipe=nearest))
    assert told[1] == (
        "The classifier takes the class of the most similar photo that it has learned from, by the encoder's features. "
        "It is not significantly different from logistic regression on them: +1.0 points (−2.0 to +3.0)."
    )
    head = recipe | {"chosen": "head", "recipe": "network"}
    assert sentences(measured(commonest="better", logistic="better", recipe=head))[1].startswith("Training beat")


def test_few_photos_tell_nothing() -> None:
    """Five photos once were “undecided” by accuracy, “worse” by macro F1, and “worse” in the headline."""
    few = measured(groups=5, photos=5, commonest="too few", nearest="too few", logistic="too few")
    few["champion"] = {"made_at": "2026-11-24 02:00", "photos": 5}
    few["champion"]["scores"] = {"accuracy": {"against": {"champion": against(0.95, "too few")}}}
    first, second, third = sentences(few)
    assert first.startswith("96.4 % accuracy on 5 test photos")
    assert second == (
        "Too few photos to tell whether the classifier is better than the baselines: 5 test photos are less than the "
        "30 that a verdict needs."
    )
    assert third.endswith("too few photos to tell which is better, +1.0 points (−2.0 to +3.0).")
    assert not any(word in second + third for word in ("worse", "significant"))
    grouped = sentences(measured(groups=1, photos=40, commonest="too few"))[1]
    assert grouped.endswith("40 test photos in 1 group of near duplicates are less than the 30 that a verdict needs.")


def test_the_recipe_that_validation_chose_is_named() -> None:
    tried = [
        {"name": "logistic regression", "score": 0.9, "seconds": 1.0, "chosen": False, "skipped": None},
        {"name": "the network from block5", "score": 0.93, "seconds": 61.0, "chosen": True, "skipped": None},
        {"name": "the whole network", "chosen": False, "skipped": "it would take 5 min, and 1 min is left"},
    ]
    recipe = {"metric": "balanced_accuracy", "recipe": "network", "chosen": tried[1]["name"], "candidates": tried}
    told = sentences(measured(commonest="better", recipe=recipe))
    assert told[1] == (
        "Of 2 recipes tried, validation chose “the network from block5” by balanced accuracy (93.0 %); 1 was not tried."
    )
    alone = recipe | {"candidates": tried[1:2]}
    assert len(sentences(measured(commonest="better", recipe=alone))) == 1


def test_the_conclusion_compares_with_the_champion_and_rates_the_unknown_class() -> None:
    scores = {"accuracy": {"against": {"champion": against(0.95, "undecided")}}}
    champion = {"made_at": "2026-11-24 02:00", "photos": 300, "scores": scores}
    unknown = {"label": "new_whale", "photos": 40, "recognised": {"value": 0.75}, "false_alarms": {"value": 0.1}}
    unknown |= {"validation_photos": 30}
    previous, recognised = sentences(measured(commonest="better", champion=champion, unknown=unknown))[1:]
    assert previous == (
        "Compared with the champion (2026-11-24 02:00 UTC) on the 300 test photos that both predicted: no "
        "statistically significant difference, +1.0 points (−2.0 to +3.0)."
    )
    assert recognised == (
        "Of 40 test photos of unknown classes, 75.0 % are recognised; of the other test photos, 10.0 % are wrongly "
        "predicted as “new_whale”."
    )


def test_the_conclusion_without_test_photos_of_unknown_classes() -> None:
    unknown = {"label": "new_whale", "photos": 0, "validation_photos": 1, "false_alarms": {"value": 0.0}}
    told = sentences(measured(commonest="better", unknown=unknown))
    assert told[1:] == [
        "No test photo is of an unknown class; of the other test photos, 0.0 % are wrongly predicted as “new_whale”.",
        "The threshold of “new_whale” is uncertain: validation has 1 photo of unknown classes, and it needs 30.",
    ]


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        (0, "there are no validation photos"),
        (1, "1 validation photo is too few"),
        (3, "3 validation photos are too few"),
    ],
)
def test_probabilities_that_are_not_calibrated_are_called_so(photos: int, expected: str) -> None:
    lack = {"photos": photos, "error": 0.1, "calibrated": False, "least": 30}
    told = sentences(measured(commonest="better", calibration=lack))
    assert told[-1] == f"The probabilities are not calibrated: {expected} (calibration needs 30)."
    enough = {"photos": 30, "error": 0.1, "calibrated": True, "least": 30}
    assert len(sentences(measured(commonest="better", calibration=enough))) == 1

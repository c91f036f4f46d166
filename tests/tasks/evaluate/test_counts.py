from typing import Any

from tasks.evaluate.counts import counts


def measured(headline: str, **more: Any) -> dict[str, Any]:
    against = {"nearest": {"value": 0.6}, "commonest": {"value": 0.2}}
    values = {"accuracy": 0.9, "balanced_accuracy": 0.8, "macro_f1": 0.7, "map_at_5": 0.95}
    scores = {name: {"value": value, "low": 0.5, "high": 1.0, "against": against} for name, value in values.items()}
    return {"headline": headline, "photos": {"test": 40}, "test": {"scores": scores}} | more


def test_the_headline_metric_comes_first_with_its_baselines() -> None:
    assert list(counts(measured("map_at_5")).items()) == [
        ("test photos", 40),
        ("mAP@5", 0.95),
        ("mAP@5 from", 0.5),
        ("mAP@5 to", 1.0),
        ("majority class's mAP@5", 0.2),
        ("nearest photo's mAP@5", 0.6),
        ("accuracy", 0.9),
        ("balanced accuracy", 0.8),
        ("macro F1", 0.7),
    ]
    assert list(counts(measured("accuracy"))).count("accuracy") == 1


def test_all_baselines_the_champion_and_removed_photos_are_shown() -> None:
    found = measured(
        "accuracy",
        champion={"scores": {"accuracy": {"against": {"champion": {"value": 0.85}}}}},
        removed={"photos": 3, "scores": {"accuracy": {"with": {"value": 0.8}}}},
    )
    found["test"]["scores"]["accuracy"]["against"]["logistic"] = {"value": 0.88}
    shown = counts(found)
    assert shown["logistic regression's accuracy"] == 0.88
    assert shown["champion's accuracy"] == 0.85
    assert (shown["removed from the test by the filter"], shown["accuracy with them"]) == (3, 0.8)

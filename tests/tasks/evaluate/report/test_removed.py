"""What the report says about the photos that the filter removed from the test."""

import re
from pathlib import Path
from typing import Any

import pytest

from tasks import tables
from tasks.evaluate.report import page
from tasks.evaluate.report.figures import figures
from tasks.evaluate.report.removed import removed_counts, removed_scores, removed_sentence
from tasks.store.atomic import write_json
from tasks.text import SPACE
from tests.helpers.report import HOSTILE, report_files


def measured(photos: int, right: int, without: float, together: float, **by_reason: int) -> dict[str, Any]:
    """The content of metrics.json, with two scores."""

    def score(better: float, worse: float) -> dict[str, Any]:
        whole = {"value": worse, "low": worse - 0.05, "high": worse + 0.05}
        difference = {"value": round(better - worse, 6), "low": better - worse - 0.02, "high": better - worse + 0.02}
        verdict = "undecided" if abs(better - worse) < 0.02 else "better" if better > worse else "worse"
        return {"without": whole | {"value": better}, "with": whole, "difference": difference, "verdict": verdict}

    return {
        "headline": "accuracy",
        "classes": 9,
        "test": {
            "top_k": 5,
            "scores": {
                name: {"value": 0.5, "low": 0.4, "high": 0.6, "against": {}} for name in ("accuracy", "macro_f1")
            },
        },
        "removed": {
            "photos": photos,
            "right": right,
            "by_reason": {reason: {"photos": count, "right": 0} for reason, count in by_reason.items()},
            "by_class": {HOSTILE: {"photos": photos, "right": right}},
            "scores": {"accuracy": score(without, together), "macro_f1": score(0.75, 0.7)},
        },
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            measured(8, 0, 0.709, 0.662, blurred=3, uniform=5),
            "The filter removed 8 photos from the test (5 uniform, 3 blurred); none of them is predicted correctly. "
            "With them, the accuracy is 66.2 % (95 % interval 61.2–71.2): the filter made the test significantly "
            "easier, +4.7 points (+2.7 to +6.7).",
        ),
        (
            measured(1, 1, 0.9, 0.902, faces=1),
            "The filter removed 1 photo from the test (1 faces); it is predicted correctly. With it, the accuracy is "
            "90.2 % (95 % interval 85.2–95.2): the filter made the test neither significantly easier nor harder, −0.2 "
            "points (−2.2 to +1.8).",
        ),
        (measured(3, 3, 0.9, 0.95, blurred=3), "all of them are predicted correctly"),
        (measured(3, 1, 0.9, 0.85, blurred=3), "; 1 of them is predicted correctly"),
        (measured(3, 2, 0.9, 0.85, blurred=3), "; 2 of them are predicted correctly"),
        (measured(1, 0, 0.9, 0.85, blurred=1), "; it is not predicted correctly"),
        (measured(2, 1, 0.5, 0.5, blurred=2), ": the filter made the test neither easier nor harder."),
    ],
)
def test_a_sentence_says_whether_the_filter_made_the_test_easier(found: dict[str, Any], expected: str) -> None:
    [sentence] = removed_sentence(found)
    assert expected in sentence.replace(SPACE, " ")


def test_without_removed_photos_nothing_is_said() -> None:
    found = measured(1, 1, 0.9, 0.8)
    del found["removed"]
    assert list(removed_sentence(found)) == removed_scores(found) == removed_counts(found) == []


def test_the_table_has_the_scores_of_the_headline_with_and_without() -> None:
    accuracy, f1 = removed_scores(measured(8, 0, 0.709, 0.662, blurred=8))
    assert [accuracy[name] for name in ("title", "difference")] == ["Accuracy", "+4.7"]
    assert accuracy["without"].replace(SPACE, " ") == "70.9 %"
    assert accuracy["with_them"].replace(SPACE, " ") == "66.2 %"
    assert accuracy["with_interval"] == "61.2–71.2"
    assert [f1[name] for name in ("title", "without", "with_them", "difference")] == [
        "Macro F1",
        "0.750",
        "0.700",
        "+0.050",
    ]
    [worse, _] = removed_scores(measured(8, 8, 0.6, 0.65, blurred=8))
    assert worse["difference"] == "−5.0"


def test_the_removed_photos_are_counted_by_reason_and_class_the_most_first() -> None:
    reasons, classes = removed_counts(measured(9, 2, 0.9, 0.8, blurred=2, uniform=2, faces=5))
    assert [(row["name"], row["photos"]) for row in reasons["rows"]] == [("faces", 5), ("blurred", 2), ("uniform", 2)]
    assert classes["rows"] == [{"name": HOSTILE, "photos": 9, "right": 2}]


@pytest.mark.slow
def test_the_page_and_the_summary_show_it_near_the_headline(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    removed = measured(8, 1, 0.933, 0.75, blurred=8)["removed"]
    scores = dict.fromkeys(files.metrics["test"]["scores"], removed["scores"]["accuracy"])
    write_json(tables.evaluate.METRICS.path(files.folder), {**files.metrics, "removed": removed | {"scores": scores}})
    again = type(files)(files.folder, files.root)
    drawn = figures(again)
    text = page.html(again, drawn)
    header = text[text.index("<header>") : text.index("</header>")]
    assert "the filter made the test significantly easier, +18.3 points" in header
    assert header.index("The filter removed 8 photos") < header.index("the most similar train photo")
    table = text[text.index('id="removed"') : text.index("About the baselines")]
    assert "without them<br>30 photos" in table
    assert "with them<br>38 photos" in table
    assert "&lt;script&gt;" in table
    assert "<script>" not in text
    summary = page.dashboard_summary(again, drawn)
    assert re.search(r"\| Accuracy with the 8 removed photos \| 75.0.% \| 70.0–80.0 \|", summary)
    widths = {line.count("|") for line in summary.splitlines() if line.startswith(("| test split", "| Accuracy"))}
    assert len(widths) == 1

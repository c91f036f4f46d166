"""The text about weak spots, and the map."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks import tables
from tasks.evaluate.report import diagnostics, page
from tasks.evaluate.report.figures import figures
from tasks.evaluate.report.photo_map import photo_map
from tasks.evaluate.view_record import ViewRecord
from tasks.store.atomic import write_json
from tests.helpers.report import HOSTILE, report_files


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def found_slice(value: str, accuracy: float, verdict: str) -> dict[str, Any]:
    return {
        "attribute": "keyword",
        "value": value,
        "photos": 40,
        "accuracy": estimate(accuracy),
        "others": 0.9,
        "p_value": 0.001,
        "verdict": verdict,
    }


FOUND: dict[str, Any] = {
    "slices": {
        "least": 20,
        "rows": [found_slice(HOSTILE, 0.5, "worse"), found_slice("b", 0.6, "undecided"), found_slice("c", 1, "better")],
    },
    "abstaining": {
        "coverage": [0.4, 0.8, 1.0],
        "accuracy": [1.0, 0.9, 0.8],
        "wanted": {"accuracy": 0.9, "photos": 50, "threshold": 0.7, "coverage": 0.8, "reached": estimate(0.9)},
    },
    "sets": {"wanted": 0.9, "photos": 50, "reached": estimate(0.89), "mean_size": 1.44, "single": 0.6},
    "robustness": {
        "photos": 30,
        "unchanged": estimate(0.8),
        "rows": [{"name": "blur", "strength": "2 %", "accuracy": estimate(0.7), "difference": estimate(-0.1)}],
    },
    "learning_curve": {
        "points": [{"photos": n, "share": n / 100, "accuracy": estimate(n / 200)} for n in (25, 50, 100)],
        "doubling": estimate(0.25),
        "classes": [{"label": HOSTILE, "train": 9, "gain": estimate(0.3), "p_value": 0.1, "corrected_p_value": 0.2}],
    },
}


def test_only_worse_slices_are_named_in_the_findings() -> None:
    [sentence] = diagnostics.slices_sentence(FOUND)
    assert "50.0" in sentence
    assert "“b”" not in sentence
    assert "“c”" not in sentence
    assert not list(diagnostics.slices_sentence({}))
    many = {"slices": {"rows": [found_slice(f"k{i}", i / 10, "worse") for i in range(5)]}}
    [sentence] = diagnostics.slices_sentence(many)
    assert "“k0”" in sentence
    assert "“k3”" not in sentence
    assert sentence.endswith("and 2 more.")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (FOUND["abstaining"]["wanted"], r"probability of 70\.0.*80\.0.* of the test photos are answered, 90\.0"),
        ({"accuracy": 0.9, "photos": 50}, r"can't be reached"),
        ({"accuracy": 0.9, "photos": 3}, r"3 validation photos are too few"),
        ({"accuracy": 0.9, "photos": 50, "threshold": 0.99, "coverage": 0.0}, r"no test photo has one"),
    ],
)
def test_what_abstaining_gives(wanted: dict[str, Any], text: str) -> None:
    first, second = diagnostics.abstaining({"abstaining": FOUND["abstaining"] | {"wanted": wanted}})["sentences"]
    assert "80.0\N{NO-BREAK SPACE}% are right, 90.0\N{NO-BREAK SPACE}% of the most certain 90" in first
    assert pd.Series([second]).str.contains(text).all()


@pytest.mark.parametrize(
    ("p_values", "text"),
    [((0.2, 0.3), "no class's gain is significant"), ((0.01, 0.3), "look for more"), ((0.2, 0.01), "surest gain")],
)
def test_which_class_needs_more_photos(p_values: tuple[float, float], text: str) -> None:
    classes = [
        {"label": label, "train": 9, "gain": estimate(gain), "corrected_p_value": p}
        for label, gain, p in zip("ab", (0.3, 0.2), p_values, strict=True)
    ]
    found = diagnostics.learning_curve({"learning_curve": FOUND["learning_curve"] | {"classes": classes}})
    assert "25, 50 and 100 train photos" in found["sentences"][0]
    assert text in found["sentences"][1]


def test_too_few_validation_photos_for_sets() -> None:
    [sentence] = diagnostics.sets_sentences({"sets": {"wanted": 0.9, "photos": 5}})
    assert "5 validation photos are too few" in sentence


def test_an_evaluation_of_an_earlier_version_has_no_weak_spots(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    text = page.html(files, {})
    assert 'id="weak"' not in text
    assert 'id="map"' not in text


def test_the_page_shows_everything_and_no_name_injects(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    write_json(tables.evaluate.DIAGNOSTICS.path(files.folder), FOUND)
    places = [{"photo": photo, "x": 0.1, "y": 0.9} for photo in files.test["photo"][:5]]
    tables.evaluate.FEATURE_MAP.write_rows(places, files.folder)
    text = page.html(files, {})
    weak = text[text.index('id="weak"') : text.index('id="lineage"')]
    assert HOSTILE not in text
    assert "&lt;script&gt;" in weak
    for heading in ("slices", "abstaining", "robustness", "more", "map"):
        assert f'id="{heading}"' in weak
    assert "evaluate.abstain" in weak
    assert weak.count("<use ") == 5
    assert weak.count("data:image/webp") == 1
    assert "Significantly less accurate than on other photos" in page.dashboard_summary(files, figures(files))


def test_the_map_marks_mistakes_and_has_no_photos_without_a_gallery(tmp_path: Path) -> None:
    files = report_files(tmp_path, [f"class {i:02d}" for i in range(12)])
    places = [{"photo": photo, "x": 0.5, "y": 0.5} for photo in files.test["photo"]]
    tables.evaluate.FEATURE_MAP.write_rows(places, files.folder)
    found = photo_map(files)
    assert sum(dot["is_wrong"] for dot in found["dots"]) == 2
    assert found["dots"][-1]["is_wrong"]  # on top
    assert (len(found["classes"]), found["others"]) == (10, 2)
    assert max(dot["class"] for dot in found["dots"]) == 10
    assert (found["sheet"]["width"], found["sheet"]["height"]) == (960, 288)
    ViewRecord.of(files.folder, [], {"gallery": 0, "layer_images": 0}).write(
        tables.evaluate.EXPLAINED.path(files.folder)
    )
    files.__dict__.pop("view_settings")
    assert photo_map(files)["sheet"] is None

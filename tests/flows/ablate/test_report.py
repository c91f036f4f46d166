"""The files of an ablation."""

import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path

from configs.load import load
from configs.schema import Config
from flows.ablate import plan, report, wording
from flows.ablate.report import Ablation
from tests.flows.ablate.results import compared

PHOTOS = {"test photos": 90, "test groups": 45, "classes": 3, "train photos": 200}


def test_the_report_has_the_sentences_a_picture_and_all_numbers(tmp_path: Path) -> None:
    asked, done, rows = compared({"x": 0.6, "+risky | name": 0.9}, sizes=[5, "all"])
    found = Ablation(asked, "accuracy", rows, {"broken": "no memory"}, PHOTOS, tmp_path / "ablations" / asked.id)
    report.write(found, done)
    text = found.report.read_text()
    assert "+risky \\| name: a gain: +30.0 points" in text
    assert "broken failed: no memory" in text
    assert "same 90 test photos (45 groups of near duplicates, 3 classes)" in text
    assert (found.folder / report.PICTURE).read_bytes().startswith(b"\x89PNG")
    stored = json.loads((found.folder / report.RESULTS).read_text())
    assert [row["arm"] for row in stored["rows"]] == ["x", "+risky | name"] * 2
    assert stored["rows"][1]["difference"]["value"] == 0.3
    assert stored["failed"] == {"broken": "no memory"}
    trainings = list(csv.DictReader((found.folder / report.TRAININGS).open()))
    assert len(trainings) == 12
    assert trainings[1]["arm"] == "'+risky | name"
    assert (trainings[1]["train_s"], trainings[1]["device_s"]) == ("120.000", "240.000")
    assert not list(found.folder.parent.glob(".*"))


def test_the_report_names_the_metric_and_the_train_photos_as_they_are(tmp_path: Path) -> None:
    for arms, sizes, said in (
        ("train.epochs=1", [5], "learn from the same train photos, of 200 in all. The"),
        ("train.epochs=1", [5, "all"], "learn from the same 200 train photos. The"),
        ("filter.max_outlier=4", ["all"], "200 train photos of the first arm, or from those of them that their own"),
    ):
        asked = plan.make("x", Config(), [arms], sizes=sizes)
        rows = compared({"x": 0.6, "a": 0.9}, sizes=sizes)[2]
        text = "\n".join(report._page(Ablation(asked, "map_at_5", rows, {}, PHOTOS, tmp_path)))
        assert "## Scores of each arm: mAP@5\n" in text
        assert said in text


def test_a_small_p_value_is_not_zero(tmp_path: Path) -> None:
    _, _, rows = compared({"x": 0.6, "a": 0.9})
    assert wording.cells(replace(rows[1], p_value=0.0004), rows)[-3] == "< 0.001"
    assert wording.cells(replace(rows[1], p_value=0.04), rows)[-3] == "0.040"


def test_the_command_in_the_report_asks_the_same_again(tmp_path: Path) -> None:
    asked, done, rows = compared({"x": 0.6, "a": 0.9}, sizes=[5, "all"])
    found = Ablation(asked, "accuracy", rows, {}, PHOTOS, tmp_path / asked.id)
    report.write(found, done)
    _, _, settings, *options = shlex.split(report.again(found))
    values = dict(zip(options[::2], options[1::2], strict=True))
    again = plan.make(
        "x",
        load(settings),
        [values["--arm"]],
        seeds=int(values["--seeds"]),
        sizes=plan.read_sizes([values["--photos-per-class"]]),
    )
    assert [(arm.name, arm.overrides) for arm in again.arms] == [(arm.name, arm.overrides) for arm in asked.arms]
    assert again.sizes == asked.sizes


def test_the_dashboard_gets_the_sentences_and_the_picture(tmp_path: Path) -> None:
    asked, done, rows = compared({"x": 0.6, "a": 0.9})
    found = Ablation(asked, "accuracy", rows, {}, PHOTOS, tmp_path / asked.id)
    report.write(found, done)
    text = report.summary(found)
    assert text.startswith("- a: a gain: +30.0 points")
    assert "](data:image/png;base64,iVBOR" in text

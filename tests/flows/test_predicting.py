"""What is predicted of photos is what the evaluation found: the same tiles, the same answers."""

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from small import Fluke

from flows import predicting
from flows.records import read_records
from tasks.preprocess import tile_of
from tasks.support.errors import UserError
from tasks.support.pool import INDEX, Rows
from tasks.support.store import Store

pytestmark = pytest.mark.slow


def stages(fluke: Fluke) -> dict[str, Path]:
    store = Store(fluke.data)
    first = read_records(fluke.data)[-1]
    return {stage.artifact.stage: store.folder(stage.artifact) for stage in first.stages}


def test_a_folder_gets_the_answers_that_the_evaluation_gave(finished: Fluke, tmp_path: Path) -> None:
    out = tmp_path / "predictions.parquet"
    finished("predict", str(finished.photos), "--out", str(out))
    predictions = pd.read_parquet(out).set_index("image")
    assert len(predictions) == 60
    evaluated = pd.read_parquet(stages(finished)["evaluate"] / "predictions.parquet").set_index("name")
    ours = predictions.loc[evaluated.index]
    assert (ours["class_1"] == evaluated["predicted"]).all()
    np.testing.assert_allclose(ours["probability_1"], evaluated["probability"], atol=2e-3)
    assert (predictions["error"] == "").all()
    sums = predictions[["probability_1", "probability_2", "probability_3"]].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


def test_tiles_are_exactly_those_of_the_training(finished: Fluke) -> None:
    folder = stages(finished)["preprocess"]
    index = pd.read_parquet(folder / INDEX)
    kept = pd.read_parquet(stages(finished)["filter"] / "kept.parquet").set_index("photo")
    trained_on = Rows(index, finished.data)[:]
    config = predicting.find(Store(finished.data)).preprocess
    made = [tile_of((finished.photos / kept.loc[photo, "name"]).read_bytes(), config) for photo in index["photo"]]
    np.testing.assert_array_equal(np.stack(made), trained_on)


def test_a_classifier_of_tiles_predicts_too_and_is_found_by_its_run(copy: Fluke, tmp_path: Path) -> None:
    older = read_records(copy.data)[-1].id
    copy.run("train.input=tiles")
    photo = next((copy.photos / "white").iterdir())
    printed = copy("predict", str(photo), "--top-k", "1")
    assert read_records(copy.data)[0].id in printed
    assert photo.name in printed
    assert older in copy("predict", str(photo), "--model", older)


@pytest.mark.parametrize("knobs", [[], ["train.input=tiles"]])
def test_heat_maps_are_as_large_as_their_photos(copy: Fluke, tmp_path: Path, knobs: list[str]) -> None:
    if knobs:
        copy.run(*knobs)
    photos = tmp_path / "photos"
    photos.mkdir()
    source = cv2.imread(str(next((copy.photos / "white").iterdir())))
    cv2.imwrite(str(photos / "wide.png"), cv2.resize(source, (90, 40)))
    cv2.imwrite(str(photos / "../photos/tall <b>.png"), cv2.resize(source, (30, 77)))
    (photos / "cut.png").write_bytes(b"\x89PNG")
    out = tmp_path / "found.csv"
    copy("predict", str(photos), "--heat-maps", str(tmp_path / "heat"), "--out", str(out))
    table = pd.read_csv(out).set_index("image")
    sizes = {name: cv2.imread(table.loc[name, "heat_map"]).shape[:2] for name in ("wide.png", "tall <b>.png")}
    assert sizes == {"wide.png": (40, 90), "tall <b>.png": (77, 30)}
    assert pd.isna(table.loc["cut.png", "heat_map"])


def test_a_csv_and_what_cannot_be_read(finished: Fluke, tmp_path: Path) -> None:
    good = next((finished.photos / "black").iterdir())
    (tmp_path / "good.png").write_bytes(good.read_bytes())
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:200])
    (tmp_path / "photos.csv").write_text("Image\ngood.png\ncut.png\ngone.png\n")
    out = tmp_path / "found.json"
    printed = finished("predict", str(tmp_path / "photos.csv"), "--out", str(out), "--top-k", "9")
    assert "2 of 3 could not be read" in printed
    rows = {row["image"]: row for row in json.loads(out.read_text())}
    assert rows["good.png"]["error"] == ""
    assert {rows["good.png"][f"class_{i}"] for i in (1, 2, 3)} == {"black", "grey", "white"}
    assert rows["cut.png"]["error"] in ("truncated", "unreadable")
    assert "No such file" in rows["gone.png"]["error"]
    assert rows["cut.png"]["class_1"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.jpg"], "nowhere.jpg: there is no such file or folder"),
        (["."], "holds no photos"),
        (["photo.png", "--out", "found.xls"], "its name must end in one of .csv, .json, .parquet"),
        (["photo.png", "--out", "nowhere/found.csv"], "there is no such folder; make it first"),
        (["photo.png", "--model", "whales"], "no run that ended well is called 'whales'; there are those of default"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(
    finished: Fluke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in finished("predict", *arguments, code=2)


def test_without_a_run_that_ended_there_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run has ended; `fluke run PRESET` makes a model"):
        predicting.find(Store(tmp_path))


def test_a_model_that_was_evaluated_before_there_was_calibration_predicts(copy: Fluke) -> None:
    path = stages(copy)["evaluate"] / "metrics.json"
    measured = json.loads(path.read_text())
    assert predicting.find(Store(copy.data)).temperature == measured.pop("calibration")["temperature"]
    path.write_text(json.dumps(measured))
    assert predicting.find(Store(copy.data)).temperature == 1


def test_a_model_that_was_deleted_is_named(copy: Fluke) -> None:
    subprocess.run(["rm", "-r", str(stages(copy)["train"])], check=True)
    with pytest.raises(UserError, match="is not there any more"):
        predicting.find(Store(copy.data))

"""Predictions of photos equal those of the evaluation: the same tiles, the same probabilities."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from flows.predict import model
from flows.run_records import read_records
from tasks import tables
from tasks.images.tiles import tile_of
from tasks.store.errors import UserError
from tasks.store.lazy_rows import LazyRows
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke
from tests.helpers.prefect_api import post
from tests.helpers.warm_process import WarmProcess

pytestmark = pytest.mark.slow
CAFE = os.fsdecode(b"caf\xe9")
"""A file's name in Latin-1, as old archives have them: not valid UTF-8."""


def stages(fluke: Fluke) -> dict[str, Path]:
    store = Store(fluke.data)
    first = read_records(fluke.data)[-1]
    return {stage.artifact.stage: store.folder(stage.artifact) for stage in first.stages}


def test_predictions_of_a_folder_equal_those_of_the_evaluation(finished: Fluke, tmp_path: Path) -> None:
    out = tmp_path / "found.parquet"
    finished("predict", str(finished.photos), "--out", str(out))
    predictions = pd.read_parquet(out).set_index("image")
    assert len(predictions) == 60
    evaluated = tables.evaluate.PREDICTIONS.read(stages(finished)["evaluate"]).set_index("name")
    ours = predictions.loc[evaluated.index]
    assert (ours["class_1"] == evaluated["predicted"]).all()
    np.testing.assert_allclose(ours["probability_1"], evaluated["probability"], atol=1e-5)
    assert (predictions["error"] == "").all()
    sums = predictions[["probability_1", "probability_2", "probability_3"]].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


def test_tiles_equal_those_of_the_training(finished: Fluke) -> None:
    folder = stages(finished)["preprocess"]
    index = tables.shared.INDEX.read(folder)
    kept = tables.filter.KEPT.read(stages(finished)["filter"]).set_index("photo")
    trained_on = LazyRows(index, finished.data)[:]
    config = model.find(Store(finished.data)).preprocess
    made = [tile_of((finished.photos / kept.loc[photo, "name"]).read_bytes(), config) for photo in index["photo"]]
    np.testing.assert_array_equal(np.stack(made), trained_on)


def test_a_classifier_of_tiles_is_found_by_its_run(blended: Fluke) -> None:
    newer, older = (read_records(blended.data)[place].id for place in (0, -1))
    photo = next((blended.photos / "white").iterdir())
    printed = blended("predict", str(photo), "--top-k", "1")
    assert newer in printed
    assert photo.name in printed
    assert older in blended("predict", str(photo), "--model", older)


def test_heat_maps_show_the_whole_photo_below_its_classes_and_beside_a_scale(finished: Fluke, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    source = cv2.imread(str(next((finished.photos / "white").iterdir())))
    cv2.imwrite(str(photos / "wide.png"), cv2.resize(source, (90, 40)))
    cv2.imwrite(str(photos / "../photos/tall <b>.png"), cv2.resize(source, (30, 77)))
    (photos / "cut.png").write_bytes(b"\x89PNG")
    out = tmp_path / "found.csv"
    finished("predict", str(photos), "--heat-maps", str(tmp_path / "heat"), "--out", str(out))
    table = pd.read_csv(out).set_index("image")
    sizes = {name: cv2.imread(table.loc[name, "heat_map"]).shape[:2] for name in ("wide.png", "tall <b>.png")}
    assert sizes["wide.png"][0] >= 40 + 14
    assert sizes["tall <b>.png"][0] >= 77 + 14
    assert min(width for _, width in sizes.values()) > 90 + 14
    assert pd.isna(table.loc["cut.png", "heat_map"])


def test_only_the_first_predictions_are_printed(finished: Fluke) -> None:
    printed = finished("predict", str(finished.photos), "--top-k", "1")
    assert "... and 10 more; --out FILE writes all" in printed
    assert printed.count(".png") == 50


def test_a_csv_with_unreadable_photos(finished: Fluke, tmp_path: Path) -> None:
    good = next((finished.photos / "black").iterdir())
    (tmp_path / "good.png").write_bytes(good.read_bytes())
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:200])
    (tmp_path / "photos.csv").write_text("Image\ngood.png\ncut.png\ngone.png\n")
    out = tmp_path / "found.json"
    printed = finished("predict", str(tmp_path / "photos.csv"), "--out", str(out), "--top-k", "9")
    assert "2 of 3 photos could not be read: cut.png (" in printed
    rows = {row["image"]: row for row in json.loads(out.read_text())}
    assert rows["good.png"]["error"] == ""
    assert {rows["good.png"][f"class_{i}"] for i in (1, 2, 3)} == {"black", "grey", "white"}
    assert rows["cut.png"]["error"] in ("truncated", "unreadable")
    assert "No such file" in rows["gone.png"]["error"]
    assert rows["cut.png"]["class_1"] is None


def test_file_names_that_are_not_utf_8_or_very_long(finished: Fluke, tmp_path: Path) -> None:
    good = next((finished.photos / "black").iterdir()).read_bytes()
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (f"{CAFE}.png", f"{'é' * 125}.png"):
        (photos / name).write_bytes(good)
    out = tmp_path / "found.csv"
    finished("predict", str(photos), "--heat-maps", str(tmp_path / "heat"), "--out", str(out))
    table = pd.read_csv(out)
    assert table["image"].tolist() == ["caf\\udce9.png", f"{'é' * 125}.png"]
    assert all(Path(path).exists() for path in table["heat_map"])
    assert "caf\\udce9.png" in finished("predict", str(photos / f"{CAFE}.png"))


def test_a_photo_too_large_for_a_jpeg_is_predicted_without_a_heat_map(finished: Fluke, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a strip.png"), np.full((70_000, 2), 250, np.uint8))
    (photos / "good.png").write_bytes(next((finished.photos / "black").iterdir()).read_bytes())
    out = tmp_path / "found.csv"
    finished("predict", str(photos), "--heat-maps", str(tmp_path / "heat"), "--out", str(out))
    table = pd.read_csv(out, keep_default_na=False)
    assert table["error"].tolist() == ["", ""]
    assert [bool(path) for path in table["heat_map"]] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.jpg"], "nowhere.jpg: no such file or folder"),
        (["."], "contains no photos"),
        (["photo.png", "--out", "found.xls"], "name must end in one of .csv, .json, .parquet"),
        (["photo.png", "--out", "nowhere/found.csv"], "the folder does not exist; create it first"),
        (["photo.png", "--heat-maps", "photo.png"], "--heat-maps photo.png: this is a file; name a folder"),
        (["long.csv"], "long.csv, line 2: can't be read as CSV (field larger than field limit"),
        (["photo.png", "--model", "whales"], "no successful run, preset or model is called 'whales'; models: default"),
    ],
)
def test_user_errors_are_reported_before_anything_is_computed(
    finished: Fluke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "contains no photos" not in says:
        Path("photo.png").touch()
        Path("long.csv").write_text(f"Image\n{'a' * 200_000}\n")
    assert says in finished("predict", *arguments, code=2)


def test_without_a_successful_run_there_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no successful run; `fluke run PRESET` trains a model"):
        model.find(Store(tmp_path))


def test_an_evaluation_by_an_earlier_version_is_refused(copy: Fluke) -> None:
    tables.evaluate.DECISION_RULE.path(stages(copy)["evaluate"]).unlink()
    with pytest.raises(UserError, match="made by an earlier version of fluke; run its preset again"):
        model.find(Store(copy.data))


def test_a_submission_names_five_classes_or_all_if_fewer(copy: Fluke, tmp_path: Path) -> None:
    """With classes that were never trained on, the unknown is one of the names, and photos are flagged."""
    unknown = ["evaluate.unknown=threshold", "evaluate.unknown_label=new_whale", "filter.unseen_classes=[grey]"]
    run = copy.run(*unknown)
    photos = tmp_path / "unlabelled"
    for label in ("black", "grey", "white"):
        for photo in sorted((copy.photos / label).iterdir())[:2]:
            (photos / label).mkdir(parents=True, exist_ok=True)
            (photos / label / photo.name).write_bytes(photo.read_bytes())
    sent, out = tmp_path / "kaggle.csv", tmp_path / "found.csv"
    copy("predict", str(photos), "--model", run.id, "--submission", str(sent), "--out", str(out), "--top-k", "1")
    table = pd.read_csv(sent)
    assert list(table.columns) == ["Image", "Id"]
    assert table["Image"].str.match(r"(black|grey|white)/\d+\.png").all()
    assert [set(names.split()) for names in table["Id"]] == [{"black", "white", "new_whale"}] * 6
    found = pd.read_csv(out)
    assert list(found.columns) == ["image", "class_1", "probability_1", "unknown", "error"]
    assert found["class_1"].tolist() == [names.split()[0] for names in table["Id"]]
    assert found["unknown"].tolist() == (found["class_1"] == "new_whale").tolist()


def test_a_run_answers_other_photos_with_its_own_model(copy: Fluke, tmp_path: Path) -> None:
    sent = tmp_path / "kaggle.csv"
    run = copy.run("train.epochs=1", command=("run", "--predict", str(copy.photos), "--submission", str(sent)))
    again = tmp_path / "again.csv"
    copy("predict", str(copy.photos), "--model", run.id, "--submission", str(again))
    assert sent.read_text() == again.read_text()
    assert len(pd.read_csv(sent)) == 60


def test_blended_predictions_equal_those_of_the_evaluation(blended: Fluke, tmp_path: Path) -> None:
    out = tmp_path / "found.parquet"
    blended("predict", str(blended.photos), "--out", str(out))
    evaluation = Store(blended.data).folder(read_records(blended.data)[0].stages[-1].artifact)
    evaluated = tables.evaluate.PREDICTIONS.read(evaluation).set_index("name")
    ours = pd.read_parquet(out).set_index("image").loc[evaluated.index]
    np.testing.assert_allclose(ours["probability_1"], evaluated["probability"], atol=1e-3)  # float16
    assert (ours["class_1"] == evaluated["predicted"]).all()


def test_a_folder_is_predicted_as_a_flow(finished: Fluke, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    call = f"predict_folder(Path({str(finished.photos)!r}), out=Path({str(out)!r}), model='default')"
    script = f"from pathlib import Path; from flows.predict.flow import predict_folder; assert {call} == 60"
    environment = os.environ | {"FLUKE_DATA": str(finished.data), "PREFECT_API_URL": finished.api_url}
    WarmProcess.run("-c", script, environment=environment)
    assert len(pd.read_csv(out)) == 60
    [table] = post(finished.api_url, "artifacts/filter", {"artifacts": {"key": {"any_": ["fluke-predictions"]}}})
    assert sum(row["count"] for row in json.loads(table["data"])) == 60


def test_a_deleted_model_is_reported(copy: Fluke) -> None:
    subprocess.run(["rm", "-r", str(stages(copy)["train"])], check=True)
    with pytest.raises(UserError, match="has been deleted or damaged"):
        model.find(Store(copy.data))

"""An exported folder contains everything that a program without fluke needs."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from configs.schema import PreprocessConfig
from flows.predict import model as models
from flows.predict.exports import compare, export, standalone
from tasks import tables
from tasks.images.tiles import tile_of
from tasks.store.errors import UserError
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke


@pytest.mark.slow
def test_a_saved_model_predicts_like_fluke_predict(blended: Fluke, tmp_path: Path) -> None:
    """Those of the other kinds of models are in test_encoders.py."""
    tensorflow = pytest.importorskip("tensorflow")
    fluke = blended
    folder, out = tmp_path / "exports" / "1", tmp_path / "found.parquet"
    assert "with the same answer as in Keras" in fluke("export", str(folder), "--compare", "5")
    fluke("predict", str(fluke.photos), "--out", str(out), "--top-k", "1")
    predicted = pd.read_parquet(out)
    answer = tensorflow.saved_model.load(str(folder)).signatures["serving_default"]
    photos = [(fluke.photos / name).read_bytes() for name in predicted["image"]]
    found = answer(photos=tensorflow.constant(photos))
    np.testing.assert_allclose(found["probability"].numpy(), predicted["probability_1"], atol=2e-3)
    assert [name.decode() for name in found["label"].numpy()] == predicted["class_1"].tolist()
    labels = json.loads(tables.train.LABELS.path(folder).read_text())
    assert labels == ["black", "grey", "white"]
    assert [labels[i] for i in found["probabilities"].numpy().argmax(axis=1)] == predicted["class_1"].tolist()
    described = json.loads((folder / "model.json").read_text())
    model = models.find(Store(fluke.data))
    assert (described["run"], described["preprocess"]["side_px"]) == (model.run, 16)
    assert described["limits"] == asdict(model.limits)
    assert not list(folder.parent.glob(".partial-*"))


EXAMPLE = """
import sys
{code}
assert not {{"fluke", "flows", "tasks", "configs"}} & {{name.partition(".")[0] for name in sys.modules}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_an_exported_model_works_without_fluke_as_its_readme_says(finished: Fluke, tmp_path: Path, form: str) -> None:
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    folder = tmp_path / "model"
    printed = finished("export", str(folder), "--format", form, "--compare", "5")
    compared = json.loads((folder / "comparison.json").read_text())
    assert f"{compared['photos']} test photos: {compared['same_answer']} with the same answer as in Keras" in printed
    assert compared["photos"] == compared["same_answer"] > 0
    assert compared["largest_difference"] < 1e-4
    photo = next((finished.photos / "white").iterdir())
    cv2.imwrite(str(folder / "photo.jpg"), cv2.imread(str(photo)))
    readme = (folder / "README.md").read_text()
    assert "with the same answer as in Keras" in readme
    code = readme.partition("```python\n")[2].partition("```")[0]
    theirs = "from ai_edge_litert.interpreter import Interpreter"  # TensorFlow has the same class
    code = code.replace(theirs, "import tensorflow\nInterpreter = tensorflow.lite.Interpreter")
    run = [sys.executable, "-c", EXAMPLE.format(code=code)]
    out = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True).stdout
    finished("predict", str(folder / "photo.jpg"), "--out", str(tmp_path / "found.json"), "--top-k", "1")
    [row] = json.loads((tmp_path / "found.json").read_text())
    label, probability = out.split()
    assert (label, float(probability)) == (row["class_1"], pytest.approx(row["probability_1"], abs=1e-3))


@pytest.mark.parametrize("fit", ["pad", "stretch", "cut"])
@pytest.mark.parametrize(("colour", "levels"), [("rgb", "photo"), ("grey", "min_max")])
def test_tiles_without_fluke_are_the_same(tmp_path: Path, fit: str, colour: str, levels: str) -> None:
    config = PreprocessConfig(side_px=20, fit=fit, colour=colour, levels=levels, crop=(0.1, 0, 1, 0.9), pad_value=7)
    settings = json.loads(config.model_dump_json())
    (tmp_path / "tiles.py").write_text(standalone.source())
    (tmp_path / "model.json").write_text(json.dumps({"preprocess": settings}))
    tiles = compare._tiles(tmp_path)
    assert not (tmp_path / "__pycache__").exists()
    for height, width in ((90, 60), (9, 12), (22, 23), (30, 7)):
        pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        photo = cv2.imencode(".png", pixels)[1].tobytes()
        np.testing.assert_array_equal(tiles([photo])[0], tile_of(photo, config))


def test_a_photo_that_an_exported_model_refuses_does_not_hinder_the_comparison() -> None:
    def way(photos: Sequence[bytes]) -> np.ndarray:
        if b"bad" in photos:
            raise ValueError("can't be read")
        return np.array([[len(photo), 0] for photo in photos])

    answers, rate = compare._asked(way, [b"1", b"bad", b"333"])
    assert [None if row is None else row[0] for row in answers] == [1, None, 3]
    assert rate > 0


def test_options_that_dont_fit_together_are_refused(tmp_path: Path) -> None:
    export.check(tmp_path, "litert", int8=True)
    with pytest.raises(UserError, match="--int8 is for --format litert, not for onnx"):
        export.check(tmp_path, "onnx", int8=True)


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    export.check(tmp_path, "onnx")
    export.check(tmp_path / "new", "onnx")
    (tmp_path / "mine").write_text("")
    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UserError, match="exists and is not an empty folder; name a new folder, or delete this one"):
            export.check(taken, "onnx")


def test_what_a_killed_export_has_left_does_not_refuse_the_next(tmp_path: Path) -> None:
    (tmp_path / ".partial-0123").mkdir()
    export.check(tmp_path, "onnx")
    (tmp_path / "other").touch()
    with pytest.raises(UserError, match="is not an empty folder"):
        export.check(tmp_path, "onnx")

"""An exported folder contains everything that a program without fluke needs."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from flows.predict import export
from flows.predict import model as models
from tasks import tables
from tasks.store.errors import UserError
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke


@pytest.mark.slow
def test_a_saved_model_predicts_like_fluke_predict(blended: Fluke, tmp_path: Path) -> None:
    """Those of the other kinds of models are in test_encoders.py."""
    tensorflow = pytest.importorskip("tensorflow")
    fluke = blended
    folder, out = tmp_path / "exports" / "1", tmp_path / "found.parquet"
    assert str(folder) in fluke("export", str(folder))
    fluke("predict", str(fluke.photos), "--out", str(out), "--top-k", "1")
    predicted = pd.read_parquet(out)
    answer = tensorflow.saved_model.load(str(folder)).signatures["serving_default"]
    photos = [(fluke.photos / name).read_bytes() for name in predicted["image"]]
    found = answer(photos=tensorflow.constant(photos))
    np.testing.assert_allclose(found["probability"].numpy(), predicted["probability_1"], atol=2e-3)
    assert [name.decode() for name in found["label"].numpy()] == predicted["class_1"].tolist()
    labels = json.loads(tables.LABELS.path(folder).read_text())
    assert labels == ["black", "grey", "white"]
    assert [labels[i] for i in found["probabilities"].numpy().argmax(axis=1)] == predicted["class_1"].tolist()
    described = json.loads((folder / "model.json").read_text())
    model = models.find(Store(fluke.data))
    assert (described["run"], described["preprocess"]["side_px"]) == (model.run, 16)
    assert not list(folder.parent.glob(".partial-*"))


@pytest.mark.slow
def test_an_onnx_model_works_as_documented(finished: Fluke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    finished("export", str(tmp_path / "model"), "--format", "onnx")
    cv2.imwrite(str(tmp_path / "photo.jpg"), cv2.imread(str(next((finished.photos / "white").iterdir()))))
    readme = (tmp_path / "model" / "README.md").read_text()
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(readme.partition("```python\n")[2].partition("```")[0], names)
    predictions = tmp_path / "found.json"
    finished("predict", str(tmp_path / "photo.jpg"), "--out", str(predictions), "--top-k", "1")
    [row] = json.loads(predictions.read_text())
    np.testing.assert_allclose(names["probabilities"].max(), row["probability_1"], atol=1e-4)


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    export.check(tmp_path)
    export.check(tmp_path / "new")
    (tmp_path / "mine").write_text("")
    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UserError, match="exists and is not an empty folder; name a new folder, or delete this one"):
            export.check(taken)


def test_what_a_killed_export_has_left_does_not_refuse_the_next(tmp_path: Path) -> None:
    (tmp_path / ".partial-0123").mkdir()
    export.check(tmp_path)
    (tmp_path / "other").touch()
    with pytest.raises(UserError, match="is not an empty folder"):
        export.check(tmp_path)

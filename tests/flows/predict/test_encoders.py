"""Every kind of encoder and recipe gives a model that predicts, draws heat maps and can be exported."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.predict.exports import export
from flows.predict.model import find
from flows.predict.photo_list import list_photos
from flows.predict.predict import predict
from tasks import tables
from tasks.store.progress import silent
from tests.helpers.exam import Exam
from tests.helpers.pipeline import pretrained

pytestmark = pytest.mark.slow  # a whole pipeline each

SHOWN = ["evaluate.gallery=2", "evaluate.layer_images=1"]


@pytest.mark.parametrize("what", ["frozen", "codes", "through the encoder"])
def test_predictions_and_exports_agree_with_the_evaluation(tmp_path: Path, what: str) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    exam = Exam(tmp_path)
    settings = {
        "frozen": [*pretrained(tmp_path), "train.recipe=logistic", "evaluate.infer_from=blend"],
        "codes": [],
        "through the encoder": ["pretrain.architecture=pooled", "pretrain.filters=[4]", "train.through_encoder=true"],
    }[what]
    outcomes = exam.run(*settings, *SHOWN)
    evaluation = exam.folder(outcomes["evaluate"])
    assert "Layers of the network" in tables.evaluate.REPORT.path(evaluation).read_text(encoding="utf-8")

    model = find(exam.store)
    assert (model.encoder is not None) == (what == "codes")
    photos = list_photos(exam.photos).photos
    with ThreadPoolExecutor(2) as threads:
        found = predict(model, photos, top_k=3, threads=threads, progress=silent, heat_maps=tmp_path / "maps")
    assert len(list((tmp_path / "maps").glob("*.jpg"))) == len(photos)
    assert found["heat_map"].notna().all()
    predictions = tables.evaluate.PREDICTIONS.read(evaluation)
    test = predictions[predictions["split"] == "test"].set_index("name")
    again = found.set_index("image").loc[test.index]
    assert again["class_1"].tolist() == test["predicted"].tolist()
    np.testing.assert_allclose(again["probability_1"], test["probability"], atol=2e-3)

    export.export(exam.store.root, None, tmp_path / "exported", "savedmodel", most_compared=0)
    answer = tensorflow.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    exported = answer(photos=tensorflow.constant([path.read_bytes() for _, path in photos]))
    assert pd.Series([name.decode() for name in exported["label"].numpy()]).equals(found["class_1"].rename(None))
    np.testing.assert_allclose(exported["probability"].numpy(), found["probability_1"], atol=2e-3)

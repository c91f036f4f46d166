"""Heads and pooling that are made for individuals can be exported."""

from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.export import model as export
from tasks.networks import head
from tasks.networks.classifier import pool
from tasks.networks.hardware import dtype_policy

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="models are exported with TensorFlow")

RULE = DecisionRule("network", ("a", "b", "c"), Calibration(1.7), None, 1.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_generalised_mean_and_several_directions_agree_with_keras_in_onnx(tmp_path: Path, precision: str) -> None:
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    with dtype_policy(precision):
        tiles = keras.Input((12, 12, 3), dtype="uint8", name="tiles")
        x = keras.layers.Rescaling(1 / 127.5, -1, name="scaled")(tiles)
        x = keras.layers.Conv2D(8, 3, activation="relu", name="convolution")(x)
        logits = head.logits(pool(x, "gem"), 3, TrainConfig(head="arcface", sub_centres=3))
        classifier = keras.Model(tiles, logits, name="classifier")
    photos = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), np.uint8)
    model = export.full_model(classifier, None, RULE, None)
    copy = export.full_model(export.plain_layers(classifier), None, RULE, None)
    export.save_onnx(copy, tmp_path / "model.onnx")
    [found] = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"tiles": photos})
    np.testing.assert_allclose(found, model.predict_on_batch(photos), atol=1e-5 if precision == "float32" else 0.02)

"""Exported models give the same probabilities as the pipeline, and don't need it."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from configs.schema import PreprocessConfig, PretrainConfig, TrainConfig
from tasks.images.tiles import tile_of
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.export import model as export
from tasks.inference.knn import References
from tasks.networks import autoencoder
from tasks.networks.classifier import feature_classifier, tile_classifier, with_features
from tasks.networks.encode import encode
from tasks.networks.hardware import dtype_policy
from tasks.store.errors import UserError

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="models are exported with TensorFlow")

SIDE_PX = 16
LABELS = ("cat", "dog", "große Eule")
CONFIG = TrainConfig(filters=(4,))
NETWORK = DecisionRule("network", LABELS, Calibration(1.7), None, 1.0, None)
RULES = {
    "network": NETWORK,
    "unknown": DecisionRule("network", LABELS, Calibration(1.7, 0.3), None, 1.0, "other"),
    "nearest": DecisionRule("nearest", LABELS, Calibration(1.7, 0.3), Calibration(0.1, 4.0), 0.0, "other"),
    "blend": DecisionRule("blend", LABELS, Calibration(1.7), Calibration(0.1), 0.3, None),
}


@pytest.fixture(scope="module", name="tiles")
def _tiles() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, SIDE_PX, SIDE_PX, 3), np.uint8)


@pytest.fixture(scope="module", name="classifier")
def _classifier() -> keras.Model:
    keras.utils.set_random_seed(0)
    return tile_classifier((SIDE_PX, SIDE_PX, 3), len(LABELS), CONFIG)


def references(length: int, classes: tuple[int, ...]) -> References:
    features = np.random.default_rng(1).normal(size=(len(classes), length)).astype(np.float32)
    return References.of(features, np.array(classes), np.array([str(i) for i in range(len(classes))]))


@pytest.mark.parametrize("name", RULES)
def test_the_full_model_agrees_with_the_decision_rule(name: str, classifier: keras.Model, tiles: np.ndarray) -> None:
    logits, features = (np.asarray(each) for each in with_features(classifier).predict_on_batch(tiles))
    known = references(features.shape[1], (2, 0, 2, 0, 0))  # no reference of class 1
    expected = RULES[name].probabilities(logits, known.class_similarity(features, len(LABELS)))
    model = export.full_model(classifier, None, RULES[name], known if RULES[name].nearest else None)
    np.testing.assert_allclose(model.predict_on_batch(tiles), expected, atol=1e-5)


@pytest.mark.slow
def test_codes_are_rounded_as_on_disk(tiles: np.ndarray) -> None:
    keras.utils.set_random_seed(0)
    shape = (SIDE_PX, SIDE_PX, 3)
    encoder = autoencoder.encoder(autoencoder.autoencoder(shape, PretrainConfig(filters=(4,), code_channels=2)))
    last = encoder.get_layer("encode_deep")
    last.set_weights([5e3 * weight for weight in last.get_weights()])  # so that rounding and clipping matter
    moments = np.zeros(2, np.float32), np.full(2, 1e7, np.float32)
    classifier = feature_classifier(encoder.output_shape[1:], 3, TrainConfig(filters=(4,)), moments)
    codes = encode(encoder, tiles, len(tiles)).astype(np.float32)
    assert np.abs(codes - encoder.predict_on_batch(tiles)).max() > 0.1
    expected = NETWORK.probabilities(classifier.predict_on_batch(codes), None)
    model = export.full_model(classifier, encoder, NETWORK, None)
    np.testing.assert_allclose(model.predict_on_batch(tiles), expected, atol=1e-5)


def test_a_copy_with_plain_layers_gives_the_same_outputs() -> None:
    keras.utils.set_random_seed(0)
    moments = np.array([1, -3, 0], np.float32), np.array([4, 0.25, 1e-13], np.float32)
    classifier = feature_classifier((8, 8, 3), 3, TrainConfig(filters=(4,)), moments)
    copy = export.plain_layers(classifier)
    assert not any(isinstance(layer, keras.layers.Normalization) for layer in copy.layers)
    codes = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(copy.predict_on_batch(codes), classifier.predict_on_batch(codes), atol=1e-5)


@pytest.mark.slow
def test_an_operation_that_cannot_be_converted_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    tiles = keras.Input((SIDE_PX, SIDE_PX, 3), dtype="uint8", name="tiles")
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(tiles)
    model = keras.Model(tiles, keras.layers.Activation("gelu")(pooled))
    with pytest.raises(UserError, match=r"can't be converted \(No Op registered for Erfc.*use --format savedmodel"):
        export.save_onnx(model, tmp_path / "model.onnx")


ALONE = """
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
photos = [open(name, "rb").read() for name in sys.argv[2:]]
answer = model.signatures["serving_default"](photos=tf.constant(photos))
assert not {"tasks", "flows", "configs"} & set(sys.modules)
found = {name: value.numpy().tolist() for name, value in answer.items()}
found["label"] = [name.decode() for name in found["label"]]
print("FOUND", json.dumps(found))
"""


@pytest.mark.slow
def test_a_saved_model_needs_only_tensorflow(tmp_path: Path, classifier: keras.Model) -> None:
    preprocess = PreprocessConfig(side_px=SIDE_PX)
    paths = []
    for number, (kind, size) in enumerate((("JPEG", (90, 60)), ("PNG", (9, 12)), ("JPEG", (300, 301)))):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        out = BytesIO()
        Image.fromarray(pixels).save(out, kind)
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(out.getvalue())
    rule = RULES["blend"]
    known = references(with_features(classifier).output_shape[1][1], (0, 1, 1, 2))
    model = export.full_model(classifier, None, rule, known)
    export.save_tensorflow(model, rule.names, preprocess, tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(tmp_path / "model"), *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.partition("FOUND ")[2])
    expected = model.predict_on_batch(np.stack([tile_of(path.read_bytes(), preprocess) for path in paths]))
    np.testing.assert_allclose(found["probabilities"], expected, atol=2e-3)  # tiles differ by 1 here and there
    assert found["label"] == [LABELS[i] for i in expected.argmax(axis=1)]
    np.testing.assert_allclose(found["probability"], np.max(found["probabilities"], axis=1), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unknown", "nearest"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_onnx_model_agrees_with_keras(tmp_path: Path, tiles: np.ndarray, name: str, precision: str) -> None:
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    with dtype_policy(precision):
        classifier = tile_classifier((SIDE_PX, SIDE_PX, 3), len(LABELS), CONFIG)
    known = references(with_features(classifier).output_shape[1][1], (2, 0, 2, 0, 0))
    rule, known = RULES[name], known if RULES[name].nearest else None
    model = export.full_model(classifier, None, rule, known)
    export.save_onnx(export.full_model(export.plain_layers(classifier), None, rule, known), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [end.name for end in (*session.get_inputs(), *session.get_outputs())] == ["tiles", "probabilities"]
    for count in (1, len(tiles)):
        [found] = session.run(None, {"tiles": tiles[:count]})
        expected = model.predict_on_batch(tiles[:count])
        np.testing.assert_allclose(found, expected, atol=1e-5 if precision == "float32" else 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unknown", "nearest"])
def test_a_litert_model_agrees_with_keras(tmp_path: Path, tiles: np.ndarray, name: str) -> None:
    from tasks.inference.export.litert import runner, save_litert

    classifier = tile_classifier((SIDE_PX, SIDE_PX, 3), len(LABELS), CONFIG)
    known = references(with_features(classifier).output_shape[1][1], (2, 0, 2, 0, 0))
    model = export.full_model(classifier, None, RULES[name], known if RULES[name].nearest else None)
    expected = model.predict_on_batch(tiles)
    for examples, tolerance in ((None, 1e-5), (tiles, 0.1)):  # float32, int8
        save_litert(model, tmp_path / "model.tflite", examples)
        answer = runner(tmp_path / "model.tflite")
        found = np.concatenate([answer(tiles=tile[None])["probabilities"] for tile in tiles])
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tf2onnx" else name)
    export.check("savedmodel")
    with pytest.raises(UserError, match=r"--format onnx: tf2onnx not installed; pip install 'fluke\[onnx\]'"):
        export.check("onnx")


def test_other_backends_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="needs TensorFlow, but Keras runs on jax: unset KERAS_BACKEND"):
        export.check("savedmodel")

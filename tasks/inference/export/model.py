"""Combine a classifier, its encoder and its decision rule into one model, and save it for other programs."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.export.openvino_import import openvino_without_telemetry
from tasks.inference.knn import References
from tasks.networks.classifier import with_features
from tasks.store.errors import UserError

_ANSWERS = "probabilities"
_FLOAT16_MAX = 65504
_PACKAGES = {"onnx": ("onnx", "tf2onnx"), "openvino": ("onnx", "tf2onnx", "openvino")}
"""What each format needs besides TensorFlow."""


def check(form: str) -> None:
    """Check that a format can be written here.

    Raises:
        UserError: Keras doesn't run on TensorFlow, or a package is missing.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"the export needs TensorFlow, but Keras runs on {keras.backend.backend()}: unset KERAS_BACKEND, or set it "
            "to tensorflow; models that were trained on another backend can be exported, too"
        )
    missing = [name for name in _PACKAGES.get(form, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--format {form}: {' and '.join(missing)} not installed; pip install 'fluke[{form}]' (in fluke's folder: "
            f"pip install -e '.[{form}]'), or use --format savedmodel"
        )


def full_model(
    classifier: keras.Model, encoder: keras.Model | None, rule: DecisionRule, references: References | None
) -> keras.Model:
    """Combine everything after the preprocessing into one model.

    Args:
        classifier: The trained classifier.
        encoder: The encoder whose codes the classifier was trained on, if any. The codes are rounded to float16, as the
            extract stage stores them.
        rule: The decision rule.
        references: The train photos to compare with; None if only the network decides.

    Returns:
        A model from tiles, uint8 (n, side, side, c), to probabilities, float32 (n, answers).
    """
    tiles = keras.Input((encoder or classifier).input_shape[1:], dtype="uint8", name="tiles")
    rows = tiles
    if encoder is not None:
        codes = ops.clip(encoder(tiles), -_FLOAT16_MAX, _FLOAT16_MAX)
        rows = ops.cast(ops.cast(codes, "float16"), "float32")
    logits, features = with_features(classifier)(rows)
    class_similarity = None if references is None else _class_similarity(references, features, len(rule.labels))
    named = keras.layers.Identity(name=_ANSWERS, dtype="float32")
    return keras.Model(tiles, named(_probabilities(rule, logits, class_similarity)), name="whole")


def _probabilities(
    rule: DecisionRule, logits: keras.KerasTensor, class_similarity: keras.KerasTensor | None
) -> keras.KerasTensor:
    """`DecisionRule.probabilities` as a graph."""
    if rule.nearest is None or class_similarity is None:
        return _calibrated(rule.network, logits)
    nearest = _calibrated(rule.nearest, class_similarity)
    if rule.infer_from == "nearest":
        return nearest
    return rule.weight * _calibrated(rule.network, logits) + (1 - rule.weight) * nearest


def _calibrated(calibration: Calibration, scores: keras.KerasTensor) -> keras.KerasTensor:
    """`Calibration.__call__` as a graph."""
    scaled = scores / calibration.temperature
    if calibration.unknown is not None:
        scaled = ops.pad(scaled, ((0, 0), (0, 1)), constant_values=calibration.unknown)
    return ops.softmax(scaled)


def _class_similarity(references: References, features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """`References.class_similarity` as a graph, with the references as the weights of a layer."""
    cosines = keras.layers.Dense(len(references.classes), use_bias=False, dtype="float32", name="references")
    found = cosines(ops.normalize(features, axis=-1))
    cosines.set_weights([references.features.T])
    by_class = ops.segment_max(ops.transpose(found), references.classes.astype("int32"), classes)
    return ops.maximum(ops.transpose(by_class), -1)  # segment_max gives less than -1 to a class without references


def save_tensorflow(model: keras.Model, names: Sequence[str], preprocess: PreprocessConfig, folder: Path) -> None:
    """Write a SavedModel that classifies JPEG and PNG files and needs only TensorFlow.

    Its signature `serving_default` takes `photos`, strings (n,), the content of the files. It returns `probabilities`,
    float32 (n, answers); and of the most probable answer, `label`, strings (n,), and `probability`, float32 (n,).

    Args:
        model: A model of `full_model`.
        names: The names of the answers.
        preprocess: How tiles are made of photos.
        folder: The folder to write.
    """
    import tensorflow as tf

    from tasks.inference.export.tf_tiles import tiles_of

    def answer(photos: tf.Tensor) -> dict[str, tf.Tensor]:
        found = model(tiles_of(photos, preprocess), training=False)
        label = tf.gather(tf.constant(list(names)), tf.argmax(found, axis=1))
        return {_ANSWERS: found, "label": label, "probability": tf.reduce_max(found, axis=1)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", answer, [tf.TensorSpec((None,), tf.string, name="photos")])
    archive.write_out(str(folder), verbose=False)


def load_tensorflow(folder: Path) -> Callable[[Sequence[bytes]], NDArray[np.float32]]:
    """Load a SavedModel of `save_tensorflow`: returns a function from the contents of files to probabilities."""
    import tensorflow as tf

    answer = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return lambda photos: np.asarray(answer(photos=tf.constant(list(photos)))[_ANSWERS], np.float32)


def plain_layers(network: keras.Model) -> keras.Model:
    """Copy a network with only those layers that all converters know.

    tf2onnx and LiteRT don't support mixed precision, so the copy computes in float32. tf2onnx also turns constants that
    a layer derives from its weights into inputs of the model; therefore Rescaling replaces Normalization.
    """
    copy = keras.models.clone_model(network, clone_function=_compatible_layer)
    for layer in copy.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return copy


def save_onnx(model: keras.Model, path: Path) -> None:
    """Write an ONNX file with the input `tiles` and the output `probabilities`, for batches of any size.

    Args:
        model: A model that `full_model` made of `plain_layers` networks.
        path: The file to write.

    Raises:
        UserError: The network has an operation that can't be converted.
    """
    import onnx

    tiles = keras.InputSpec(shape=model.input_shape, dtype="uint8", name="tiles")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # Keras uses a deprecated attribute of NumPy
        model.export(str(path), format="onnx", verbose=False, input_signature=[tiles])
    converted = onnx.load(path)
    [output] = converted.graph.output
    for node in converted.graph.node:
        node.output[:] = [_ANSWERS if name == output.name else name for name in node.output]
    output.name = _ANSWERS
    for tensor in (*converted.graph.input, output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    try:
        onnx.checker.check_model(converted)
    except onnx.checker.ValidationError as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"--format onnx: this network can't be converted ({reason}); use --format savedmodel"
        ) from error
    onnx.save(converted, path)


def save_openvino(model: keras.Model, path: Path) -> None:
    """Write an OpenVINO model, .xml and .bin, with the input and output of `save_onnx`, in float32.

    Raises:
        UserError: The network has an operation that can't be converted.
    """
    openvino = openvino_without_telemetry()
    with tempfile.TemporaryDirectory() as folder:
        save_onnx(model, Path(folder) / "model.onnx")
        openvino.save_model(openvino.Core().read_model(Path(folder) / "model.onnx"), path, compress_to_fp16=False)


def _compatible_layer(operation: Any) -> Any:
    """Copy a layer as one that tf2onnx can convert; return other operations unchanged."""
    if isinstance(operation, keras.layers.Normalization):
        mean, variance = (np.ravel(weight) for weight in operation.get_weights()[:2])
        scale = 1 / np.maximum(np.sqrt(variance), keras.backend.epsilon())
        return keras.layers.Rescaling(scale.tolist(), (-mean * scale).tolist(), name=operation.name)
    if not isinstance(operation, keras.layers.Layer):
        return operation
    return type(operation).from_config(operation.get_config() | {"dtype": operation.variable_dtype})

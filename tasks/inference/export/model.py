"""A classifier with all that belongs to it, as files that are used without this code: SavedModel or ONNX."""

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from configs.schema import PreprocessConfig
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tasks.networks.classifier import with_features
from tasks.store.errors import UserError

_ANSWERS = "probabilities"
_FLOAT16_MAX = 65504
_ONNX_PACKAGES = ("onnx", "tf2onnx")


def check(form: str) -> None:
    """Raise UserError where this Python can't write a format, `savedmodel` or `onnx`."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"a model is exported with TensorFlow, and Keras runs on {keras.backend.backend()}: unset KERAS_BACKEND, "
            "or set it to tensorflow; what was trained on another backend can be exported, too"
        )
    missing = [name for name in _ONNX_PACKAGES if form == "onnx" and importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--format onnx: {' and '.join(missing)} not installed; pip install 'fluke[onnx]' (in fluke's folder: "
            "pip install -e '.[onnx]'), or take --format savedmodel"
        )


def whole(
    classifier: keras.Model, encoder: keras.Model | None, inference: DecisionRule, references: References | None
) -> keras.Model:
    """One model of all that comes after tiles: from uint8 `(n, side, side, c)` to probabilities float32 `(n, answers)`.

    encoder: of the codes that the classifier takes, which are rounded to float16 as the pipeline keeps them.
    references: where something is inferred from them.
    """
    tiles = keras.Input((encoder or classifier).input_shape[1:], dtype="uint8", name="tiles")
    rows = tiles
    if encoder is not None:
        codes = ops.clip(encoder(tiles), -_FLOAT16_MAX, _FLOAT16_MAX)
        rows = ops.cast(ops.cast(codes, "float16"), "float32")
    logits, features = with_features(classifier)(rows)
    class_similarity = None if references is None else _likeness(references, features, len(inference.labels))
    named = keras.layers.Identity(name=_ANSWERS, dtype="float32")
    return keras.Model(tiles, named(_probabilities(inference, logits, class_similarity)), name="whole")


def _probabilities(
    inference: DecisionRule, logits: keras.KerasTensor, class_similarity: keras.KerasTensor | None
) -> keras.KerasTensor:
    """`DecisionRule.probabilities` as a graph."""
    if inference.nearest is None or class_similarity is None:
        return _calibrated(inference.network, logits)
    nearest = _calibrated(inference.nearest, class_similarity)
    if inference.infer_from == "nearest":
        return nearest
    return inference.weight * _calibrated(inference.network, logits) + (1 - inference.weight) * nearest


def _calibrated(calibration: Calibration, scores: keras.KerasTensor) -> keras.KerasTensor:
    """`Calibration.__call__` as a graph."""
    scaled = scores / calibration.temperature
    if calibration.unknown is not None:
        scaled = ops.pad(scaled, ((0, 0), (0, 1)), constant_values=calibration.unknown)
    return ops.softmax(scaled)


def _likeness(references: References, features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """`References.class_similarity` as a graph; the references are the weights of a layer."""
    cosines = keras.layers.Dense(len(references.classes), use_bias=False, dtype="float32", name="references")
    found = cosines(ops.normalize(features, axis=-1))
    cosines.set_weights([references.features.T])
    by_class = ops.segment_max(ops.transpose(found), references.classes.astype("int32"), classes)
    return ops.maximum(ops.transpose(by_class), -1)  # a class without references has less


def save_tensorflow(model: keras.Model, names: Sequence[str], preprocess: PreprocessConfig, folder: Path) -> None:
    """Write a SavedModel that takes encoded photos, and needs TensorFlow alone.

    model: as `whole` makes it. Its signature `serving_default` takes `photos`, strings `(n,)`, JPEG or PNG, and gives
    `probabilities` float32 `(n, answers)`, in the order of `names`, and the likeliest: `label`, strings `(n,)`, and
    `probability`, float32 `(n,)`.
    """
    import tensorflow as tf

    from tasks.inference.export.tf_tiles import tiles_of

    def answer(photos: tf.Tensor) -> dict[str, tf.Tensor]:
        found = model(tiles_of(photos, preprocess), training=False)
        likeliest = tf.gather(tf.constant(list(names)), tf.argmax(found, axis=1))
        return {_ANSWERS: found, "label": likeliest, "probability": tf.reduce_max(found, axis=1)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", answer, [tf.TensorSpec((None,), tf.string, name="photos")])
    archive.write_out(str(folder), verbose=False)


def convertible(network: keras.Model) -> keras.Model:
    """The same network, flat, of layers that the converter to ONNX knows.

    It knows no mixed precision, so all is computed in float32; and of constants that a layer derives from its weights,
    as Normalization does, it makes inputs.
    """
    same = keras.models.clone_model(network, clone_function=_convertible)
    for layer in same.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return same


def save_onnx(model: keras.Model, path: Path) -> None:
    """Write a model, as `whole` makes it of convertible networks, as ONNX: of `tiles`, `probabilities`, for any n.

    Raises UserError where the network has an operation that can't be converted.
    """
    import onnx

    tiles = keras.InputSpec(shape=model.input_shape, dtype="uint8", name="tiles")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # Keras asks numpy for what it has no more
        model.export(str(path), format="onnx", verbose=False, input_signature=[tiles])
    made = onnx.load(path)
    [output] = made.graph.output
    for node in made.graph.node:
        node.output[:] = [_ANSWERS if name == output.name else name for name in node.output]
    output.name = _ANSWERS
    for end in (*made.graph.input, output):
        end.type.tensor_type.shape.dim[0].dim_param = "n"
    try:
        onnx.checker.check_model(made)
    except onnx.checker.ValidationError as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"--format onnx: this network can't be converted ({reason}); take --format savedmodel"
        ) from error
    onnx.save(made, path)


def _convertible(operation: Any) -> Any:
    """A layer that does the same; what is no layer as it is."""
    if isinstance(operation, keras.layers.Normalization):
        mean, variance = (np.ravel(weight) for weight in operation.get_weights()[:2])
        scale = 1 / np.maximum(np.sqrt(variance), keras.backend.epsilon())
        return keras.layers.Rescaling(scale.tolist(), (-mean * scale).tolist(), name=operation.name)
    if not isinstance(operation, keras.layers.Layer):
        return operation
    return type(operation).from_config(operation.get_config() | {"dtype": operation.variable_dtype})

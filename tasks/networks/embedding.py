"""Photos embedded by a classification network from a Keras model file: what it sees just before it names a class."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.keras_io import load
from tasks.networks.scaling import Scale
from tasks.store.errors import UserError

VERSION = 1
"""Raised by whoever changes what is computed."""

_SIDE_PX = 224
_BATCH_PHOTOS = 32
_WITHOUT_MEANING = (
    "Activation",
    "Softmax",
    "ReLU",
    "Flatten",
    "Reshape",
    "Dropout",
    "Identity",
    "Squeeze",
)
_LARGEST_STEP = 0.05
"""Only pixels are multiplied by so little: 1/255, 2/255 ... A network for inputs of 0..1 has larger factors."""


class Embedding:
    """The network of a model file up to its head.

    `side_px` is the side of the squares that it looks at, `length` of the vectors that it gives.
    """

    def __init__(self, path: Path, scale: Scale | None = None) -> None:
        """Read a model file.

        scale: how pixels become its input; None: the model must do that itself, with uint8 inputs or a `Rescaling` or
        `Normalization` layer of pixels at its start. Raises UserError if the file can't be read, the network is none
        of RGB photos, or its scale is unknown: a wrong one gives poor embeddings without any sign of it.
        """
        try:
            model = load(path)
        except Exception as error:  # Keras raises all kinds of errors
            raise UserError(f"filter.embedding: {path} can't be read as a Keras model: {_first_line(error)}") from error
        self.side_px = _side_px(model, path)
        self._scale = _checked(model, path, scale)
        try:
            self._network = keras.Model(model.inputs, _features(model))
        except ValueError as error:
            raise UserError(f"filter.embedding: {path}: {_first_line(error)}") from error
        self.length = int(self._network.output_shape[-1])
        self._path = path

    def __call__(self, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
        """Embed n photos `(h, w, 3)`, RGB, uint8: `(n, length)` float16, finite.

        Each is resized to a square, which on photos of 3:4 was no worse than to crop or to pad them. Batches are always
        full, so an embedding doesn't depend on which others are computed with it. Raises UserError where the network
        gives something that is not a number. For one thread at a time.
        """
        vectors = []
        for start in range(0, len(photos), _BATCH_PHOTOS):
            part = photos[start : start + _BATCH_PHOTOS]
            batch = np.zeros((_BATCH_PHOTOS, self.side_px, self.side_px, 3), np.uint8)
            batch[: len(part)] = [_square(photo, self.side_px) for photo in part]
            vectors.append(np.asarray(self._network.predict_on_batch(_scaled(batch, self._scale)))[: len(part)])
        if not vectors:
            return np.zeros((0, self.length), np.float16)
        embedding = np.concatenate(vectors)
        if np.isnan(embedding).any():
            raise UserError(f"filter.embedding: {self._path} gives values that are no numbers; is it another model's?")
        limit = np.finfo(np.float16).max
        return np.asarray(np.clip(embedding, -limit, limit), np.float16)


def _square(photo: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    import cv2

    shrinks = min(photo.shape[:2]) >= side_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photo, (side_px, side_px), interpolation=how), np.uint8)


def _scaled(batch: NDArray[np.uint8], scale: Scale | None) -> NDArray[np.float32] | NDArray[np.uint8]:
    if scale is None:
        return batch
    pixels = batch.astype(np.float32)
    if isinstance(scale, str):
        preprocess = keras.applications.imagenet_utils.preprocess_input
        return np.asarray(preprocess(pixels, data_format="channels_last", mode=scale), np.float32)
    first, second = scale
    return (pixels - np.float32(first)) / np.float32(second)


def _side_px(model: keras.Model, path: Path) -> int:
    """Side of the squares that the network takes; 224 where it takes any."""
    inputs = getattr(model, "inputs", None) or []
    shape = tuple(inputs[0].shape) if len(inputs) == 1 and len(model.outputs) == 1 else ()
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise UserError(
            f"filter.embedding: {path} must take square RGB photos, (height, width, 3), and give one output; it takes "
            + (" and ".join(str(tuple(each.shape)[1:]) for each in inputs) or "nothing that it says")
        )
    return int(shape[1] or _SIDE_PX)


def _checked(model: keras.Model, path: Path, scale: Scale | None) -> Scale | None:
    """The scale, if it and the model agree on who scales the pixels."""
    itself = model.inputs[0].dtype == "uint8" or _takes_pixels(model)
    if itself and scale is not None:
        raise UserError(
            f"filter.embedding_scale: {path} scales its pixels itself, so {_shown(scale)} would scale them twice; "
            "set it to null"
        )
    if not itself and scale is None:
        raise UserError(
            f"filter.embedding_scale: {path} doesn't say how its pixels must be scaled; say it as its makers do: tf "
            "(-1..1), torch, caffe, or two numbers a, b for (pixel - a) / b: [127, 128], [0, 255], [0, 1] for none"
        )
    if isinstance(scale, tuple) and not scale[1]:
        raise UserError(f"filter.embedding_scale: {_shown(scale)} would divide by 0; [0, 1] leaves pixels as they are")
    return scale


def _shown(scale: Scale) -> str:
    return scale if isinstance(scale, str) else f"[{scale[0]:g}, {scale[1]:g}]"


def _takes_pixels(model: keras.Model) -> bool:
    """Whether the network's first layers turn 0..255 into what the others take."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            return _takes_pixels(layer)
        if isinstance(layer, keras.layers.Rescaling):
            return bool(0 < np.max(np.abs(layer.scale)) <= _LARGEST_STEP)
        if isinstance(layer, keras.layers.Normalization):
            return bool(np.max(keras.ops.convert_to_numpy(layer.variance)) > 1)
        if not isinstance(layer, keras.layers.InputLayer) and not type(layer).__name__.startswith("Random"):
            return False
    return False


def _features(model: keras.Model) -> keras.KerasTensor:
    """What the network's last layer, which names the classes, takes; pooled to `(n, d)`.

    A network without such a layer ends with its features already.
    """
    output = model.outputs[0]
    tensor, layer = output, output._keras_history.operation
    while type(layer).__name__ in _WITHOUT_MEANING and not layer.weights:
        tensor = _input_of(layer)
        layer = tensor._keras_history.operation
    names_classes = isinstance(layer, keras.layers.Dense) or (
        len(output.shape) == 2 and isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1)
    )
    features = _input_of(layer) if names_classes else output
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="embedding")(features)
    if len(features.shape) != 2 or features.shape[1] is None:
        raise ValueError(f"no vector of features before its head, but {tuple(features.shape)[1:]}")
    return features


def _input_of(layer: keras.layers.Layer) -> keras.KerasTensor:
    found = layer.input
    if not isinstance(found, keras.KerasTensor):
        raise ValueError(f"its layer {layer.name} has several inputs")
    return found


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

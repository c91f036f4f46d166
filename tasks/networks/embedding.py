"""Embeddings of photos: the features that a classification network in a Keras model file computes for its head."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.encode import to_float16
from tasks.networks.keras_io import first_line, load
from tasks.networks.scaling import Scale
from tasks.store.errors import UserError

VERSION = 1
"""Increase this when the computed embeddings change."""

_SIDE_PX = 224
_BATCH_PHOTOS = 32
_PASSIVE_LAYERS = (
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
"""Only pixels are multiplied by so small a factor: 1/255, 2/255 ... Inputs of 0..1 have larger factors."""


class Embedding:
    """The network of a model file without its head.

    `side_px` is the side of its square input; `length` is the length of an embedding.
    """

    def __init__(self, path: Path, scale: Scale | None = None) -> None:
        """Load a model file.

        Args:
            path: a Keras model file.
            scale: how pixels are scaled for the network. None: the model scales them itself; then it must take uint8
                inputs or begin with a `Rescaling` or `Normalization` layer for pixels.

        Raises:
            UserError: the file cannot be read, the network does not take RGB photos, or its scale is unknown. A wrong
                scale would give poor embeddings without any error.
        """
        try:
            model = load(path)
        except Exception as error:  # Keras raises many kinds of errors
            raise UserError(f"filter.embedding: cannot read {path} as a Keras model: {first_line(error)}") from error
        self.side_px = _side_px(model, path)
        self._scale = _checked(model, path, scale)
        try:
            self._network = keras.Model(model.inputs, _features(model))
        except ValueError as error:
            raise UserError(f"filter.embedding: {path}: {first_line(error)}") from error
        self.length = int(self._network.output_shape[-1])
        self._path = path

    def prepare(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize a photo `(h, w, 3)` to the square input; its embedding stays the same."""
        return _square(photo, self.side_px)

    def __call__(self, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
        """Embed photos; only one thread may do so at a time.

        Photos are resized to squares; with photos of 3:4, cropping or padding gave no better embeddings. Batches are
        always full, so an embedding does not depend on the other photos.

        Args:
            photos: n photos, uint8 `(h, w, 3)`, RGB.

        Returns:
            Embeddings, float16 `(n, length)`, finite.

        Raises:
            UserError: the network returns NaN.
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
            raise UserError(f"filter.embedding: {self._path} returns NaN; check that embedding_scale is the model's")
        return to_float16(embedding)


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
    """Return the side of the network's square input; 224 if it takes any size."""
    inputs = getattr(model, "inputs", None) or []
    shape = tuple(inputs[0].shape) if len(inputs) == 1 and len(model.outputs) == 1 else ()
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise UserError(
            f"filter.embedding: {path} must take square RGB photos, (height, width, 3), and give one output; it takes "
            + (" and ".join(str(tuple(each.shape)[1:]) for each in inputs) or "inputs of unknown shape")
        )
    return int(shape[1] or _SIDE_PX)


def _checked(model: keras.Model, path: Path, scale: Scale | None) -> Scale | None:
    """Return the scale, if exactly one of the scale and the model scales the pixels."""
    scales_itself = model.inputs[0].dtype == "uint8" or _takes_pixels(model)
    if scales_itself and scale is not None:
        raise UserError(
            f"filter.embedding_scale: {path} scales its pixels itself, and {_shown(scale)} would scale them again; "
            "set it to null"
        )
    if not scales_itself and scale is None:
        raise UserError(
            f"filter.embedding_scale: {path} does not contain its pixel scale; look it up where the model is from, "
            "and set tf (-1..1), torch, caffe, or two numbers a, b for (pixel - a) / b: [127, 128], [0, 255], [0, 1]"
        )
    if isinstance(scale, tuple) and not scale[1]:
        raise UserError(f"filter.embedding_scale: {_shown(scale)} would divide by 0; [0, 1] leaves pixels unchanged")
    return scale


def _shown(scale: Scale) -> str:
    return scale if isinstance(scale, str) else f"[{scale[0]:g}, {scale[1]:g}]"


def _takes_pixels(model: keras.Model) -> bool:
    """Return whether the network's first layers scale pixels of 0..255 for the others."""
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
    """Return the input of the network's classification layer, pooled to `(n, d)`.

    The output of a network without such a layer is already its features.
    """
    output = model.outputs[0]
    tensor, layer = output, output._keras_history.operation
    while type(layer).__name__ in _PASSIVE_LAYERS and not layer.weights:
        tensor = _input_of(layer)
        layer = tensor._keras_history.operation
    is_classification = isinstance(layer, keras.layers.Dense) or (
        len(output.shape) == 2 and isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1)
    )
    features = _input_of(layer) if is_classification else output
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="embedding")(features)
    if len(features.shape) != 2 or features.shape[1] is None:
        raise ValueError(f"before its head are no feature vectors, but {tuple(features.shape)[1:]}")
    return features


def _input_of(layer: keras.layers.Layer) -> keras.KerasTensor:
    found = layer.input
    if not isinstance(found, keras.KerasTensor):
        raise ValueError(f"its layer {layer.name} has several inputs")
    return found

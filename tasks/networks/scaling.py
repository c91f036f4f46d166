"""Preprocessing layers in front of a network: pixel scale, colour channels and smallest side.

All layers and operations are Keras' own, so a saved classifier can be loaded without this code.
"""

from typing import Literal

import keras

Scale = Literal["caffe", "tf", "torch"] | tuple[float, float]
"""How RGB pixels 0..255 are scaled: by a mode of Keras' `imagenet_utils.preprocess_input` (caffe: BGR minus the mean;
tf: -1..1; torch: normalised for each channel), or by two numbers, (pixel - first) / second."""

BRIGHTEST = 255
SCALED = "scaled"
"""Name of the last layer that scales pixels. Of several networks side by side, layers begin with a network's name."""
SCALED_CODES = "scaled_codes"
"""Name of the layer that standardises codes behind an encoder, whose own layer `scaled` scales pixels."""
_IN_FRONT = ("rgb", "resized", SCALED, "enlarged")
_BGR_MEAN = (103.939, 116.779, 123.68)
"""Mean of ImageNet's photos, 0..255, as used by the Caffe models of VGG and ResNet."""
_RGB_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's photos, 0..1."""
_RGB_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's photos, 0..1."""


def scale_pixels(tiles: keras.KerasTensor, scale: Scale, *, colour: bool = False) -> keras.KerasTensor:
    """Add layers that scale pixels; the last one is named `scaled`.

    Args:
        tiles: uint8 or floats `(n, h, w, 1 or 3)`, grey or RGB, 0..255.
        scale: the network's convention.
        colour: repeat a grey channel three times. caffe and torch always do that, as they differ between channels.

    Returns:
        float32 `(n, h, w, c)`, also under mixed precision, because float16 would round the result of caffe.
    """
    if tiles.shape[-1] == 1 and (colour or scale in ("caffe", "torch")):
        tiles = keras.layers.Concatenate(name="rgb")([tiles] * 3)
    factor: float | list[float]
    offset: float | list[float]
    if scale == "caffe":
        tiles = keras.ops.flip(tiles, axis=-1)
        factor, offset = 1.0, [-mean for mean in _BGR_MEAN]
    elif scale == "torch":
        factor = [1 / (255 * deviation) for deviation in _RGB_DEVIATION]
        offset = [-mean / deviation for mean, deviation in zip(_RGB_MEAN, _RGB_DEVIATION, strict=True)]
    else:
        first, second = (127.5, 127.5) if scale == "tf" else scale
        factor, offset = 1 / second, -first / second
    return keras.layers.Rescaling(factor, offset, dtype="float32", name=SCALED)(tiles)


def scales_pixels(layer: keras.layers.Layer) -> bool:
    """Return whether a layer is the last one that scales pixels (or codes); networks side by side have one each."""
    return _is_named(layer, SCALED)


def prepares_tiles(layer: keras.layers.Layer) -> bool:
    """Return whether a layer takes tiles, or is one of those that prepare them for a network."""
    return isinstance(layer, keras.layers.InputLayer) or any(_is_named(layer, name) for name in _IN_FRONT)


def _is_named(layer: keras.layers.Layer, name: str) -> bool:
    """Return whether a layer has a name; of networks side by side, it is behind the name of the network."""
    return f"_{layer.name}".endswith(f"_{name}")


def photo_deviation(scale: Scale) -> float:
    """Return the standard deviation of the pixels of ImageNet's photos, scaled by a network's convention.

    Codes get it before they enter a network with pretrained weights, so that its first layer sees the contrast of
    photos.
    """
    pixels = BRIGHTEST * sum(_RGB_DEVIATION) / len(_RGB_DEVIATION)
    if scale == "caffe":
        return pixels
    if scale == "torch":
        return 1.0
    return pixels / (127.5 if scale == "tf" else scale[1])


def enlarge(x: keras.KerasTensor, min_side_px: int) -> keras.KerasTensor:
    """Add a layer named `enlarged` if an input is smaller than a network accepts.

    Args:
        x: floats `(n, h, w, c)`.
        min_side_px: the smallest side that the network accepts.

    Returns:
        The input itself, or the input enlarged bilinearly by the smallest sufficient integer factor.
    """
    factor = -(-min_side_px // min(x.shape[1:3]))
    if factor > 1:
        x = keras.layers.UpSampling2D(factor, interpolation="bilinear", name="enlarged")(x)
    return x

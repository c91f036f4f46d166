"""From tiles or codes to what a network takes: its scale and its smallest side.

All is made of Keras' own layers and operations, so that a saved classifier needs none of this code.
"""

from typing import Literal

import keras

Scale = Literal["caffe", "tf", "torch"] | tuple[float, float]
"""How RGB pixels 0..255 become a network's input: as Keras' `imagenet_utils.preprocess_input` names it (caffe: BGR less
the mean; tf: -1..1; torch: normalised by channel), or (pixels - first) / second."""

_BGR_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet's photos, 0..255, as the Caffe models of VGG and ResNet were trained."""
_RGB_MEAN = (0.485, 0.456, 0.406)
_RGB_DEVIATION = (0.229, 0.224, 0.225)
"""Of ImageNet's photos, 0..1."""


def scaled(tiles: keras.KerasTensor, scale: Scale, *, colour: bool = False) -> keras.KerasTensor:
    """Pixels as a network's input, by a layer named `scaled`.

    tiles: uint8 or floats `(n, h, w, 1 or 3)`, grey or RGB, 0..255.
    colour: make three equal channels of a grey one; caffe and torch do so anyway, as they tell the channels apart.
    Returns float32 `(n, h, w, c)`, even under mixed precision: float16 would round what caffe subtracts.
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
    return keras.layers.Rescaling(factor, offset, dtype="float32", name="scaled")(tiles)


def fitted(x: keras.KerasTensor, min_side_px: int) -> keras.KerasTensor:
    """An input that a network can take.

    x: floats `(n, h, w, c)`.
    min_side_px: smaller inputs are enlarged, bilinearly, by the smallest integer factor that suffices.
    """
    factor = -(-min_side_px // min(x.shape[1:3]))
    if factor > 1:
        x = keras.layers.UpSampling2D(factor, interpolation="bilinear", name="enlarged")(x)
    return x

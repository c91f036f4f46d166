"""Convolutional autoencoders from tiles to a small code and back; both ends scale pixels.

`pretrain.architecture` chooses between two: `pooled` is that of `pooled_autoencoder`; `strided` is defined here. In it,
two paths are added up. The linear path is one strided convolution over overlapping patches in each direction; within a
few hundred steps it learns what a principal component analysis of the patches would give (Baldi and Hornik, Neural
Networks 2, 1989). The deep path of strided and transposed convolutions (Springenberg et al., arXiv:1412.6806) adds the
nonlinear part. Kernel sizes are multiples of the stride, which avoids checkerboard patterns (Odena et al.,
distill.pub/2016/deconv-checkerboard). No layer of it mixes the tiles of a batch.
"""

import keras

from configs.schema import PretrainConfig
from tasks.networks.pooled_autoencoder import pooled_layers
from tasks.networks.scaling import BRIGHTEST, SCALED

_ACTIVATION = "leaky_relu"  # its slope is nowhere zero, so no channel can die
_START = "he_normal"


def autoencoder(shape: tuple[int, int, int], config: PretrainConfig) -> keras.Model:
    """Build an untrained autoencoder.

    Args:
        shape: shape of a tile, `(h, w, c)`, with any h and w.
        config: architecture, filters and channels of the code.

    Returns:
        A model from tiles uint8 `(n, h, w, c)` to float32 of the same shape, about 0..255; strided doesn't clip them.
        Its layer `code` gives the code, floats `(n, ceil(h / 2^k), ceil(w / 2^k), code channels)`, where k is the
        number of filters; those of pooled are 0 or more.
    """
    height, width, channels = shape
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    if config.architecture == "pooled":
        x = pooled_layers(tiles, config)
        factor, offset = float(BRIGHTEST), 0.0
    else:
        scaled = keras.layers.Rescaling(2 / BRIGHTEST, offset=-1, name=SCALED)(tiles)
        x = _decode(_encode(scaled, config), channels, config)
        factor, offset = BRIGHTEST / 2, BRIGHTEST / 2
    extra_px = (x.shape[1] - height, x.shape[2] - width)
    if any(extra_px):  # a side is not a multiple of 2^k
        x = keras.layers.Cropping2D(((0, extra_px[0]), (0, extra_px[1])), name="crop")(x)
    x = keras.layers.Rescaling(factor, offset=offset, dtype="float32", name="brightness")(x)
    return keras.Model(tiles, x, name="autoencoder")


def encoder(autoencoder: keras.Model) -> keras.Model:
    """Return an autoencoder's first half: from tiles uint8 `(n, h, w, c)` to codes float32 `(n, h', w', c')`."""
    return keras.Model(autoencoder.input, autoencoder.get_layer("code").output, name="encoder")


def _encode(scaled: keras.KerasTensor, config: PretrainConfig) -> keras.KerasTensor:
    layers, patch_px, x = keras.layers, 2 ** len(config.layer_filters), scaled
    for depth, filters in enumerate(config.layer_filters, start=1):
        x = layers.Conv2D(
            filters, 4, 2, "same", activation=_ACTIVATION, kernel_initializer=_START, name=f"encode{depth}"
        )(x)
    deep = layers.Conv2D(config.channels_of_code, 1, name="encode_deep")(x)
    linear = layers.Conv2D(config.channels_of_code, 2 * patch_px, patch_px, "same", name="encode_linear")(scaled)
    return layers.Add(name="code", dtype="float32")([deep, linear])


def _decode(code: keras.KerasTensor, channels: int, config: PretrainConfig) -> keras.KerasTensor:
    layers, patch_px = keras.layers, 2 ** len(config.layer_filters)
    x = layers.Conv2D(
        config.layer_filters[-1], 3, 1, "same", activation=_ACTIVATION, kernel_initializer=_START, name="decode"
    )(code)
    for depth, filters in reversed(list(enumerate(config.layer_filters[:-1], start=1))):
        x = layers.Conv2DTranspose(
            filters, 4, 2, "same", activation=_ACTIVATION, kernel_initializer=_START, name=f"decode{depth}"
        )(x)
    deep = layers.Conv2DTranspose(channels, 4, 2, "same", name="decode_deep")(x)
    linear = layers.Conv2DTranspose(channels, 2 * patch_px, patch_px, "same", name="decode_linear")(code)
    return layers.Add(name="decoded", dtype="float32")([deep, linear])

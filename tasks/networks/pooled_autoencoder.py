"""The autoencoder of the whale write-up: pairs of convolutions with batch normalisation, max-pooling and upsampling.

Each level of the encoder has two convolutions of 3x3 and halves the sides; the last convolution gives the channels of
the code. The decoder goes the same way back: a level has two convolutions and doubles the sides. With filters (16, 8)
and 3 channels of the code, this is exactly the network of the write-up: 896x896x1 photos become codes of 224x224x3, and
it has 8,664 parameters, of which 182 are the averages of batch normalisation, which are not trained.
"""

import keras

from configs.schema import PretrainConfig
from tasks.networks.scaling import BRIGHTEST, SCALED

_MOMENTUM = 0.9
"""Of the averages of batch normalisation: a short training has few steps, and Keras' 0.99 would keep the first ones."""


def pooled_layers(tiles: keras.KerasTensor, config: PretrainConfig) -> keras.KerasTensor:
    """Add all layers of an autoencoder.

    Args:
        tiles: uint8 `(n, h, w, c)`.
        config: filters of each level, and channels of the code.

    Returns:
        Copies, float32 0..1, `(n, h', w', c)` with h' >= h and w' >= w. The layer `code` is the last max-pooling, which
        gives floats of 0 or more.
    """
    filters = config.layer_filters
    x = keras.layers.Rescaling(1 / BRIGHTEST, name=SCALED)(tiles)
    for level, count in enumerate(filters, start=1):
        is_last = level == len(filters)
        x = _convolve(x, count, f"encode{level}a")
        x = _convolve(x, config.channels_of_code if is_last else count, f"encode{level}b")
        dtype = "float32" if is_last else None
        x = keras.layers.MaxPooling2D(2, padding="same", dtype=dtype, name="code" if is_last else f"shrink{level}")(x)
    for level, count in reversed(list(enumerate(filters, start=1))):
        x = _convolve(x, count, f"decode{level}a")
        x = _convolve(x, count, f"decode{level}b")
        x = keras.layers.UpSampling2D(2, name=f"enlarge{level}")(x)
    return keras.layers.Conv2D(
        tiles.shape[-1], 3, padding="same", activation="sigmoid", dtype="float32", name="decoded"
    )(x)


def _convolve(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal", name=name)(x)
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)

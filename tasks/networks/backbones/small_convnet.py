"""The small network of cats and dogs: F. Chollet, "Deep Learning with Python", 2017, section 5.2.

On 150 x 150 RGB with one logit it has 3,453,121 parameters, nearly all between the last map and the dense layer.
"""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
"""The book has pixels of 0..1; centred ones are learnt from faster, by the same network."""
MIN_SIDE_PX = 46
"""Four unpadded convolutions with a halving after each leave one pixel of it."""

_FILTERS = (32, 64, 128, 128)
_UNITS = 512


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Convolutions and max pooling, then a dense layer; `config.dropout` is between them.

    inputs: floats `(n, h, w, c)`.
    Returns vectors, floats `(n, 512)`.
    """
    layers, x = keras.layers, inputs
    for block, filters in enumerate(_FILTERS, start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{block}")(x)
        x = layers.MaxPooling2D(name=f"pool{block}")(x)
    x = layers.Flatten(name="flat")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout, seed=config.seed, name="flat_dropout")(x)
    return layers.Dense(_UNITS, activation="relu", name="full")(x)

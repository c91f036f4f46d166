"""The small network of cats and dogs: F. Chollet, "Deep Learning with Python", 2017, section 5.2.

With 150 x 150 RGB pixels and one logit it has 3,453,121 parameters, nearly all of them in the dense layer.
"""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
"""The book scales pixels to 0..1; the same network trains faster on -1..1."""
MIN_SIDE_PX = 46
"""Four convolutions without padding, each followed by a halving, reduce 46 pixels to one."""

_FILTERS = (32, 64, 128, 128)
_UNITS = 512


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add convolutions with max pooling, dropout and a dense layer.

    Args:
        inputs: floats `(n, h, w, c)`.
        config: `dropout` and `seed` are used.

    Returns:
        Vectors, floats `(n, 512)`.
    """
    layers, x = keras.layers, inputs
    for block, filters in enumerate(_FILTERS, start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{block}")(x)
        x = layers.MaxPooling2D(name=f"pool{block}")(x)
    x = layers.Flatten(name="flat")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout, seed=config.seed, name="flat_dropout")(x)
    return layers.Dense(_UNITS, activation="relu", name="full")(x)

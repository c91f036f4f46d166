"""Pool a feature map with the generalised mean (GeM), by the square roots of its means, or to statistics of texture."""

import math

import keras
from keras import ops

EXPONENT = 3
_MEANS, _SQUARES = 0.01, 0.001
"""Factors of the statistics of texture: small, so that they don't decide which photos are similar (by the cosine)."""
_LEAST = 1e-6
"""Smaller responses count as this: the root has no finite slope at 0."""


def generalised_mean(features: keras.KerasTensor) -> keras.KerasTensor:
    """Add GeM pooling to a graph: the cube root of the mean of the cubed responses of each channel.

    Strong responses in a small part of a photo count more than in the mean: Radenović et al., arXiv:1711.02512, eq. 3,
    with the exponent 3 that its training begins with. Negative responses count as 0. It consists of Keras' own layers
    and operations, so a saved model can be loaded without this code. It is computed in float32, because a response
    above 40 has a cube beyond float16.

    Args:
        features: maps, floats `(n, h, w, d)`.

    Returns:
        Vectors, float32 `(n, d)`, all above 0.
    """
    x = keras.layers.Identity(name="responses", dtype="float32")(features)
    x = ops.maximum(x, _LEAST)
    x = keras.layers.GlobalAveragePooling2D(name="mean_of_cubes", dtype="float32")(x * x * x)
    return ops.power(x, 1 / EXPONENT)


def root_mean(features: keras.KerasTensor) -> keras.KerasTensor:
    """Add pooling by square roots to a graph: of the mean of each channel, with its sign, scaled to a common length.

    The root keeps a few strong channels from deciding how similar two photos are, and the length takes away how much a
    photo shows at all: Perronnin et al., "Improving the Fisher kernel for large-scale image classification", ECCV 2010,
    sections 3.1 and 3.2.

    Args:
        features: maps, floats `(n, h, w, d)`.

    Returns:
        Vectors, float32 `(n, d)`, of length sqrt(d), so that their values are about 1.
    """
    x = keras.layers.GlobalAveragePooling2D(name="means", dtype="float32")(features)
    x = ops.sign(x) * ops.sqrt(ops.maximum(ops.abs(x), _LEAST))
    x = keras.layers.UnitNormalization(name="direction_of_roots", dtype="float32")(x)
    return keras.layers.Rescaling(math.sqrt(x.shape[-1]), name="roots", dtype="float32")(x)


def texture(maps: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Add statistics of texture to a graph: the local mean and mean square of each channel of a map.

    Their means over a photo describe what is all over it, such as material: Gatys et al., "Texture synthesis using
    convolutional neural networks", NIPS 2015, with the diagonal of its Gram matrices only.

    Args:
        maps: floats `(n, h, w, d)`.

    Returns:
        Two maps, float32 `(n, ceil(h/2), ceil(w/2), d)`, with values about 0.01.
    """
    x = ops.cast(maps, "float32")
    means, squares = (ops.average_pool(each, 2, 2, padding="same") for each in (x, ops.square(x)))
    return [_MEANS * means, _SQUARES * squares]

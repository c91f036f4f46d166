"""Heads of classifiers: from pooled features to logits.

All layers are Keras' own, so a saved classifier can be loaded without this code.
"""

import math

import keras

from configs.schema import TrainConfig

WEIGHTED_LAYERS = ("hidden", "cosines", "logits")
"""Names of the layers of a head that have weights; not every head has all of them."""


def logits(pooled: keras.KerasTensor, classes: int, config: TrainConfig) -> keras.KerasTensor:
    """Add a head to a graph; its last layer is named `logits`.

    softmax is a dense layer. cosine and arcface are `config.scale` times the cosine of the angle between the features
    and a learned direction of each class (Deng et al., arXiv:1801.07698). With several directions of each class
    (`config.sub_centres`), the nearest one counts: Deng et al., "Sub-center ArcFace", ECCV 2020. So photos of one class
    that look different, such as both sides of an animal, or that are labelled wrongly, needn't be close to each other.

    Args:
        pooled: a network's pooled features, floats `(n, d)`.
        classes: number of classes.
        config: kind and parameters of the head.

    Returns:
        Logits, float32 `(n, classes)`.
    """
    layers, x = keras.layers, pooled
    if config.hidden:
        x = layers.Dense(config.hidden, activation="relu", kernel_initializer="he_normal", name="hidden")(x)
    x = layers.Dropout(config.dropout, seed=config.seed, name="dropout")(x)
    if config.head == "softmax":
        return layers.Dense(classes, dtype="float32", name="logits")(x)
    x = layers.UnitNormalization(dtype="float32", name="direction")(x)
    x = layers.Dense(
        classes * config.sub_centres,  # first one direction of each class, then the second of each, and so on
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1 / math.sqrt(x.shape[-1]), seed=config.seed),
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        dtype="float32",
        name="cosines",
    )(x)
    if config.sub_centres > 1:
        x = layers.Reshape((config.sub_centres, classes), dtype="float32", name="directions_of_classes")(x)
        x = layers.GlobalMaxPooling1D(dtype="float32", name="nearest_directions")(x)
    return layers.Rescaling(config.scale, dtype="float32", name="logits")(x)


def head(features: int, classes: int, config: TrainConfig) -> keras.Model:
    """Build a head as a separate model, from pooled features float32 `(n, features)` to logits."""
    pooled = keras.Input((features,), dtype="float32", name="pooled")
    return keras.Model(pooled, logits(pooled, classes, config), name="head")

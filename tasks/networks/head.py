"""Heads of classifiers: from pooled features to logits.

All layers are Keras' own, so a saved classifier can be loaded without this code.
"""

import math

import keras

from configs.schema import TrainConfig
from tasks.store.errors import UserError

CONVOLUTION = "cam"
"""Name of the convolution of a head with class activation maps; it comes before the layer `features`."""
WEIGHTED_LAYERS = ("hidden", "cosines", "logits")
"""Names of the layers of a head that have weights; not every head has all of them."""


def convolution(features: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the convolution that learns class activation maps, if `config.cam_filters` asks for it.

    A 3 x 3 convolution on the last map, whose mean goes to the softmax: Zhou et al., "Learning Deep Features for
    Discriminative Localization", CVPR 2016, section 3.

    Args:
        features: the network's last map, floats `(n, h, w, c)`.
        config: number of filters.

    Returns:
        The map of the new layer `cam`, floats 0 or more `(n, h, w, cam_filters)`; or the map as it is.

    Raises:
        UserError: the network has vectors instead of a map.
    """
    if not config.cam_filters:
        return features
    if len(features.shape) != 4:
        raise UserError(
            f"train.cam_filters={config.cam_filters}: the network has no feature map for a convolution; unset it, or "
            "choose another network (docs/networks.md)"
        )
    return keras.layers.Conv2D(
        config.cam_filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=CONVOLUTION
    )(features)


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

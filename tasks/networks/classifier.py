"""A classifier as one flat graph, scaling -> backbone -> head, with layers named `features` and `logits`."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig

Backbone = Callable[[keras.KerasTensor, TrainConfig], keras.KerasTensor]
Moments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and variance of each channel, float32 `(c,)` both."""


def tile_classifier(shape: tuple[int, int, int], classes: int, backbone: Backbone, config: TrainConfig) -> keras.Model:
    """An untrained classifier of tiles: uint8 `(n, h, w, c)` to logits float32 `(n, classes)`."""
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    scaled = keras.layers.Rescaling(2 / 255, offset=-1, name="scaled")(tiles)
    return _with_head(tiles, backbone(scaled, config), classes, config)


def feature_classifier(
    shape: tuple[int, int, int], classes: int, backbone: Backbone, config: TrainConfig, moments: Moments
) -> keras.Model:
    """An untrained classifier of features: floats `(n, h, w, c)` to logits float32 `(n, classes)`.

    moments: of the features that it will be trained on; they become weights of the model. A channel that
    never varies is left at its scale.
    """
    features = keras.Input(shape, dtype="float32", name="codes")
    scale = keras.layers.Normalization(name="scaled")
    scale.build((None, *shape))
    mean, variance = moments
    scale.set_weights([mean, np.where(variance > 1e-12, variance, 1), np.zeros(())])
    scale.finalize_state()
    return _with_head(features, backbone(scale(features), config), classes, config)


def _with_head(
    inputs: keras.KerasTensor, feature_map: keras.KerasTensor, classes: int, config: TrainConfig
) -> keras.Model:
    layers = keras.layers
    x = layers.Identity(name="features")(feature_map)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dropout(config.dropout, seed=config.seed, name="dropout")(x)
    x = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, x, name="classifier")

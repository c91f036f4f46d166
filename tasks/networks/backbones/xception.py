"""Xception: separable convolutions in 14 blocks, `block1` to `block14`. Chollet, arXiv:1610.02357."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
MIN_SIDE_PX = 71
APPLICATION = keras.applications.Xception


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 2048)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, weights=None, input_tensor=inputs).output

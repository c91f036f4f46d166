"""MobileNetV3-Large: inverted residuals with squeeze and excitation. Howard et al., arXiv:1905.02244."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
MIN_SIDE_PX = 32
APPLICATION = keras.applications.MobileNetV3Large


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 960)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, include_preprocessing=False, weights=None, input_tensor=inputs).output

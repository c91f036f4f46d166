"""EfficientNetV2-B0: fused and plain inverted residuals, `block1` to `block6`. Tan and Le, arXiv:2104.00298."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "torch"
MIN_SIDE_PX = 32
APPLICATION = keras.applications.EfficientNetV2B0


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 1280)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, include_preprocessing=False, weights=None, input_tensor=inputs).output

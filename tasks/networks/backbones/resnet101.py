"""ResNet101: bottleneck blocks in four stages, `conv2` to `conv5`. He et al., arXiv:1512.03385."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "caffe"
MIN_SIDE_PX = 32
APPLICATION = keras.applications.ResNet101


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 2048)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, weights=None, input_tensor=inputs).output

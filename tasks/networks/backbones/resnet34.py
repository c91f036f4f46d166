"""ResNet34: basic blocks in four stages, `conv2` to `conv5`. He et al., arXiv:1512.03385."""

import keras

from configs.schema import TrainConfig
from tasks.networks.backbones._resnet import basic_resnet
from tasks.networks.scaling import Scale

SCALE: Scale = "torch"
MIN_SIDE_PX = 32
UPPER_PART = "conv5"


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the network: floats `(n, h, w, c)` to a feature map, floats `(n, ceil(h/32), ceil(w/32), 512)`."""
    return basic_resnet(inputs, (3, 4, 6, 3))

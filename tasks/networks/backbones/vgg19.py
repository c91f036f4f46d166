"""VGG19: 16 convolutions of 3 x 3 in five blocks, `block1` to `block5`. Simonyan and Zisserman, arXiv:1409.1556."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "caffe"
MIN_SIDE_PX = 32
APPLICATION = keras.applications.VGG19


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 512)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, weights=None, input_tensor=inputs).output

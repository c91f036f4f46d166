"""InceptionV3: modules of parallel convolutions that end in `mixed0` to `mixed10`. Szegedy et al., arXiv:1512.00567."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
MIN_SIDE_PX = 75
APPLICATION = keras.applications.InceptionV3


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """The network of keras.applications up to its last feature map.

    inputs: floats `(n, h, w, c)`.
    Returns floats `(n, h', w', 2048)`, a side being about 1/32 of the input's.
    """
    return APPLICATION(include_top=False, weights=None, input_tensor=inputs).output

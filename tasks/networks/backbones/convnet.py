"""A small convolutional network, after Simonyan and Zisserman, arXiv:1409.1556."""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "tf"
MIN_SIDE_PX = 1
SMALLEST_MAP = 4
"""A feature map is not halved below this side, so that class-activation maps stay readable."""


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add blocks of convolution, batch normalisation and ReLU, with max pooling between them while maps are large.

    Args:
        inputs: floats `(n, h, w, c)`.
        config: `filters` is used.

    Returns:
        A feature map, floats `(n, h', w', config.filters[-1])`.
    """
    x = inputs
    for block, filters in enumerate(config.filters, start=1):
        if block > 1 and min(x.shape[1:3]) >= 2 * SMALLEST_MAP:
            x = keras.layers.MaxPooling2D(name=f"pool{block}")(x)
        x = keras.layers.Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv{block}"
        )(x)
        # a short training has few steps: a lower momentum than Keras' forgets the first ones sooner
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{block}")(x)
        x = keras.layers.ReLU(name=f"relu{block}")(x)
    return x

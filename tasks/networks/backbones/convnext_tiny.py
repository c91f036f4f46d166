"""ConvNeXt-Tiny: large depthwise kernels in four stages. Liu et al., arXiv:2201.03545.

The network, its names of layers and its weights are Keras', with two differences. The graph is flat, whereas Keras puts
the layers between stages into nested models. Depthwise convolutions replace grouped ones, which are eight times slower
on a CPU.
"""

import keras

from configs.schema import TrainConfig
from tasks.networks.scaling import Scale

SCALE: Scale = "torch"
MIN_SIDE_PX = 32
UPPER_PART = "convnext_tiny_stage_3"
APPLICATION = keras.applications.ConvNeXtTiny
ALIASES = {"convnext_tiny_head_layernorm": "layer_normalization"}  # the name in Keras' network without a head

_STAGES = ((3, 96), (3, 192), (9, 384), (3, 768))
"""Blocks and channels of each stage."""
_NAME = "convnext_tiny"
_EPSILON = 1e-6


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the network, up to the normalisation of its last feature map.

    Args:
        inputs: floats `(n, h, w, c)`.
        config: not used.

    Returns:
        A feature map, floats `(n, h // 32, w // 32, 768)`.
    """
    x = keras.layers.Conv2D(_STAGES[0][1], 4, 4, name=f"{_NAME}_stem_conv")(inputs)
    x = _norm(x, f"{_NAME}_stem_layernorm")
    for stage, (blocks, channels) in enumerate(_STAGES):
        if stage:
            x = _norm(x, f"{_NAME}_downsampling_layernorm_{stage - 1}")
            x = keras.layers.Conv2D(channels, 2, 2, name=f"{_NAME}_downsampling_conv_{stage - 1}")(x)
        for block in range(blocks):
            x = _block(x, channels, f"{_NAME}_stage_{stage}_block_{block}")
    return _norm(x, f"{_NAME}_head_layernorm")


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.LayerNormalization(epsilon=_EPSILON, name=name)(x)


def _block(inputs: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    layers = keras.layers
    x = layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise_conv")(inputs)
    x = _norm(x, f"{name}_layernorm")
    x = layers.Dense(4 * channels, activation="gelu", name=f"{name}_pointwise_conv_1")(x)
    x = layers.Dense(channels, name=f"{name}_pointwise_conv_2")(x)
    start = keras.initializers.Constant(1e-6)  # an untrained block changes its input very little
    x = layers.EinsumDense("nhwc,c->nhwc", x.shape[1:], kernel_initializer=start, name=f"{name}_layer_scale")(x)
    return layers.Add(name=f"{name}_add")([inputs, x])

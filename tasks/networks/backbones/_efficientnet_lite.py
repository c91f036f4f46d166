"""EfficientNet-Lite: EfficientNet (Tan and Le, arXiv:1905.11946) for phones: no squeeze and excitation, ReLU6.

As published in github.com/tensorflow/tpu, models/official/efficientnet/lite. A larger network has more blocks in each
stage but the first and the last; the stem and the head stay as they are. Blocks are named `b0`, `b1` ...; the layer of
the features is `head_act`.
"""

import math
import re

import keras

from tasks.networks.scaling import Scale

SCALE: Scale = (127, 128)
MIN_SIDE_PX = 32

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""For each stage of Lite0: blocks, side of the kernel, stride of the first block, expansion, channels."""
_STEM, _HEAD = 32, 1280
_START = keras.initializers.VarianceScaling(2, "fan_out", "truncated_normal")
_TORCH = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "head_conv": "_conv_head", "head_bn": "_bn1"}
_TORCH_BLOCK = {"expand": "_expand_conv", "dw": "_depthwise_conv", "project": "_project_conv"}


def efficientnet_lite(inputs: keras.KerasTensor, depth: float) -> keras.KerasTensor:
    """Add a network.

    Args:
        inputs: floats `(n, h, w, c)`.
        depth: factor of the numbers of blocks, which are rounded up.

    Returns:
        A feature map, floats 0..6 `(n, ceil(h/32), ceil(w/32), 1280)`.
    """
    x = _relu6(_norm(_conv(inputs, _STEM, 3, 2, "stem_conv"), "stem_bn"), "stem_act")
    number = 0
    for stage, (blocks, side, first_stride, expansion, channels) in enumerate(_STAGES):
        inner = 0 < stage < len(_STAGES) - 1
        for block in range(math.ceil(blocks * depth) if inner else blocks):
            x = _block(x, side, 1 if block else first_stride, expansion, channels, name=f"b{number}")
            number += 1
    return _relu6(_norm(_conv(x, _HEAD, 1, 1, "head_conv"), "head_bn"), "head_act")


def torch_name(layer: str) -> str:
    """Return what PyTorch's version of the network (efficientnet_lite_pytorch) calls one of our layers."""
    if layer in _TORCH:
        return _TORCH[layer]
    block, part = re.fullmatch(r"b(\d+)_(\w+)", layer).groups()  # type: ignore[union-attr]
    return f"_blocks.{block}.{_TORCH_BLOCK.get(part, f'_{part}')}"


def _block(
    inputs: keras.KerasTensor, side: int, stride: int, expansion: int, channels: int, *, name: str
) -> keras.KerasTensor:
    """Add an inverted residual block: expand the channels, convolve each channel, project them."""
    x = inputs
    if expansion > 1:
        x = _conv(x, x.shape[-1] * expansion, 1, 1, f"{name}_expand")
        x = _relu6(_norm(x, f"{name}_bn0"), f"{name}_act0")
    x = keras.layers.DepthwiseConv2D(
        side, stride, "same", use_bias=False, depthwise_initializer=_START, name=f"{name}_dw"
    )(x)
    x = _relu6(_norm(x, f"{name}_bn1"), f"{name}_act1")
    x = _norm(_conv(x, channels, 1, 1, f"{name}_project"), f"{name}_bn2")
    if stride == 1 and inputs.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _conv(x: keras.KerasTensor, channels: int, side: int, stride: int, name: str) -> keras.KerasTensor:
    return keras.layers.Conv2D(channels, side, stride, "same", use_bias=False, kernel_initializer=_START, name=name)(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(name=name)(x)


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6, name=name)(x)

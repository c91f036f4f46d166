"""The layers of a classifier that give feature maps, and a choice of them to show."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from tasks.networks.scaling import SCALED_CODES, prepares_tiles

_CODE = "code"


def feature_maps(classifier: keras.Model) -> list[keras.layers.Layer]:
    """List the layers with outputs `(n, h, w, c)` between a classifier's preprocessing and its layer `features`.

    Padding layers are left out, and so are maps that are smaller than the last one: those belong to squeeze and
    excitation. A linear classifier of codes has no layer before `features`: its map is the code.

    Raises:
        ValueError: there is no such layer.
    """
    names = [layer.name for layer in classifier.layers]
    start = names.index(SCALED_CODES) + 1 if SCALED_CODES in names else 0
    found = [
        layer
        for layer in _maps(classifier.layers[start : names.index("features")])
        if not isinstance(layer, keras.layers.ZeroPadding2D)
    ]
    features = classifier.get_layer("features")
    if not found and len(features.output.shape) == 4:
        found = [features]
    if not found:
        raise ValueError(f"{classifier.name} has no feature map")
    smallest = side(found[-1])
    return [layer for layer in found if side(layer) >= smallest]


def encoder_maps(network: keras.Model) -> list[keras.layers.Layer]:
    """List the layers of an autoencoder's encoder with outputs `(n, h, w, c)`, from the first one to the code.

    Args:
        network: the encoder, or a classifier; only one that was trained through an encoder has such layers.
    """
    names = [layer.name for layer in network.layers]
    if _CODE not in names:
        return []
    return _maps(network.layers[: names.index(_CODE) + 1])


def _maps(layers: Sequence[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Choose the layers with outputs `(n, h, w, c)`, without those that prepare tiles for a network."""
    return [layer for layer in layers if len(layer.output.shape) == 4 and not prepares_tiles(layer)]


def side(layer: keras.layers.Layer) -> int:
    """Return the shorter side of a layer's map."""
    return int(min(layer.output.shape[1:3]))


def representative_layers(classifier: keras.Model, most: int = 4) -> list[keras.layers.Layer]:
    """Choose at most `most` layers, in order: the last one before each halving of the side, evenly spread."""
    maps = feature_maps(classifier)
    whole = max(map(side, maps))
    # rounded, because convolutions without padding also make maps a few pixels smaller
    last = {round(math.log2(whole / side(layer))): layer for layer in maps}
    found = [last[halvings] for halvings in sorted(last)]
    return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(int)]

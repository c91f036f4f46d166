"""The layers of a classifier that give feature maps, and a choice of them to show."""

import math

import keras
import numpy as np

_CODE = "code"
_PREPROCESSING = {"scaled", "scaled_codes", "contrast", "enlarged"}


def feature_maps(classifier: keras.Model) -> list[keras.layers.Layer]:
    """List the layers with outputs `(n, h, w, c)` between a classifier's preprocessing and its layer `features`.

    Padding layers are left out, and so are maps that are smaller than the last one: those belong to squeeze and
    excitation. A linear classifier of codes has no layer before `features`: its map is the code.

    Raises:
        ValueError: there is no such layer.
    """
    layers = classifier.layers
    names = [layer.name for layer in layers]
    start = max((i for i, name in enumerate(names) if name in _PREPROCESSING), default=0) + 1
    found = [
        layer
        for layer in layers[start : names.index("features")]
        if len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.ZeroPadding2D)
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
    layers = network.layers[: names.index(_CODE) + 1]
    start = max(i for i, layer in enumerate(layers) if layer.name in {"tiles", *_PREPROCESSING}) + 1
    return [layer for layer in layers[start:] if len(layer.output.shape) == 4]


def side(layer: keras.layers.Layer) -> int:
    """Return the shorter side of a layer's map."""
    return int(min(layer.output.shape[1:3]))


def representative_layers(classifier: keras.Model, most: int = 4) -> list[keras.layers.Layer]:
    """Choose at most `most` layers, in order: the last one before each halving of the side, evenly spread."""
    maps = feature_maps(classifier)
    whole = side(maps[0])
    # rounded, because convolutions without padding also make maps a few pixels smaller
    last = {round(math.log2(whole / side(layer))): layer for layer in maps}
    found = [last[halvings] for halvings in sorted(last)]
    return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(int)]

"""The feature maps of a classifier, and which of them to show."""

import math

import keras
import numpy as np

_PREPARATION = {"scaled", "enlarged"}


def feature_maps(classifier: keras.Model) -> list[keras.layers.Layer]:
    """The layers that give maps `(n, h, w, c)`, in order, from a classifier's prepared input to its layer `features`.

    Left out is what only pads a map, and what is smaller than the last one: the means by which some networks weigh
    channels. Raises ValueError if there is none.
    """
    layers = classifier.layers
    names = [layer.name for layer in layers]
    start = max(i for i, name in enumerate(names) if name in _PREPARATION) + 1
    found = [
        layer
        for layer in layers[start : names.index("features")]
        if len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.ZeroPadding2D)
    ]
    if not found:
        raise ValueError(f"{classifier.name} has no feature map")
    smallest = side(found[-1])
    return [layer for layer in found if side(layer) >= smallest]


def side(layer: keras.layers.Layer) -> int:
    """The shorter side of a layer's map."""
    return int(min(layer.output.shape[1:3]))


def telling(classifier: keras.Model, most: int = 4) -> list[keras.layers.Layer]:
    """The layers to show: the last one before each halving of the side, at most so many, evenly spread, in order."""
    maps = feature_maps(classifier)
    whole = side(maps[0])
    # the nearest halving, as convolutions without padding take a few pixels off a map, too
    last = {round(math.log2(whole / side(layer))): layer for layer in maps}
    found = [last[halvings] for halvings in sorted(last)]
    return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(int)]

"""Inspection of a classifier's layers: their feature maps of a tile, and images that activate their channels."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain import activation_max
from tasks.networks.explain.layers import representative_layers
from tasks.networks.explain.result import LayerImages, LayerInspection
from tasks.networks.keras_io import predict


def inspect_layers(
    classifier: keras.Model,
    tiles: NDArray[np.uint8],
    encoder: keras.Model | None = None,
    *,
    most: int = 6,
    seed: int = 0,
) -> LayerInspection:
    """Inspect up to four layers: feature maps of the first tile, and images that activate channels most.

    Args:
        classifier: a trained classifier.
        tiles: a few tiles, uint8 `(n, side, side, 1 or 3)`; the maps of all of them are in memory at once. The channels
            with images are those that vary most over all tiles, so that no inactive channel is chosen.
        encoder: the encoder, for a classifier of codes.
        most: number of channels for each layer, of maps and of images.
        seed: seed of the images' random numbers.

    Returns:
        The first tile and the inspected layers.
    """
    layers = representative_layers(classifier)
    inputs = tiles if encoder is None else predict(encoder, tiles)
    outputs = activations(classifier, layers, inputs)
    found = []
    for layer, output in zip(layers, outputs, strict=True):
        channels, responsive = most_varied(output[:1], most), most_varied(output, most)
        images = activation_max.maximise(activation_max.from_pixels(classifier, layer, encoder), responsive, seed=seed)
        shown = np.moveaxis(output[0][..., channels], -1, 0)
        found.append(LayerImages(layer.name, output.shape[1:], channels, shown, responsive, images))
    return LayerInspection(tiles[0], found)


def activations(
    classifier: keras.Model, layers: list[keras.layers.Layer], inputs: NDArray[Any]
) -> list[NDArray[np.float32]]:
    """Compute each layer's feature maps, float32 `(n, h, w, c)`, for inputs of a classifier."""
    # a dict, because Keras unwraps a list with one output
    network = keras.Model(classifier.input, {layer.name: layer.output for layer in layers})
    outputs = network.predict_on_batch(inputs)
    return [np.asarray(outputs[layer.name], np.float32) for layer in layers]


def most_varied(maps: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Choose at most `most` channels of maps `(n, h, w, c)`, in descending order of variance."""
    return np.argsort(-maps.var(axis=(0, 1, 2)), kind="stable")[:most]

"""Inspection of a classifier's layers: their feature maps of a tile, and images that activate their channels."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain import activation_max
from tasks.networks.explain.layers import representative_layers
from tasks.networks.explain.result import LayerImages, LayerInspection
from tasks.networks.forward import Forward


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
    inputs = tiles if encoder is None else _outputs(encoder, tiles)[0]
    outputs = activations(classifier, layers, inputs)
    channels = [most_varied(output[:1], most) for output in outputs]
    responsive = [most_varied(output, most) for output in outputs]
    network = activation_max.FromPixels(classifier, layers, encoder)
    images = activation_max.maximise(network, responsive, seed=seed)
    shown = [np.moveaxis(output[0][..., chosen], -1, 0) for output, chosen in zip(outputs, channels, strict=True)]
    found = [
        LayerImages(layer.name, output.shape[1:], *arrays)
        for layer, output, *arrays in zip(layers, outputs, channels, shown, responsive, images, strict=True)
    ]
    return LayerInspection(tiles[0], found)


def activations(
    classifier: keras.Model, layers: list[keras.layers.Layer], inputs: NDArray[Any]
) -> list[NDArray[np.float32]]:
    """Compute each layer's feature maps, float32 `(n, h, w, c)`, for inputs of a classifier."""
    return _outputs(keras.Model(classifier.input, [layer.output for layer in layers]), inputs)


def _outputs(network: keras.Model, inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Compute a network's outputs for a few inputs."""
    found = []
    for count, outputs in Forward(network, total_rows=len(inputs))(inputs):
        several = outputs if isinstance(outputs, list) else [outputs]
        found.append([np.asarray(keras.ops.convert_to_numpy(each)[:count], np.float32) for each in several])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def most_varied(maps: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Choose at most `most` channels of maps `(n, h, w, c)`, in descending order of variance."""
    return np.argsort(-maps.var(axis=(0, 1, 2)), kind="stable")[:most]

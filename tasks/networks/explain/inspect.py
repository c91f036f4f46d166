"""What is inside a trained classifier: what its layers make of a tile, and what their channels respond to."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain import activation_max
from tasks.networks.explain import layers as maps
from tasks.networks.explain.result import Insight, Layer
from tasks.networks.keras_io import predict


def look_inside(
    classifier: keras.Model,
    tiles: NDArray[np.uint8],
    encoder: keras.Model | None = None,
    *,
    most: int = 6,
    seed: int = 0,
) -> Insight:
    """Up to four layers of a classifier: maps of `most` channels for the first tile, and pictures that excite `most`.

    tiles: `(n, side, side, 1 or 3)`, a handful: those channels are drawn that vary most in all of them, so none that
    never answers. All their maps are in memory at once.
    encoder: of a classifier of codes.
    """
    layers = maps.telling(classifier)
    inputs = tiles if encoder is None else predict(encoder, tiles)
    answers = activations(classifier, layers, inputs)
    found = []
    for layer, answer in zip(layers, answers, strict=True):
        channels, responsive = most_varied(answer[:1], most), most_varied(answer, most)
        pictures = activation_max.ascend(activation_max.from_pixels(classifier, layer, encoder), responsive, seed=seed)
        shown = np.moveaxis(answer[0][..., channels], -1, 0)
        found.append(Layer(layer.name, answer.shape[1:], channels, shown, responsive, pictures))
    return Insight(tiles[0], found)


def activations(
    classifier: keras.Model, layers: list[keras.layers.Layer], inputs: NDArray[Any]
) -> list[NDArray[np.float32]]:
    """Each layer's maps, float32 `(n, h, w, c)`, for inputs of a classifier."""
    # by name, as Keras unwraps a list of one output
    network = keras.Model(classifier.input, {layer.name: layer.output for layer in layers})
    answers = network.predict_on_batch(inputs)
    return [np.asarray(answers[layer.name], np.float32) for layer in layers]


def most_varied(answers: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """At most so many channels of maps `(n, h, w, c)`, those of the largest variance first."""
    return np.argsort(-answers.var(axis=(0, 1, 2)), kind="stable")[:most]

"""Freezing and unfreezing a pretrained network."""

import re

import keras

from configs.suggest import did_you_mean
from tasks.networks.head import CONVOLUTION
from tasks.store.errors import UserError


def freeze(classifier: keras.Model) -> None:
    """Make only the head of a classifier trainable: the layers after `features`, and its convolution, if any."""
    for layer in _network(classifier):
        layer.trainable = False


def unfreeze(classifier: keras.Model, start: str | int) -> None:
    """Make a network trainable from some layer to its end.

    Batch normalisation stays frozen and keeps its averages: those of a few small batches would undo what the network
    has learnt (keras.io/guides/transfer_learning, "Fine-tuning").

    Args:
        classifier: the model to change.
        start: the beginning of a layer's name (`block5`), a number of last layers with weights, or `all`.

    Raises:
        UserError: the network has no such layer.
    """
    layers = _network(classifier)
    with_weights = [layer for layer in layers if layer.weights]
    first: keras.layers.Layer | None
    if isinstance(start, int):
        first = with_weights[-start] if 0 < start <= len(with_weights) else None
    elif start == "all":
        first = layers[0]
    else:
        prefix = re.compile(rf"{re.escape(start)}(?!\d)")  # block1 must not match block10
        first = next((layer for layer in layers if prefix.match(layer.name)), None)
    if first is None:
        names = [layer.name for layer in with_weights]
        raise UserError(
            f"train.unfreeze: the network has no layer {start!r}{did_you_mean(str(start), names, 0.3)}; "
            f"its {len(names)} layers with weights are {names[0]} to {names[-1]}"
        )
    for layer in layers[layers.index(first) :]:
        layer.trainable = True
        for part in layer._flatten_layers():  # itself, and the layers inside a block of KerasHub or a nested model
            if isinstance(part, keras.layers.BatchNormalization):
                part.trainable = False


def _network(classifier: keras.Model) -> list[keras.layers.Layer]:
    layers: list[keras.layers.Layer] = classifier.layers
    network = layers[: layers.index(classifier.get_layer("features"))]
    return [layer for layer in network if layer.name != CONVOLUTION]

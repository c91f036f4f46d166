"""How much memory a network's layers need, so that batches of large tiles are computed in parts."""

import math
import os

import keras

_VALUE_BYTES = 4
_TRAINING_BYTES = 512 << 20
"""What the outputs of all layers, and their gradients, may need in training on a CPU. More rows at once don't make a
CPU faster where a row needs so much: on two cores, the pooled autoencoder took 0.4 s for each tile of 896 px, with 1, 2
or 4 of them at once, and 0.7 s with 8."""
_FORWARD_BYTES = 384 << 20
"""What the output of a single layer may need without training; two or three of them are in memory at a time."""


def rows_in_training(network: keras.Model) -> int:
    """Return how many rows a CPU should train on at once, 1 or more."""
    return max(1, _TRAINING_BYTES // training_bytes(network))


def rows_forward(network: keras.Model, most: int) -> int:
    """Return how many rows should be computed at once without training: from 2 to `most`, or a power of 2."""
    rows, fitting = most, _FORWARD_BYTES // max(_layer_bytes(network))
    if fitting >= most:
        return most
    rows = 2
    while 2 * rows <= fitting:
        rows *= 2
    return rows


def training_bytes(network: keras.Model) -> int:
    """Estimate the bytes that a row needs in training: the outputs of all layers, and their gradients, in float32."""
    return 2 * sum(_layer_bytes(network))


def machine_bytes() -> int:
    """Return the memory of this machine, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _layer_bytes(network: keras.Model) -> list[int]:
    tensors = [tensor for layer in network.layers for tensor in keras.tree.flatten(layer.output)]
    return [_VALUE_BYTES * math.prod(side or 1 for side in tensor.shape[1:]) for tensor in tensors]

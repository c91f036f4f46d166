"""Pretrained networks as encoders: from tiles to one vector for each photo. Importing this does not import Keras."""

from typing import TYPE_CHECKING

from configs.schema import PretrainConfig, TrainConfig
from tasks.networks import backbones, hub

if TYPE_CHECKING:
    import keras

_OTHERS = ("autoencoder", "none", "hub:NAME")
"""Further values of `pretrain.encoder`."""


def check(name: str) -> None:
    """Raise UserError, with the nearest name and all names, if `pretrain.encoder` names no network."""
    if name.startswith(hub.PREFIX):
        hub.check(name)
    elif name not in _OTHERS:
        backbones.check(name, "pretrain.encoder", _OTHERS)


def module_of(name: str) -> str:
    """Return the full name of the module that defines a network."""
    return "tasks.networks.hub" if name.startswith(hub.PREFIX) else backbones.module_of(name)


def last_block(name: str) -> str | None:
    """Return where the last block of a network begins, the beginning of its layers' names; None if unknown."""
    return None if name.startswith(hub.PREFIX) else backbones.load(name).last_block


def pretrained_encoder(shape: tuple[int, int, int], config: PretrainConfig) -> "keras.Model":
    """Build an encoder with pretrained weights.

    Args:
        shape: shape of a tile, `(h, w, 1 or 3)`; a grey tile becomes three equal channels.
        config: network, weights and pooling.

    Returns:
        A model from uint8 `(n, h, w, c)` to float32 `(n, d)`. Its layer `features` gives the last feature map, its
        layer `pooled` the result.

    Raises:
        UserError: there is no such network, or its weights cannot be loaded.
    """
    import keras

    from tasks.networks import weights
    from tasks.networks.classifier import pool
    from tasks.networks.scaling import enlarge, scale_pixels

    check(config.encoder)
    if config.encoder.startswith(hub.PREFIX):
        network = hub.network(shape, config.encoder)
        return keras.Model(network.input, pool(network.output, config.pooling), name="encoder")
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    backbone = backbones.load(config.encoder)
    x = enlarge(scale_pixels(tiles, backbone.scale, colour=True), backbone.min_side_px)
    outputs = backbone.build(x, TrainConfig())
    weights.load(x, outputs, config.encoder, config.weights)
    return keras.Model(tiles, pool(outputs, config.pooling), name="encoder")

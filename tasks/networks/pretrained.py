"""Pretrained networks as encoders: from tiles to one vector for each photo. Importing this does not import Keras."""

from typing import TYPE_CHECKING

from configs.schema import PretrainConfig, TrainConfig
from tasks.networks import backbones, hub
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import keras

    from tasks.networks.weights import Settings

_AND = "+"
"""Joins the names of several networks."""
_OTHERS = ("autoencoder", "none", "hub:NAME")
"""Further values of `pretrain.encoder`."""


def check(name: str) -> None:
    """Raise UserError, with the nearest name and all names, if `pretrain.encoder` names no network."""
    if name.startswith(hub.PREFIX):
        hub.check(name)
    elif name not in _OTHERS:
        networks = name.split(_AND)
        for each in networks:
            backbones.check(each, "pretrain.encoder", _OTHERS if len(networks) == 1 else ())
        if len(set(networks)) < len(networks):
            raise UserError(f"pretrain.encoder={name}: a network is named twice; name each once")


def modules_of(name: str) -> list[str]:
    """Return the full names of the modules that define the networks."""
    if name.startswith(hub.PREFIX):
        return ["tasks.networks.hub"]
    return sorted({backbones.module_of(each) for each in name.split(_AND)})


def upper_part(name: str) -> str | None:
    """Return where the part of a network begins that is trained first: its layer's name or the beginning of it."""
    return None if name.startswith(hub.PREFIX) or _AND in name else backbones.load(name).upper_part


def pretrained_encoder(
    shape: tuple[int, int, int], config: PretrainConfig, named: "Settings | None" = None
) -> "keras.Model":
    """Build an encoder with pretrained weights.

    Several networks, joined by +, take the same tiles; their feature maps are put side by side.

    Args:
        shape: shape of a tile, `(h, w, 1 or 3)`; a grey tile becomes three equal channels.
        config: network, weights, pooling and texture.
        named: what messages name; None: the settings of pretrain.

    Returns:
        A model from uint8 `(n, h, w, c)` to float32 `(n, d)`. Its layer `features` gives the last feature map and, in
        further channels, the statistics of texture, if any; its layer `pooled` gives the result.

    Raises:
        UserError: there is no such network, or its weights cannot be loaded.
    """
    import keras

    from tasks.networks import weights
    from tasks.networks.classifier import pool
    from tasks.networks.pooling import texture
    from tasks.networks.scaling import enlarge, scale_pixels

    check(config.encoder)
    if config.encoder.startswith(hub.PREFIX):
        network = hub.network(shape, config.encoder)
        return keras.Model(network.input, pool(network.output, config.pooling), name="encoder")
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    maps: list[keras.KerasTensor] = []
    textures: list[keras.KerasTensor] = []
    for name in config.encoder.split(_AND):
        backbone = backbones.load(name)
        x = enlarge(scale_pixels(tiles, backbone.scale, colour=True), backbone.min_side_px)
        outputs = backbone.build(x, TrainConfig())
        weights.load(x, outputs, name, config.weights, named or weights.OF_ENCODER)
        if config.texture:
            network = keras.Model(tiles, outputs)
            for layer in backbone.texture_maps:
                textures += texture(network.get_layer(layer).output)
        if maps:  # layers of one graph need different names
            for layer in keras.Model(tiles, outputs).layers[1:]:
                layer.name = f"{name}_{layer.name}"
        maps.append(outputs)
    return keras.Model(tiles, pool(_side_by_side(maps, config.encoder), config.pooling, textures), name="encoder")


def _side_by_side(maps: "list[keras.KerasTensor]", encoder: str) -> "keras.KerasTensor":
    """Concatenate the channels of feature maps."""
    import keras

    if len(maps) == 1:
        return maps[0]
    shapes = {each.shape[1:-1] for each in maps}
    if len(shapes) > 1:
        found = " and ".join(str(tuple(shape)) for shape in sorted(shapes))
        raise UserError(
            f"pretrain.encoder={encoder}: the networks give maps of different sizes, {found}, for these tiles; join "
            "networks of one family, or set another preprocess.side_px"
        )
    return keras.layers.Concatenate(name="maps")(maps)

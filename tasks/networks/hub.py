"""Presets of KerasHub as encoders: `pretrain.encoder` is `hub:` and a preset's name, handle or folder.

KerasHub is an extra of fluke. Importing this imports neither KerasHub nor Keras.
"""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.suggest import did_you_mean
from tasks.store import hashing
from tasks.store.errors import UserError

if TYPE_CHECKING:
    import keras

PREFIX = "hub:"
_CONFIG = "config.json"
"""Every preset has this file."""
_WITH_CLASS_TOKEN = ("ViTBackbone", "DeiTBackbone", "DINOV2Backbone", "DINOV3Backbone")


def check(encoder: str) -> None:
    """Raise UserError if KerasHub is not installed or a preset's folder is missing; names are not checked."""
    if find_spec("keras_hub") is None:
        raise UserError(
            f"pretrain.encoder={encoder}: KerasHub is not installed; pip install 'fluke[hub]' (in fluke's folder: "
            "pip install -e '.[hub]')"
        )
    name = encoder.removeprefix(PREFIX)
    folder = Path(name).expanduser()
    looks_local = "://" not in name and ("/" in name or name.startswith((".", "~")))
    if not name or ((looks_local or folder.is_dir()) and not (folder / _CONFIG).is_file()):
        raise UserError(
            f"pretrain.encoder={encoder}: {name or 'nothing'} is not a preset's folder, which has a {_CONFIG}; give "
            "the folder that `save_to_preset` of KerasHub wrote, or a preset's name such as hub:dinov2_small"
        )


def external_inputs(encoder: str) -> dict[str, str | int]:
    """Return the digest of the files of a preset's folder; empty for a preset that KerasHub downloads."""
    folder = Path(encoder.removeprefix(PREFIX)).expanduser()
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.iterdir() if path.is_file())
    digests = [[path.name, hashing.of_user_file(path, "pretrain.encoder")] for path in files]
    return {"preset": hashing.of_value(digests)[:24]}


def network(shape: tuple[int, int, int], encoder: str) -> "keras.Model":
    """Build a preset with its weights, after its own preprocessing.

    A network with a fixed input size gets tiles of that size; others get them as they are. The blocks of a network of
    convolutions become layers of one graph, without a nested model. A vision transformer stays one layer; its tokens
    become a map again, and each place of the map also gets the class token, if there is one.

    Args:
        shape: shape of a tile, `(h, w, 1 or 3)`; a grey tile becomes three equal channels.
        encoder: the value of `pretrain.encoder`.

    Returns:
        A model from uint8 `(n, h, w, c)` to the last feature map, floats `(n, h', w', c')`.

    Raises:
        UserError: KerasHub is not installed, the preset cannot be loaded, or it is not a network for photos.
    """
    import keras

    check(encoder)
    backbone, converter = _loaded(encoder)
    given = keras.tree.flatten(backbone.input)
    rank = None if isinstance(backbone.output, dict) else len(backbone.output.shape)
    if len(given) != 1 or len(given[0].shape) != 4 or given[0].shape[-1] != 3 or rank not in (3, 4):
        raise UserError(
            f"pretrain.encoder={encoder}: {type(backbone).__name__} is not a network from photos to one map; use a "
            "preset of an image classifier, such as hub:resnet_50_imagenet, hub:vit_base_patch16_224_imagenet or "
            "hub:dinov2_small"
        )
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    x = _preprocessed(tiles, converter, given[0].shape[1:3])
    image = keras.tree.pack_sequence_as(backbone.input, [x])
    if rank == 3:
        return keras.Model(tiles, _as_map(backbone(image), has_class_token=_has_class_token(backbone)))
    # calling the backbone itself would add it as one layer, of which nothing could be explained
    return _copied(keras.Model(tiles, backbone.call(image)), encoder)


def _loaded(encoder: str) -> tuple[Any, Any]:
    """Return a preset's backbone and image converter."""
    import keras_hub

    from tasks.networks.keras_io import first_line

    name = encoder.removeprefix(PREFIX)
    folder = Path(name).expanduser()
    known = sorted(keras_hub.layers.ImageConverter.presets)
    if not folder.is_dir() and "://" not in name and name not in known:
        raise UserError(
            f"pretrain.encoder={encoder}: KerasHub has no preset {name!r} for photos{did_you_mean(name, known)}"
        )
    preset = str(folder) if folder.is_dir() else name
    try:
        return (
            keras_hub.models.Backbone.from_preset(preset),
            keras_hub.layers.ImageConverter.from_preset(preset),
        )
    except Exception as error:  # KerasHub raises many kinds of errors
        remedy = "give another preset" if folder.is_dir() else "check the network, or give the folder of a preset"
        raise UserError(f"pretrain.encoder={encoder}: cannot load it: {first_line(error)}; {remedy}") from error


def _preprocessed(
    tiles: "keras.KerasTensor", converter: Any, side: tuple[int | None, int | None]
) -> "keras.KerasTensor":
    """Add what an image converter does, as layers of Keras, since those of KerasHub do not reload without it."""
    import keras

    from tasks.networks.scaling import SCALED

    x = keras.layers.Concatenate(name="rgb")([tiles] * 3) if tiles.shape[-1] == 1 else tiles
    if side[0] and side[1] and side != tuple(x.shape[1:3]):
        x = keras.layers.Resizing(
            *side,
            interpolation=converter.interpolation,
            antialias=converter.antialias,
            dtype="float32",
            name="resized",
        )(x)
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=SCALED)(x)


def _copied(model: "keras.Model", encoder: str) -> "keras.Model":
    """Copy a model, so that its layers belong to this one graph only, and their outputs are those of this graph."""
    import keras

    try:
        copy = keras.Model.from_config(model.get_config())
    except Exception as error:  # layers of some networks cannot be stored one by one
        raise UserError(
            f"pretrain.encoder={encoder}: Keras cannot store the layers of this network; use another preset"
        ) from error
    copy.set_weights(model.get_weights())
    return copy


def _has_class_token(backbone: Any) -> bool:
    return type(backbone).__name__ in _WITH_CLASS_TOKEN and bool(getattr(backbone, "use_class_token", True))


def _as_map(tokens: "keras.KerasTensor", *, has_class_token: bool) -> "keras.KerasTensor":
    """Arrange tokens `(n, t, d)` of a square grid, after those that are not places, as a map `(n, g, g, d or 2d)`."""
    import keras

    layers = keras.layers
    count, length = tokens.shape[1:]
    side = math.isqrt(count)
    places = layers.Cropping1D((count - side * side, 0), name="place_tokens")(tokens)
    grid = layers.Reshape((side, side, length), name="token_map")(places)
    if not has_class_token:
        return grid
    whole = layers.Cropping1D((0, count - 1), name="class_token")(tokens)
    whole = layers.UpSampling2D(side, name="class_token_map")(layers.Reshape((1, 1, length), name="class_place")(whole))
    return layers.Concatenate(name="place_and_class_tokens")([grid, whole])

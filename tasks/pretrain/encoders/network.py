"""A pretrained network as the encoder: a photo's features are its last map, pooled, and statistics of its texture."""

from pathlib import Path
from typing import TYPE_CHECKING

from configs.schema import PretrainConfig
from tasks.networks.encode import encoder_info
from tasks.pretrain.encoders import Encoder
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Manifest
from tasks.tables.pretrain import ENCODER

if TYPE_CHECKING:
    import keras


def build(config: PretrainConfig, *, kept: Path, tiles: Path, context: StageContext) -> Encoder:
    """Write a pretrained network for these tiles.

    Raises:
        UserError: there is no such network, or its weights cannot be read or downloaded.
    """
    from tasks.networks.keras_io import weights_digest
    from tasks.networks.pretrained import pretrained_encoder, upper_part

    tile = _tile(tiles)
    encoder = pretrained_encoder(tile, config)
    encoder.save(ENCODER.path(context.out))
    length = int(encoder.output_shape[-1])
    of_last_map = _channels_of_last_map(encoder)
    info = {"features": length, "of_last_map": of_last_map, "upper_part": upper_part(config.encoder), "tile": tile}
    counts = {"features": length, "parameters": encoder.count_params()}
    return Encoder(hashing.of_value([weights_digest(encoder), config.pooling, length]), counts, info)


def external_inputs(config: PretrainConfig) -> dict[str, str | int]:
    """Return the digest of the file of weights, if `pretrain.weights` is a path, or of a preset's folder.

    Raises:
        UserError: there is no such network, or the file cannot be read.
    """
    from tasks.networks import hub
    from tasks.networks.pretrained import check

    check(config.encoder)
    if config.encoder.startswith(hub.PREFIX):
        return hub.external_inputs(config.encoder)
    if not isinstance(config.weights, Path):
        return {}
    return {"weights": hashing.of_user_file(config.weights, "pretrain.weights")}


def accept_stale(config: PretrainConfig, candidate: Path, *, kept: Path, tiles: Path) -> str | None:
    """Return that other photos don't change the network, if it takes tiles of this shape; else None."""
    try:
        info = encoder_info(candidate)
    except (OSError, ValueError):  # damaged; the store reports that elsewhere
        return None
    return "a pretrained network doesn't depend on the photos" if info.get("tile") == [*_tile(tiles)] else None


def dynamic_modules(config: PretrainConfig) -> list[str]:
    """Return the modules of the networks."""
    from tasks.networks.pretrained import modules_of

    return modules_of(config.encoder)


def _channels_of_last_map(encoder: "keras.Model") -> int:
    """Return how many features, the first ones, come from the last map; the others are statistics of texture."""
    inputs = [each for each in encoder.layers if each.name == "with_texture"]
    return int(inputs[0].input[0].shape[-1] if inputs else encoder.output_shape[-1])


def _tile(tiles: Path) -> tuple[int, int, int]:
    """Return the shape of the tiles, `(side, side, channels)`."""
    made_with = Manifest.read(tiles).cache_key.config
    return made_with["side_px"], made_with["side_px"], 1 if made_with["colour"] == "grey" else 3

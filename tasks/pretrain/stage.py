"""Provide the encoder that turns tiles into features: a pretrained network, an autoencoder, or none."""

from importlib import import_module
from pathlib import Path
from typing import Any

from configs.schema import PretrainConfig
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.stage import Stage
from tasks.tables.pretrain import ENCODER_INFO

VERSION = 5


def external_inputs(config: PretrainConfig, root: Path) -> dict[str, str | int]:
    """Return what decides the weights besides the settings, such as the digest of a user's file.

    Raises:
        UserError: there is no such encoder, or its weights cannot be read.
    """
    found: dict[str, str | int] = _module(config).external_inputs(config)
    return found


def build_encoder(config: PretrainConfig, *, kept: Path, tiles: Path, context: StageContext) -> Result:
    """Write the encoder and its description.

    Args:
        config: the settings.
        kept: folder of the filter's artifact.
        tiles: folder of the tiles.
        context: where to write, and how to report.
    """
    encoder = _module(config).build(config, kept=kept, tiles=tiles, context=context)
    info = {"kind": config.kind, "name": config.encoder, **encoder.info}
    write_json(ENCODER_INFO.path(context.out), info)
    return Result(encoder.counts, digest=hashing.of_value([info, encoder.digest]))


def accept_stale(config: PretrainConfig, candidate: Path, *, kept: Path, tiles: Path) -> str | None:
    """Return why a stored encoder can be reused although the kept photos have changed; None if it cannot."""
    why: str | None = _module(config).accept_stale(config, candidate, kept=kept, tiles=tiles)
    return why


def dynamic_modules(config: PretrainConfig) -> list[str]:
    """Return the modules that the settings name."""
    module = _module(config)
    return [module.__name__, *module.dynamic_modules(config)]


def _module(config: PretrainConfig) -> Any:
    # not a normal import: the other encoders are not part of the source digest
    return import_module(f"tasks.pretrain.encoders.{config.kind}")


STAGE = Stage(
    "pretrain",
    VERSION,
    build=build_encoder,
    external_inputs=external_inputs,
    dynamic_modules=dynamic_modules,
    accept_stale=accept_stale,
)

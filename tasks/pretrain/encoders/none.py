"""No encoder: the classifier's network learns from scratch on tiles, and there are no features."""

from pathlib import Path

from configs.schema import PretrainConfig
from tasks.pretrain.encoders import Encoder
from tasks.store.context import StageContext


def build(config: PretrainConfig, *, kept: Path, tiles: Path, context: StageContext) -> Encoder:
    """Return the description of no encoder; nothing is computed."""
    return Encoder("none", {})


def external_inputs(config: PretrainConfig) -> dict[str, str | int]:
    """Return nothing: there are no weights."""
    return {}


def accept_stale(config: PretrainConfig, candidate: Path, *, kept: Path, tiles: Path) -> str | None:
    """Return that there is nothing to do."""
    return "nothing to do: pretrain.encoder is none"


def dynamic_modules(config: PretrainConfig) -> list[str]:
    """Return nothing: the settings name no module."""
    return []

"""The settings of a config one by one, each with its dotted name such as `train.epochs`."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from configs.schema import Config


def leaves(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each setting of a section."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def descriptions(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the description of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from descriptions(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or ""


def differing_settings(config: Config, other: Config) -> list[str]:
    """Return the dotted names of the settings in which two configs differ."""
    theirs = dict(leaves(other))
    return [name for name, value in leaves(config) if value != theirs[name]]

"""Write a config as YAML, each setting below its description."""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from configs.schema import Config


def to_yaml(config: Config, *, ascii_only: bool = False) -> str:
    """Return all settings as YAML for `fluke run FILE`, each below a comment with its description.

    Args:
        config: The settings.
        ascii_only: Whether to write all other characters as in "caf\\xE9", for an encoding other than UTF-8.
    """
    return "\n".join(_lines(config, "", ascii_only))


def _lines(section: BaseModel, indent: str, ascii_only: bool) -> Iterator[str]:
    dumped = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        inner = getattr(section, name)
        if isinstance(inner, BaseModel):
            yield f"{indent}# {(inner.__doc__ or '').strip()}"
            yield f"{indent}{name}:"
            yield from _lines(inner, f"{indent}  ", ascii_only)
        else:
            yield f"{indent}# {field.description}"
            yield f"{indent}{name}: {_inline(dumped[name], ascii_only)}"
        if not indent:
            yield ""


def _inline(value: Any, ascii_only: bool) -> str:
    """Return a value as YAML on one line; what a terminal would obey is written as in "\\e[2J"."""
    options: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "width": 10**6}
    text = yaml.safe_dump(value, allow_unicode=not ascii_only, **options)
    text = text.removesuffix("...\n").strip()  # PyYAML ends a single scalar with this marker
    return text if ascii_only or text.isprintable() else _inline(value, ascii_only=True)

"""Overrides such as `train.epochs=5`: read them, and put them into settings."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from configs import values, yaml_text
from configs.errors import ConfigError
from configs.schema import Config

SHORT_FORMS = {"train.imbalance": "method", "notify": "urls"}
"""A section that may be given as one value -> the setting of that value: `imbalance: focal` sets `imbalance.method`."""
_UNSECTIONED = {name for name, field in Config.model_fields.items() if not isinstance(field.default, BaseModel)}
"""Settings that are in no section."""


def parsed(overrides: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and texts, sections before their settings, so that `imbalance=focal` doesn't undo `imbalance.gamma`.

    Raises:
        ConfigError: An override is no `section.setting=value`.
    """
    found: dict[str, str] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals or ("." not in name and name not in _UNSECTIONED and name not in SHORT_FORMS):
            raise ConfigError(f"{shown(override)!r}: an override looks like train.epochs=5")
        if any("\ud800" <= letter <= "\udfff" for letter in override):  # Prefect and the records can't store it
            raise ConfigError(
                f"{name}: {shown(text, name)!r} is not valid in the encoding of this terminal "
                f"({sys.getfilesystemencoding()}); give the file or folder a name in that encoding, or a "
                "link that has one (ln -s)"
            )
        found[name] = text
    return sorted(found.items(), key=lambda item: len(values.split_name(item[0])))


def apply(given: dict[str, Any], name: str, text: str) -> None:
    """Set one setting, or one class of crawl.keywords."""
    override = shown(f"{name}={text}")
    *sections, setting = values.split_name(name)
    try:
        value = values.from_command_line(name, text)
    except (yaml.YAMLError, yaml_text.RepeatedNameError) as error:
        reason = "it is no list of YAML" if is_secret(name) else " ".join(str(error).split())
        raise ConfigError(f"{override!r}: the value can't be read: {reason}") from error
    inner = given
    for depth, section in enumerate(sections, 1):
        below = inner.get(section) or {}
        main = SHORT_FORMS.get(".".join(sections[:depth]))
        if isinstance(below, str | list) and main:
            below = {main: below}
        if not isinstance(below, Mapping):
            raise ConfigError(f"{override!r}: {section} is a setting, not a section")
        inner[section] = inner = dict(below)
    inner[setting] = value


def replaced_overrides(overrides: Sequence[str]) -> list[str]:
    """Return a line for each override that a later one of the same setting replaces by another value."""
    last = dict(override.partition("=")[::2] for override in overrides)
    return [
        f"{name} is given twice: {shown(last[name], name)!r} replaces {shown(text, name)!r}"
        for name, _, text in dict.fromkeys(override.partition("=") for override in overrides)
        if text != last[name]
    ]


def is_secret(name: str) -> bool:
    """Whether a setting may contain passwords: the addresses of messages, which nothing prints."""
    return f"{name}.".startswith("notify.") and not name.startswith("notify.on")


def shown(text: str, name: str = "") -> str:
    """Return what a message may show of an override, or of the value of a setting."""
    given, equals, _ = text.partition("=")
    if name:
        return "***" if is_secret(name) else text
    return f"{given}=***" if equals and is_secret(given) else text

"""Load a config from a preset's YAML file and overrides such as `train.epochs=5`; refuse invalid settings."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from configs import presets, values, yaml_text
from configs.errors import ConfigError
from configs.mistakes import messages
from configs.overrides import apply, parsed
from configs.schema import Config
from configs.settings import leaves
from configs.suggest import did_you_mean


def load(preset: str, overrides: Sequence[str] = ()) -> Config:
    """Load a preset and apply overrides. `filter.memory` becomes the model's name, unless it is given.

    Args:
        preset: A preset's name, or the path of a YAML file.
        overrides: `section.setting=value` or `name=value`. Text is used as it is; lists and mappings are read as YAML.

    Raises:
        ConfigError: The preset or an override is invalid; one line for each mistake.
    """
    return with_memory(as_given(preset, overrides), preset)


def model_name(config: Config, preset: str) -> str:
    """Return the name of the model that a config makes better: its setting `name`, or the preset's name."""
    return config.name or preset_name(preset)


def preset_name(preset: str) -> str:
    """Return the name of a preset: `animals` of `animals` and of `my/animals.yaml`; always valid Unicode."""
    name = Path(preset).stem if preset.lower().endswith((".yaml", ".yml")) else preset
    return name.encode("utf-8", "backslashreplace").decode()  # the name of a file may be anything


def with_memory(config: Config, preset: str) -> Config:
    """Return a config whose `filter.memory` is the model's name, unless it is set."""
    if config.filter.memory is not None:
        return config
    memory = model_name(config, preset)
    return config.model_copy(update={"filter": config.filter.model_copy(update={"memory": memory})})


def as_given(preset: str, overrides: Sequence[str] = ()) -> Config:
    """Load a preset and apply overrides; `filter.memory` stays null unless it is given.

    Raises:
        ConfigError: The preset or an override is invalid; one line for each mistake.
    """
    given = read_preset(preset)
    for name, text in parsed(overrides):
        apply(given, name, text)
    return checked(given)


def with_overrides(config: Config, overrides: Sequence[str]) -> Config:
    """Return a config with some settings changed, as on the command line.

    Raises:
        ConfigError: An override is invalid; one line for each mistake.
    """
    given = config.model_dump(mode="json")
    for name, text in parsed(overrides):
        apply(given, name, text)
    return checked(given)


def checked(given: dict[str, Any]) -> Config:
    """Return the config that has these settings, as `read_mapping` returns them, and the defaults of all others.

    Raises:
        ConfigError: A setting is invalid; one line for each mistake.
    """
    try:
        config = Config.model_validate(values.from_yaml(given))
    except ValidationError as error:
        raise ConfigError("\n".join(messages(error.errors()))) from error
    for name, value in leaves(config):
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in numbers):
            raise ConfigError(f"{name}: must be a finite number (got {value})")
    return config


def path_of(preset: str) -> Path:
    """Return the file of a preset, which is named or is a file of the user."""
    return Path(preset) if preset.lower().endswith((".yaml", ".yml")) else presets.FOLDER / f"{preset}.yaml"


def read_preset(preset: str) -> dict[str, Any]:
    """Read the settings of a preset.

    Raises:
        ConfigError: There is no such file, or it can't be read.
    """
    path = path_of(preset)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        if path.parent == presets.FOLDER:
            known = presets.names()
            raise ConfigError(
                f"unknown preset {preset!r}{did_you_mean(preset, known)}; the presets are {', '.join(known)}; or "
                "give the path of a YAML file"
            ) from error
        raise ConfigError(f"{path}: no such file") from error
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error
    return read_mapping(path, content)


def read_mapping(where: object, content: bytes) -> dict[str, Any]:
    """Read the settings in YAML; `where` begins the message about a mistake.

    Raises:
        ConfigError: It is no YAML, or no mapping.
    """
    try:
        found = yaml_text.read(content) or {}
    except yaml_text.RepeatedNameError as error:
        raise ConfigError(f"{where}: {error}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{where}: can't be read as YAML: {' '.join(str(error).split())}; indent with blanks, put text with marks "
            "such as [ ] { } : # & * ! in single quotes, and save the file as UTF-8"
        ) from error
    if not isinstance(found, dict):
        kind = "a list" if isinstance(found, list) else "text alone"
        raise ConfigError(f"{where}: must contain sections such as `crawl:`, not {kind}")
    return found

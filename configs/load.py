"""Load a config from a preset's YAML file and overrides such as `train.epochs=5`; refuse invalid settings."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from configs import old_names, presets, values, yaml_text
from configs.schema import Config
from configs.suggest import did_you_mean

_SHORT_FORMS = {"train.imbalance": "method", "notify": "urls"}
"""A section that may be given as one value -> the setting of that value: `imbalance: focal` sets `imbalance.method`."""
_UNSECTIONED = {name for name, field in Config.model_fields.items() if not isinstance(field.default, BaseModel)}
"""Settings that are in no section."""
_UNION_BRANCHES = ("literal[", "lax-or-strict[", "function-", "constrained-", "tuple[", "dict[")
"""How pydantic names the alternatives of a setting that takes a word or a path."""


class ConfigError(ValueError):
    """An unknown preset, or an invalid preset or override; the message names the setting, the reason and the remedy."""


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
    given = _read(preset)
    for name, text in _parsed(overrides):
        _apply(given, name, text)
    return checked(given)


def with_overrides(config: Config, overrides: Sequence[str]) -> Config:
    """Return a config with some settings changed, as on the command line.

    Raises:
        ConfigError: An override is invalid; one line for each mistake.
    """
    given = config.model_dump(mode="json")
    for name, text in _parsed(overrides):
        _apply(given, name, text)
    return checked(given)


def checked(given: dict[str, Any]) -> Config:
    """Return the config that has these settings, as `read_mapping` returns them, and the defaults of all others.

    Raises:
        ConfigError: A setting is invalid; one line for each mistake.
    """
    try:
        config = Config.model_validate(values.from_yaml(given))
    except ValidationError as error:
        raise ConfigError("\n".join(_message(mistake) for mistake in error.errors())) from error
    for name, value in leaves(config):
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in numbers):
            raise ConfigError(f"{name}: must be a finite number (got {value})")
    return config


def given_settings(preset: str, overrides: Sequence[str] = ()) -> list[str]:
    """Return the dotted names of the settings that the user gave: in overrides, and in a YAML file other than a preset.

    A file may be a printed config, which has all settings: those with their default value don't count.

    Raises:
        ConfigError: As for `load`.
    """
    names = [
        f"{name}.{_SHORT_FORMS[name]}" if name in _SHORT_FORMS and not text.lstrip().startswith("{") else name
        for name, text in _parsed(overrides)
    ]
    defaults = dict(leaves(Config()))
    own_file = _path(preset).parent != presets.FOLDER
    return [
        name
        for name, value in leaves(as_given(preset, overrides))
        if any(f"{given}.".startswith(f"{name}.") for given in names)
        or (value != defaults[name] and (own_file or any(name.startswith(f"{section}.") for section in names)))
    ]


def changed_settings(preset: str, config: Config) -> list[str]:
    """Return the dotted names of the settings that differ from a preset's, or from the defaults without such a preset.

    Prefect's parameters contain all settings, and don't tell which of them a user gave.
    """
    before = dict(leaves(with_memory(as_given(preset) if preset in presets.names() else Config(), preset)))
    return [name for name, value in leaves(config) if value != before[name]]


def differing_settings(config: Config, other: Config) -> list[str]:
    """Return the dotted names of the settings in which two configs differ."""
    theirs = dict(leaves(other))
    return [name for name, value in leaves(config) if value != theirs[name]]


def leaves(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each setting of a section."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def settings(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the description of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or ""


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


def _path(preset: str) -> Path:
    return Path(preset) if preset.lower().endswith((".yaml", ".yml")) else presets.FOLDER / f"{preset}.yaml"


def _read(preset: str) -> dict[str, Any]:
    path = _path(preset)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        if path.parent == presets.FOLDER:
            known = presets.names()
            raise ConfigError(
                f"unknown preset {preset!r}{did_you_mean(preset, known)}; the presets are {', '.join(known)}; or "
                " give the path of a YAML file"
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


def _parsed(overrides: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and texts, sections before their settings, so that `imbalance=focal` doesn't undo `imbalance.gamma`.

    Raises:
        ConfigError: An override is no `section.setting=value`.
    """
    found: dict[str, str] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals or ("." not in name and name not in _UNSECTIONED and name not in _SHORT_FORMS):
            raise ConfigError(f"{_shown(override)!r}: an override looks like train.epochs=5")
        if any("\ud800" <= letter <= "\udfff" for letter in override):  # Prefect and the records can't store it
            raise ConfigError(
                f"{name}: {_shown(text, name)!r} is not valid in the encoding of this terminal "
                f"({sys.getfilesystemencoding()}); give the file or folder a name in that encoding, or a "
                "link that has one (ln -s)"
            )
        found[name] = text
    return sorted(found.items(), key=lambda item: len(values.split_name(item[0])))


def doubtful_comments(preset: str) -> list[str]:
    """Return a line for each comment in a user's YAML file that may be meant as a part of a text setting.

    Raises:
        ConfigError: The file can't be read.
    """
    path = _path(preset)
    if path.parent == presets.FOLDER or not _read(preset):
        return []
    return [
        f"{path}, line {line}: {comment!r} is a comment in YAML, so {name} is {text!r}; if it belongs to the value, "
        "put quotes around the value, else write a blank after the #"
        for line, name, text, comment in yaml_text.comments_after_text(path.read_bytes())
        if values.is_text(name)
    ]


def replaced_overrides(overrides: Sequence[str]) -> list[str]:
    """Return a line for each override that a later one of the same setting replaces by another value."""
    last = dict(override.partition("=")[::2] for override in overrides)
    return [
        f"{name} is given twice: {_shown(last[name], name)!r} replaces {_shown(text, name)!r}"
        for name, _, text in dict.fromkeys(override.partition("=") for override in overrides)
        if text != last[name]
    ]


def _apply(given: dict[str, Any], name: str, text: str) -> None:
    """Set one setting, or one class of crawl.keywords."""
    override = _shown(f"{name}={text}")
    *sections, setting = values.split_name(name)
    try:
        value = values.from_command_line(name, text)
    except (yaml.YAMLError, yaml_text.RepeatedNameError) as error:
        reason = "it is no list of YAML" if _is_secret(name) else " ".join(str(error).split())
        raise ConfigError(f"{override!r}: the value can't be read: {reason}") from error
    inner = given
    for depth, section in enumerate(sections, 1):
        below = inner.get(section) or {}
        main = _SHORT_FORMS.get(".".join(sections[:depth]))
        if isinstance(below, str | list) and main:
            below = {main: below}
        if not isinstance(below, Mapping):
            raise ConfigError(f"{override!r}: {section} is a setting, not a section")
        inner[section] = inner = dict(below)
    inner[setting] = value


def _is_secret(name: str) -> bool:
    """Whether a setting may contain passwords: the addresses of messages, which nothing prints."""
    return f"{name}.".startswith("notify.") and not name.startswith("notify.on")


def _shown(text: str, name: str = "") -> str:
    """Return what a message may show of an override, or of the value of a setting."""
    given, equals, _ = text.partition("=")
    if name:
        return "***" if _is_secret(name) else text
    return f"{given}=***" if equals and _is_secret(given) else text


def _message(mistake: Any) -> str:
    """Return the message for one of pydantic's errors."""
    name = ".".join(str(part) for part in mistake["loc"] if not str(part).startswith(_UNION_BRANCHES))
    if mistake["type"] == "extra_forbidden":
        if name in old_names.MESSAGES:
            return f"{name}: {old_names.MESSAGES[name]}"
        known = [setting for setting, _ in settings()] + list(Config.model_fields)
        if name in known:
            section, _, setting = name.partition(".")
            return f"{name}: in a file, write the section `{section}:`, and indented below it `{setting}: ...`"
        return f"{name}: unknown setting{did_you_mean(name, [*_SHORT_FORMS, *known])}"
    if mistake["type"] in ("model_type", "model_attributes_type"):
        return (
            f"{name}: this is a section; set one of its settings, such as {_first_setting(name)}=... "
            f"(got {mistake['input']!r})"
        )
    message = str(mistake["msg"]).removeprefix("Value error, ").removesuffix(" for <class 'pathlib.Path'>")
    message = message.replace("tuple", "list").replace("Tuple", "list")
    got = "" if isinstance(mistake["input"], dict) or _is_secret(name) else f" (got {mistake['input']!r})"
    return f"{name}: {message[0].lower()}{message[1:]}{got}" if name else message


def _first_setting(section: str) -> str:
    """Return the dotted name of a section's first setting."""
    return next((setting for setting, _ in settings() if setting.startswith(f"{section}.")), section)

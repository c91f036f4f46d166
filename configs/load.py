"""From a preset's YAML file and `section.setting=value` overrides to a config; whatever doesn't fit is refused."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from configs.schema import Config

PRESETS = Path(__file__).parent
RENAMED = {
    "filter.golden": "filter.test_list",
    "filter.suspects": "filter.label_issues",
    "train.thaw": "train.unfreeze",
    "train.thaw_rate": "train.unfreeze_rate",
    "train.afresh_every": "train.full_retrain_every",
    "evaluate.insight": "evaluate.layer_images",
    "train.class_weight": "train.imbalance.method",
    "train.class_weight_cap": "train.imbalance.cap",
    "train.effective_beta": "train.imbalance.beta",
    "train.loss": "train.imbalance.method",
    "train.focal_gamma": "train.imbalance.gamma",
    "train.retrain_head": "train.imbalance.epochs",
    "train.logit_adjustment": "train.imbalance.strength",
}
"""Settings that had another name; the old one is refused with the new one named."""
_BRANCHES = ("literal[", "lax-or-strict[")
"""How pydantic calls the alternatives of a setting that takes a word or a path."""


class ConfigError(ValueError):
    """A preset or an override that can't be: says which, why, and what would be."""


def presets() -> list[str]:
    """Names of the presets that come with fluke."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load(preset: str, overrides: Sequence[str] = ()) -> Config:
    """The config of a preset (a name, or the path of a YAML file) with overrides such as `train.epochs=5` applied.

    Raises ConfigError, one line for each mistake.
    """
    values = _read(preset)
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(mistake) for mistake in error.errors())) from error


def settings(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and description of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or ""


def described(config: Config) -> str:
    """The whole config as YAML that `fluke run FILE` takes again, each setting under its description."""
    return "\n".join(
        line for name in Config.model_fields for line in [*_described(name, getattr(config, name), ""), ""]
    )


def _described(name: str, section: BaseModel, indent: str) -> Iterator[str]:
    yield f"{indent}# {(section.__doc__ or '').strip()}"
    yield f"{indent}{name}:"
    values = section.model_dump(mode="json")
    indent += "  "
    for setting, field in type(section).model_fields.items():
        if isinstance(inner := getattr(section, setting), BaseModel):
            yield from _described(setting, inner, indent)
        else:
            yield f"{indent}# {field.description}"
            yield f"{indent}{setting}: {_inline(values[setting])}"


def _inline(value: Any) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("...\n").strip()  # the end mark that PyYAML adds to a lone scalar


def _read(preset: str) -> dict[str, Any]:
    path = Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        if path.parent == PRESETS:
            raise ConfigError(
                f"no preset is called {preset!r}{_nearest(preset, presets())} "
                f"There are {', '.join(presets())}; or give the path of a YAML file"
            ) from error
        raise ConfigError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: can't be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold sections such as `crawl:`, not a {type(values).__name__}")
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    """Set one setting; the value is read as YAML."""
    name, equals, text = override.partition("=")
    *sections, setting = name.split(".")
    if not equals or not sections:
        raise ConfigError(f"{override!r}: an override looks like train.epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        if text.startswith("["):
            raise ConfigError(f"{override!r}: the value can't be read: {' '.join(str(error).split())}") from error
        value = text  # such as >=640x480, or {} photo: YAML would have it quoted, a command line hardly
    inner = values
    for section in sections:
        below = inner.get(section) or {}
        if not isinstance(below, Mapping):
            raise ConfigError(f"{override!r}: {section} is a value, not a section")
        inner[section] = inner = dict(below)
    inner[setting] = value


def _explain(mistake: Any) -> str:
    """One line for one of pydantic's errors."""
    name = ".".join(str(part) for part in mistake["loc"] if not str(part).startswith(_BRANCHES))
    if mistake["type"] == "extra_forbidden":
        if name in RENAMED:
            return f"{name}: this setting is now called {RENAMED[name]}"
        known = [setting for setting, _ in settings()] + list(Config.model_fields)
        return f"{name}: there is no such setting{_nearest(name, known)}"
    if mistake["type"] in ("model_type", "model_attributes_type"):
        return (
            f"{name}: is a section; set one of its settings, such as {_first_of(name)}=... (got {mistake['input']!r})"
        )
    message = str(mistake["msg"]).removeprefix("Value error, ").removesuffix(" for <class 'pathlib.Path'>")
    message = message.replace("tuple", "list").replace("Tuple", "list")
    got = "" if isinstance(mistake["input"], dict) else f" (got {mistake['input']!r})"
    return f"{name}: {message[0].lower()}{message[1:]}{got}" if name else message


def _first_of(section: str) -> str:
    """A section's first setting."""
    return next((setting for setting, _ in settings() if setting.startswith(f"{section}.")), section)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?" if near else "."

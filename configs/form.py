"""The form of a run in the dashboard: a field for each setting that a preset changes, and YAML for all others."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from configs.load import checked, read_mapping
from configs.schema import Config
from configs.settings import leaves

_NO_FIELDS = ("name", "filter.memory")
"""Names that make runs those of one model. All of `notify` has no field either: Prefect would show its addresses."""


def fields(config: Config) -> dict[str, Any]:
    """Return name and value of each setting that has a field: it isn't the default, and is one word, number or list."""
    return {name: value for name, value in _changed(config) if _field_schema(name, value)}


def rest(config: Config) -> str:
    """Return the settings that differ from the defaults and have no field, as YAML; empty if there are none."""
    nested = _nested({name: value for name, value in _changed(config) if not _field_schema(name, value)})
    return yaml.safe_dump(nested, allow_unicode=True, sort_keys=False) if nested else ""


def schema(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object with these fields: type, limits, description, and the value as default."""
    return {
        "type": "object",
        "properties": {
            name: {**_field_schema(name, value), "title": name, "default": value, "position": position}
            for position, (name, value) in enumerate(given.items())
        },
    }


def read(given: Mapping[str, Any], text: str) -> Config:
    """Return the config of a form.

    Args:
        given: Values by dotted name, such as {"train.epochs": 7}.
        text: Other settings as YAML; it replaces a field of the same name.

    Raises:
        ConfigError: The text is no YAML, or a setting is invalid; one line for each mistake.
    """
    return checked(merged(given, text))


def merged(given: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return the settings of a form by section, unchecked; see `read`.

    Raises:
        ConfigError: The text is no YAML.
    """
    return _merged(_nested(given), read_mapping("settings", text.encode()))


def _changed(config: Config) -> Iterator[tuple[str, Any]]:
    """Yield name and value, as JSON has it, of each setting that differs from the default."""
    usual, dumped = dict(leaves(Config())), config.model_dump(mode="json")
    for name, value in leaves(config):
        if value != usual[name]:
            found = dumped
            for part in name.split("."):
                found = found[part]
            yield name, found


def _field_schema(name: str, value: Any) -> dict[str, Any]:
    """Return the JSON Schema of a setting; empty if it has no field.

    A field can't be null, and a choice between two types would be three clicks.
    """
    if value is None or name in _NO_FIELDS or name.startswith("notify."):
        return {}
    node = _SCHEMA
    for part in name.split("."):
        node = _SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        node = node["properties"][part]
    kinds = [kind for kind in node.get("anyOf", [node]) if kind.get("type") != "null"]
    if len(kinds) != 1 or kinds[0]["type"] not in _FIELD_TYPES or "prefixItems" in kinds[0]:
        return {}
    found = {key: each for key, each in kinds[0].items() if key not in ("default", "title", "format")}
    return found | {"description": node.get("description", "")}


_FIELD_TYPES = ("string", "integer", "number", "boolean", "array")
_SCHEMA = Config.model_json_schema()


def _nested(given: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in given.items():
        *sections, last = name.split(".")
        inner = nested
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = value
    return nested


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings as one; of two values of one name, the one of `above`."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], Mapping) and isinstance(above[name], Mapping):
            both[name] = _merged(below[name], above[name])
    return both

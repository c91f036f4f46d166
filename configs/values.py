"""Read the values of settings: as the text that the user typed where a setting is text, else as numbers or null."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from configs import yaml_text
from configs.schema import Config
from configs.yaml_text import Plain

_NULL = {"null", "Null", "NULL", "~"}
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?")
"""Numbers as they are usually written; 010 and 1_000 are rather names where both are allowed."""
_QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)


def from_yaml(values: Any, annotation: Any = Config) -> Any:
    """Convert what `configs.yaml_text.read` returns into values for pydantic, by the type of each setting.

    Args:
        values: The values of a section, or the value of a setting.
        annotation: Its type.
    """
    if _is_section(annotation):
        if not isinstance(values, Mapping):
            return {} if values is None or values == "" else _text(values)
        fields = annotation.model_fields
        return {
            str(name): from_yaml(value, fields[name].annotation) if name in fields else _text(value)
            for name, value in values.items()
        }
    return _setting(values, list(_alternatives(annotation)))


def from_command_line(name: str, text: str) -> Any:
    """Read the text of `name=text`: as YAML where it is a list, a mapping or in quotes, else as it is.

    Args:
        name: The dotted name of a setting, or of a class in crawl.keywords.
        text: What follows the equals sign.

    Returns:
        A value for `from_yaml`.

    Raises:
        yaml.YAMLError: A list is not valid YAML.
        RepeatedNameError: A name is given twice in a mapping.
    """
    annotation = _annotation(split_name(name))
    alternatives = list(_alternatives(annotation))
    bare = text.strip()
    takes_mapping = _is_section(annotation) or any(get_origin(each) is dict for each in alternatives)
    takes_list = takes_mapping or any(get_origin(each) is tuple for each in alternatives)
    if takes_list and bare.startswith("["):
        return yaml_text.read(bare)
    if takes_mapping or _QUOTED.fullmatch(bare):
        try:
            value = yaml_text.read(bare)
        except yaml.YAMLError:  # such as "\\d", which is no escape sequence of YAML
            return bare[1:-1] if bare[0] == bare[-1] and bare.count(bare[0]) == 2 else text
        if isinstance(value, str if _QUOTED.fullmatch(bare) else Mapping):
            return value
    if bare == "~" and {str, Path}.intersection(alternatives):
        return text  # the home folder, as in a shell; in a YAML file it is null
    return Plain(text)


def split_name(name: str) -> list[str]:
    """Split a dotted name into sections and a setting; a class's name in crawl.keywords may contain dots."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        if any(get_origin(each) is dict for each in _alternatives(_annotation(parts[:depth]))):
            return [*parts[:depth], ".".join(parts[depth:])]
    return parts


def is_text(name: str) -> bool:
    """Whether a setting is, or contains, any text that a user likes: a path, a name of a class, a pattern."""
    found = list(_alternatives(_annotation(split_name(name))))
    items = [each for one in found if get_origin(one) in (tuple, dict) for each in get_args(one)]
    return bool({str, Path}.intersection([*found, *items]))


def _annotation(parts: list[str]) -> Any:
    """Return the type of a setting, of a section, or of a class's value; None: there is no such setting."""
    annotation: Any = Config
    for part in parts:
        if _is_section(annotation):
            field = annotation.model_fields.get(part)
            annotation = field.annotation if field else None
        else:
            values = [get_args(each)[1] for each in _alternatives(annotation) if get_origin(each) is dict]
            annotation = values[0] if values else None
    return annotation


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the types of a union; a type without union is its only alternative."""
    if annotation is None:
        return
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    elif origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    else:
        yield annotation


def _setting(value: Any, alternatives: list[Any]) -> Any:
    if isinstance(value, Plain):
        return _scalar(value, alternatives)
    if isinstance(value, list):
        items = [get_args(each) for each in alternatives if get_origin(each) is tuple]
        return _items(value, items[0]) if items else _text(value)
    if isinstance(value, Mapping):
        inner = [get_args(each)[1] for each in alternatives if get_origin(each) is dict]
        if not inner:
            return _text(value)
        return {str(key): _setting(each, list(_alternatives(inner[0]))) for key, each in value.items()}
    return value


def _scalar(value: Plain, alternatives: list[Any]) -> str | int | float | None:
    bare = value.strip()
    tuples = [get_args(each) for each in alternatives if get_origin(each) is tuple]
    takes_many = tuples or any(get_origin(each) is dict for each in alternatives)
    if not bare or (bare in _NULL and (takes_many or NoneType in alternatives)):
        return None  # a list without brackets is refused then: [null] is the class null
    one_of_many = [each for types in tuples for each in _alternatives(types[0])]
    if _NUMBER.fullmatch(bare) and {int, float}.intersection([*alternatives, *one_of_many]):
        number = float(bare)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return str(value)


def _items(values: list[Any], types: tuple[Any, ...]) -> list[Any]:
    """Convert the items of a list by the types of a tuple: `tuple[str, ...]` or `tuple[int, int]`."""
    count = len(values)
    each = types[:1] * count if Ellipsis in types else (*types, *[None] * count)[:count]
    return [_setting(value, list(_alternatives(one))) for value, one in zip(values, each, strict=True)]


def _text(value: Any) -> Any:
    """Return text without the mark of `Plain`; nothing at all (`key:`) is None."""
    if isinstance(value, list):
        return [_text(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _text(each) for key, each in value.items()}
    return (str(value) or None) if isinstance(value, Plain) else value

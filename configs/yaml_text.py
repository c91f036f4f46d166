"""Read YAML without its guesses: `010`, `1:30`, `no`, `2024-01-01` and `null` stay the text that the user typed.

YAML 1.1 reads them as 8, 90, false, a date and nothing. Which setting is a number is known from the schema, see
`configs.values`.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any

import yaml

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PLAIN_TAG = "!plain"
_TEXT_TAG = "tag:yaml.org,2002:str"


class Plain(str):
    """Text that was not in quotes: `null` is None for an optional setting, and `2` is a number where one is allowed."""

    __slots__ = ()


class RepeatedNameError(ValueError):
    """A name is given twice in one mapping, of which YAML readers use the last."""


class _Loader(yaml.SafeLoader):
    # Only `<<` keeps its meaning (merge another mapping into this one).
    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}  # noqa: RUF012 as in PyYAML

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        plain = kind is yaml.ScalarNode and tag == _TEXT_TAG and implicit[0]
        return _PLAIN_TAG if plain else tag

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise RepeatedNameError(
                    f"{key.value!r} is given twice, in line {lines[key.value]} and in line {line}; delete one of them"
                )
            lines[key.value] = line
        return node


def _plain(loader: yaml.SafeLoader, node: Any) -> Plain:
    return Plain(loader.construct_scalar(node))


_Loader.add_constructor(_PLAIN_TAG, _plain)
_Loader.add_constructor("tag:yaml.org,2002:merge", _plain)  # a `<<` that is not the name of a mapping's item


def comments_after_text(data: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Yield each comment that may be meant as a part of the text before it: it has no blank after its #.

    Args:
        data: A document that `read` can read.

    Yields:
        Of `path: photos #2`: the number of the line, from 1; the dotted name `crawl.path`; the text; the comment.
    """
    text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    lines = text.splitlines()
    for name, node in _scalars(yaml.compose(text, _Loader), ""):
        end = node.end_mark
        found = re.match(r"\s+(#\S.*)", lines[end.line][end.column :]) if end.line < len(lines) else None
        if node.tag == _PLAIN_TAG and found:
            yield end.line + 1, name, node.value, found[1]


def _scalars(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the node of each scalar."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, f"{name}.{key.value}" if name else str(key.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, name)
    elif node is not None:
        yield name, node


def read(text: str | bytes) -> Any:
    """Read one YAML document: dicts, lists, `Plain` text, and `str` for text in quotes.

    Args:
        text: Text, or bytes in UTF-8 or (with a byte order mark) UTF-16.

    Raises:
        yaml.YAMLError: It is not valid YAML, not one document, or has tags for Python objects.
        RepeatedNameError: A name is given twice in one mapping.
    """
    return yaml.load(text, _Loader)

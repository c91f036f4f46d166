"""Which fields of a description are the photo, its class, its group and its part of the split."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from configs.schema import CsvColumns
from tasks.crawl.listing.annotations.croissant.description import (
    Croissant,
    Extract,
    RecordField,
    RecordSet,
    Resource,
    Source,
)

_TYPES = {"image": "ImageObject", "label": "Label", "split": "Split"}
"""The end of the data type that a field has if it is this: `sc:ImageObject`, `cr:Label`, `cr:Split`."""
_USUAL_LABELS = {"label", "labels", "class"}
"""Names of the class where no field has its data type, as in the descriptions of Hugging Face."""
_OF_NAMES = {"fullpath", "filename"}
"""The properties of a file that are its name."""
MEANINGS = ("image", "label", "group", "split", "time")
_MOST_STEPS = 8
"""A field that is a field that is a field: longer chains are circles."""


@dataclass(frozen=True)
class Value:
    """What the values of a field are, after references to other fields are followed."""

    field: str
    """The name of the field, for messages."""
    resource: Resource
    extract: Extract
    patterns: tuple[re.Pattern[str], ...]

    def of_file(self, fullpath: str, container: str) -> str | None:
        """Return the value that a file has by its name.

        Args:
            fullpath: Its path in the archive or the folder.
            container: The name of the archive, with which some descriptions begin the path; empty: a folder.

        Returns:
            None if a regular expression doesn't match.
        """
        if self.extract.file_property == "filename":
            return self._transformed(fullpath.rpartition("/")[2])
        found = self._transformed(fullpath)
        return self._transformed(f"{container}/{fullpath}") if found is None and container else found

    @property
    def shown(self) -> str:
        """What of a file it is, for messages."""
        patterns = [pattern.pattern for pattern in self.patterns]
        return " ".join([self.extract.file_property or self.extract.column or "nothing", *patterns])

    def _transformed(self, text: str) -> str | None:
        for pattern in self.patterns:
            if not (match := pattern.match(text)):
                return None
            text = next((group for group in match.groups() if group is not None), text)
        return text


class Join(NamedTuple):
    """How a row of a table is the row of a file."""

    of_file: Value
    column: str


@dataclass(frozen=True)
class Records:
    """A record set whose records are photos."""

    name: str
    values: dict[str, Value]
    """By what they are: `image`, and if there are such fields `label`, `group`, `split` and `time`."""
    join: Join | None
    """Given if the class is a column of a table, and the photo is a file."""
    class_names: dict[str, str]
    """The name of each class that the description lists; empty: the values are the names."""

    @property
    def is_complete(self) -> bool:
        """Whether it says which class its photos have, in a way that can be read."""
        image, label = self.values["image"], self.values.get("label")
        if not label or self.join or label.resource is not image.resource:
            return bool(label and self.join)
        has_columns = image.resource.is_table() or image.resource.is_parquet()
        return bool(label.extract.column) if has_columns else label.extract.file_property in _OF_NAMES


def photo_records(described: Croissant, wanted: CsvColumns) -> list[Records]:
    """Return the record sets that have photos.

    Raises:
        ValueError: A regular expression is none, or fields refer to each other in a circle.
    """
    return [found for records in described.record_sets if (found := _photo_records(described, records, wanted))]


def _photo_records(described: Croissant, records: RecordSet, wanted: CsvColumns) -> Records | None:
    known = [(field, value) for field in records.fields if (value := _value(described, field, field.source))]
    found = {meaning: list(_candidates(described, known, meaning, getattr(wanted, meaning))) for meaning in MEANINGS}
    if not found["image"]:
        return None
    # a photo and its class from one file come before those from two
    with_class = [value.resource for _, value in found["label"]]
    image = _first(found["image"], with_class)[1]
    chosen = {meaning: _first(pairs, [image.resource]) for meaning, pairs in found.items() if pairs}
    values = {meaning: value for meaning, (_, value) in chosen.items()} | {"image": image}
    names = _class_names(described, chosen["label"][0]) if "label" in chosen else {}
    return Records(records.key, values, _join(described, known, image, values.get("label")), names)


def _candidates(
    described: Croissant, known: Sequence[tuple[RecordField, Value]], meaning: str, wanted: str
) -> Iterator[tuple[RecordField, Value]]:
    """Yield the fields that may be something: those of the wanted name, of the right type, and of a usual name."""
    for field, value in known:
        if wanted.casefold() in {*field.names, (value.extract.column or "").casefold()}:
            yield field, value
    for field, value in known:
        if meaning in _TYPES and field.is_a(_TYPES[meaning]):
            yield field, value
    for field, value in known:
        referenced = described.field(field.references.field)
        is_split = meaning == "split" and referenced is not None and referenced[0].is_a("Split")
        if is_split or (meaning == "label" and _USUAL_LABELS & field.names):
            yield field, value


def _first(pairs: Sequence[tuple[RecordField, Value]], resources: Sequence[Resource]) -> tuple[RecordField, Value]:
    """Return the first of the fields that come from some files, or else the first one."""
    return next((pair for pair in pairs if any(pair[1].resource is one for one in resources)), pairs[0])


def _value(described: Croissant, field: RecordField, source: Source) -> Value | None:
    """Return what a source means; None if it isn't of a file that the description names."""
    transforms = [*source.transforms]
    for _ in range(_MOST_STEPS):
        if source.file:
            resource = described.resource(source.file)
            patterns = tuple(_pattern(field, one.regex) for one in transforms if one.regex)
            return Value(field.id or field.name, resource, source.extract, patterns) if resource else None
        if not source.field or not (target := described.field(source.field)):
            return None
        source = target[1].source
        transforms = [*source.transforms, *transforms]
    raise ValueError(f"field {field.id or field.name} refers to fields that refer to each other in a circle")


def _pattern(field: RecordField, regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"field {field.id or field.name}: {regex!r} is no regular expression ({error})") from error


def _join(
    described: Croissant, known: Sequence[tuple[RecordField, Value]], image: Value, label: Value | None
) -> Join | None:
    """Find the field by which a photo's file refers to the row of a table that has its class."""
    if not label or label.resource is image.resource or not label.resource.is_table():
        return None
    for field, value in known:
        target = _value(described, field, field.references)
        if value.resource is image.resource and target and target.resource is label.resource and target.extract.column:
            return Join(value, target.extract.column)
    return None


def _class_names(described: Croissant, label: RecordField) -> dict[str, str]:
    """Return the names of classes that the description lists by their numbers."""
    target = described.field(label.references.field)
    if not target or not target[0].data:
        return {}
    records, key = target
    named = next((field for field in records.fields if field is not key and field.is_a("Text")), None)
    if not named:
        return {}
    found = {_entry(row, key): _entry(row, named) for row in records.data}
    return {str(number): str(name) for number, name in found.items() if number is not None and name is not None}


def _entry(row: dict[str, object], field: RecordField) -> object:
    return row.get(field.id, row.get(field.name, row.get(field.id.rpartition("/")[2])))

"""Croissant, JSON-LD that describes a dataset: here, a table of photos on this machine, with a class each.

Its record set says which columns of the table are the photo and its class; other kinds of Croissant, such as photos in
Parquet files or in archives, have no such table (docs.mlcommons.org/croissant/docs/croissant-spec.html).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.files import read_file
from tasks.crawl.listing.photo_rows import PhotoRows, read_rows
from tasks.store import hashing
from tasks.store.errors import UserError
from tasks.text import first_few

NAME = "croissant.json"
_TYPES = {"image": "ImageObject", "label": "Label", "split": "Split"}
"""The end of the data type that a field has if it is this: `sc:ImageObject`, `cr:Label`, `cr:Split`."""
_HEADED = {"text/csv", "text/tab-separated-values"}
_ENDINGS = (".csv", ".tsv", ".txt")


class Reference(BaseModel):
    """The name of another part of the description."""

    id: str = Field(alias="@id")


class Extract(BaseModel):
    """What of a file a field is."""

    column: str | None = None


class Source(BaseModel):
    """Where the values of a field come from."""

    file: Reference | None = Field(None, alias="fileObject")
    extract: Extract = Extract()


class RecordField(BaseModel):
    """A value that each record has."""

    id: str = Field("", alias="@id")
    name: str = ""
    data_type: str | list[str] = Field("", alias="dataType")
    source: Source = Source()

    @property
    def column(self) -> str | None:
        """The column of the table that it is."""
        return self.source.extract.column if self.source.file else None

    def is_a(self, kind: str) -> bool:
        """Whether one of its data types ends so: `sc:ImageObject` is an `ImageObject`."""
        types = [self.data_type] if isinstance(self.data_type, str) else self.data_type
        return any(each.replace("/", ":").rpartition(":")[2] == kind for each in types)


class RecordSet(BaseModel):
    """Records with the same fields."""

    fields: list[RecordField] = Field([], alias="field")


class FileObject(BaseModel):
    """A file; file sets, of which there may be several, have no `contentUrl`."""

    id: str = Field("", alias="@id")
    name: str = ""
    url: str = Field("", alias="contentUrl")
    format: str | list[str] = Field("", alias="encodingFormat")
    sha256: str = ""

    def is_table(self) -> bool:
        """Whether it is a file of values with commas or tabs between them."""
        formats = {self.format} if isinstance(self.format, str) else {*self.format}
        return bool(formats & _HEADED) or self.url.lower().endswith(_ENDINGS)

    def path(self, folder: Path) -> Path | None:
        """Return the file on this machine: where the URL says, or under its name beside the description."""
        parts = urlsplit(self.url)
        names = [unquote(parts.path).rpartition("/")[2], self.name, self.id]
        if not parts.scheme:
            names = [self.url, unquote(self.url), *names]
        return next((folder / name for name in names if name and (folder / name).is_file()), None)


class Croissant(BaseModel):
    """The file."""

    distribution: list[FileObject] = []
    record_sets: list[RecordSet] = Field([], alias="recordSet")


def is_croissant(content: object) -> bool:
    """Whether the content of a JSON file is a description in Croissant."""
    return isinstance(content, dict) and "distribution" in content and "recordSet" in content


def describes_table(path: Path) -> bool:
    """Whether a file is Croissant that describes a table, so that `read` may read it."""
    try:
        content = json.loads(read_file(path))
        return is_croissant(content) and any(_tables(Croissant.model_validate(content)))
    except (OSError, ValueError):  # nobody has said that it is Croissant
        return False


def read(path: Path, content: Any, config: CrawlConfig) -> PhotoRows:
    """Read the table of photos that a description names.

    Args:
        path: The description.
        content: Its content.
        config: Names the columns, where the description doesn't say which they are.

    Raises:
        UserError: It has no table of photos on this machine, or the table can't be used.
        ValidationError: It isn't written as Croissant 1.0 is.
    """
    tables = list(_tables(Croissant.model_validate(content)))
    named = [(file, columns) for file, fields in tables if (columns := _columns(fields, config.columns))]
    if not named:
        raise UserError(_no_table(path, [field for _, fields in tables for field in fields]))
    file, columns = named[0]
    if not (table := file.path(path.parent)):
        raise UserError(
            f"{path}: the table {file.url or file.id} is not on this machine; put it and its photos into {path.parent}"
        )
    read = read_rows(table, config.model_copy(update={"columns": columns}), needs_split=config.split == "folders")
    notes = [*read.notes]
    if file.sha256 and hashing.of_bytes(read_file(table)) != file.sha256.lower():
        notes.append(f"{table} is not the file that {path} describes: its SHA-256 differs; it is used as it is")
    if len(named) > 1:
        notes.append(f"{path}: of {len(named):,} tables with photos and classes, only {table} is used")
    return PhotoRows(read.rows, read.incomplete, notes)


def _tables(described: Croissant) -> Iterator[tuple[FileObject, list[RecordField]]]:
    """Yield each table that records come from, with the fields that are its columns."""
    files = {file.id or file.name: file for file in described.distribution if file.is_table()}
    for records in described.record_sets:
        fields: dict[str, list[RecordField]] = {}
        for field in records.fields:
            if field.column and field.source.file and field.source.file.id in files:
                fields.setdefault(field.source.file.id, []).append(field)
        yield from ((files[name], of_file) for name, of_file in fields.items())


def _columns(fields: list[RecordField], wanted: CsvColumns) -> CsvColumns | None:
    """Return the columns of the table: those of the wanted names, or else those of the right types.

    Returns:
        None if there is no column for the photo or the class.
    """
    found: dict[str, str] = {}
    for meaning in ("image", "label", "group", "split", "time"):
        name = getattr(wanted, meaning)
        same = [
            field for field in fields if name.casefold() in ((field.column or "").casefold(), field.name.casefold())
        ]
        typed = [field for field in fields if meaning in _TYPES and field.is_a(_TYPES[meaning])]
        if (chosen := next(iter([*same, *typed]), None)) and chosen.column:
            found[meaning] = chosen.column
    return wanted.model_copy(update=found) if {"image", "label"} <= found.keys() else None


def _no_table(path: Path, fields: list[RecordField]) -> str:
    """Say why a description has no photos with classes, and what to do."""
    if columns := list(dict.fromkeys(field.column for field in fields if field.column)):
        return (
            f"{path}: no field is an image and another one a class (their columns: {first_few(columns, 10)}); set "
            "crawl.columns.image and crawl.columns.label"
        )
    return (
        f"{path}: its records are no columns of a CSV file, the only kind of Croissant that is read; for photos in "
        "Parquet files, set crawl.sources=huggingface and crawl.path to their folder; for folders of classes, "
        "crawl.sources=folder"
    )

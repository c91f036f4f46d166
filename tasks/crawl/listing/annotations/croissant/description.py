"""The parts of a description in Croissant that are read: its files, and the fields of its records."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

_HEADED = {"text/csv", "text/tab-separated-values", "text/tsv"}
_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_PARQUET = {"application/x-parquet", "application/vnd.apache.parquet"}
_ARCHIVES = {
    *("application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip", "application/x-gzip"),
    *("application/x-gtar", "application/x-gziptar", "application/x-tgz", "application/x-compressed-tar"),
}
_ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")


def _listed(value: object) -> object:
    """Make a list of a value that may stand alone."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: object) -> object:
    """Return the first of several references: together they are a key of several fields, of which one is enough."""
    return value[0] if isinstance(value, list) and value else value


def _referenced(value: object) -> object:
    """Return the name that a reference has: `{"@id": NAME}`, or only the name."""
    return value.get("@id", value) if isinstance(value, dict) else value


Reference = Annotated[str, BeforeValidator(_referenced)]
"""The name of another part of the description."""
Texts = Annotated[list[str], BeforeValidator(_listed)]


class Extract(BaseModel):
    """What of a file a field is: a column, or a property such as `fullpath`, `filename` or `content`."""

    column: str | None = None
    file_property: str | None = Field(None, alias="fileProperty")


class Transform(BaseModel):
    """What is made of a value: the first group of a regular expression that it matches."""

    regex: str | None = None


class Source(BaseModel):
    """Where the values of a field come from: a file, a set of files, or another field."""

    file: Reference | None = Field(None, validation_alias=AliasChoices("fileObject", "fileSet"))
    field: Reference | None = Field(None, validation_alias=AliasChoices("field", "@id"))
    extract: Extract = Extract()
    transforms: Annotated[list[Transform], BeforeValidator(_listed)] = Field([], alias="transform")


class RecordField(BaseModel):
    """A value that each record has."""

    id: str = Field("", alias="@id")
    name: str = ""
    data_type: Texts = Field([], alias="dataType")
    source: Source = Source()
    references: Annotated[Source, BeforeValidator(_first)] = Source()

    @property
    def names(self) -> set[str]:
        """Its names in lower case; `default/label` is `label`, too."""
        given = {*(self.name, self.id), *(text.rpartition("/")[2] for text in (self.name, self.id))}
        return {text.casefold() for text in given if text}

    def is_a(self, kind: str) -> bool:
        """Whether one of its data types ends so: `sc:ImageObject` is an `ImageObject`."""
        return _is_a(self.data_type, kind)


class RecordSet(BaseModel):
    """Records with the same fields."""

    id: str = Field("", alias="@id")
    name: str = ""
    data_type: Texts = Field([], alias="dataType")
    fields: list[RecordField] = Field([], alias="field")
    data: list[dict[str, Any]] = []
    """The records themselves, if the description has them."""

    @property
    def key(self) -> str:
        """Its name in messages."""
        return self.id or self.name

    def is_a(self, kind: str) -> bool:
        """Whether one of its data types ends so."""
        return _is_a(self.data_type, kind)


class Resource(BaseModel):
    """A file (`FileObject`), or files with names of a pattern (`FileSet`: it has `includes`, but no `contentUrl`)."""

    id: str = Field("", alias="@id")
    name: str = ""
    url: str = Field("", alias="contentUrl")
    formats: Texts = Field([], alias="encodingFormat")
    sha256: str = ""
    contained_in: Annotated[list[Reference], BeforeValidator(_listed)] = Field([], alias="containedIn")
    includes: Texts = []
    excludes: Texts = []

    @property
    def key(self) -> str:
        """The name that others refer to it by."""
        return self.id or self.name

    def is_table(self) -> bool:
        """Whether it is a file of values with commas or tabs between them."""
        return not self.includes and self._is(_HEADED, _TABLE_ENDINGS)

    def is_parquet(self) -> bool:
        """Whether it is a Parquet file, or several."""
        return self._is(_PARQUET, (".parquet",))

    def is_archive(self) -> bool:
        """Whether it is a zip or tar file."""
        return not self.includes and self._is(_ARCHIVES, _ARCHIVE_ENDINGS)

    def is_folder(self) -> bool:
        """Whether it is what was downloaded as a folder: a repository, whose local copy the description lies in."""
        return "git+https" in self.formats

    def _is(self, formats: set[str], endings: tuple[str, ...]) -> bool:
        names = (self.url.partition("?")[0], *self.includes)
        return bool(formats & {*self.formats}) or any(name.lower().endswith(endings) for name in names)


class Croissant(BaseModel):
    """The file."""

    distribution: list[Resource] = []
    record_sets: Annotated[list[RecordSet], BeforeValidator(_listed)] = Field([], alias="recordSet")

    def resource(self, key: str | None) -> Resource | None:
        """Return the file or the files of a name."""
        return next((one for one in self.distribution if key and key in (one.id, one.name)), None)

    def field(self, key: str | None) -> tuple[RecordSet, RecordField] | None:
        """Return the field of a name such as `labels/name`, with its record set."""
        for records, field in self.all_fields():
            if key and key in (field.id, f"{records.name}/{field.name}", f"{records.id}/{field.name}"):
                return records, field
        return None

    def all_fields(self) -> Iterator[tuple[RecordSet, RecordField]]:
        """Yield all fields, each with its record set."""
        return ((records, field) for records in self.record_sets for field in records.fields)


def is_croissant(content: object) -> bool:
    """Whether the content of a JSON file is a description in Croissant."""
    return (
        isinstance(content, dict)
        and "distribution" in content
        and ("recordSet" in content or "mlcommons.org/croissant" in str(content.get("conformsTo")))
    )


def _is_a(types: list[str], kind: str) -> bool:
    return any(each.replace("/", ":").rpartition(":")[2] == kind for each in types)

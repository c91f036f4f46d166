"""Photos that are files of a set: their names, or a table that refers to them, say which class they have."""

from collections.abc import Iterable
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotations.croissant.files import Dataset, Found, files_of
from tasks.crawl.listing.annotations.croissant.records import Records, Value
from tasks.crawl.listing.annotations.croissant.table import rows_of_table
from tasks.crawl.listing.given_split import GivenSplit, given_splits
from tasks.crawl.listing.listed_files import ListedFiles
from tasks.crawl.listing.photo_list import ListPart
from tasks.crawl.listing.photo_rows import ListRow, PhotoRows
from tasks.names import nfc
from tasks.store.errors import UserError
from tasks.text import first_few


def read_images(records: Records, dataset: Dataset, config: CrawlConfig) -> ListPart:
    """List the files of a set, each with its class.

    Args:
        records: Its fields.
        dataset: The description.
        config: Has the names of further columns, and says whether the split counts.

    Raises:
        UserError: The files or the table aren't on this machine, or no name gives a class.
    """
    path = dataset.path
    found, notes = files_of(records.values["image"].resource, dataset)
    parts = splits_of_files(records.values.get("split"), [(one.fullpath, one.container) for one in found], path, config)
    if records.join:
        read, files = _joined(records, dataset, config, found, parts)
    else:
        read, files = _named(records, dataset, found, parts), {one.name: one for one in found}
    listed = ListedFiles(dataset.folder, {name: one.file for name, one in files.items()}, {}, [])
    return ListPart(path, None, PhotoRows(read.rows, read.incomplete, [*notes, *read.notes]), listed)


def splits_of_files(
    field: Value | None, files: Iterable[tuple[str, str]], path: Path, config: CrawlConfig
) -> list[GivenSplit | None]:
    """Return the part of the split that each file has by its name.

    Args:
        field: The field that is the split; None if there is none.
        files: The path of each file in its archive, and the name of the archive; see `Value.of_file`.
        path: The file of the description, for messages.
        config: Says whether the split counts.

    Raises:
        UserError: A value means no part.
    """
    files = list(files)
    if config.split == "ignore" or field is None or not field.extract.file_property:
        return [None] * len(files)
    values = [field.of_file(*file) or "" for file in files]
    meant = given_splits(value for value in values if value)
    for value, (fullpath, _) in zip(values, files, strict=True):
        if value and value not in meant:
            raise UserError(
                f"{path}: field {field.field} is {value!r} for {fullpath}, not train, val or test; correct its regular "
                "expression, or set crawl.split=ignore"
            )
    return [meant[value] if value else None for value in values]


def _named(records: Records, dataset: Dataset, found: list[Found], parts: list[GivenSplit | None]) -> PhotoRows:
    """Take the classes from the names of the files."""
    rows: list[ListRow] = []
    without = []
    for position, (one, part) in enumerate(zip(found, parts, strict=True), 1):
        if label := nfc(_value(records, "label", one)).strip():
            rows.append(ListRow(position, one.name, label, _value(records, "group", one) or None, part))
        else:
            without.append(one.name)
    if not without:
        return PhotoRows(rows, [], [])
    label_field = records.values["label"]
    what = (
        f"{dataset.path}: field {label_field.field} ({label_field.shown}) gives no class to {len(without):,} of "
        f"{len(found):,} photos, such as {first_few(without)}"
    )
    if not rows:
        raise UserError(f"{what}; correct its regular expression to fit the names")
    return PhotoRows(rows, [], [f"{what}; they are left out"])


def _joined(
    records: Records, dataset: Dataset, config: CrawlConfig, found: list[Found], parts: list[GivenSplit | None]
) -> tuple[PhotoRows, dict[str, Found]]:
    """Take the classes from the rows of a table that refer to the files; also return the file of each reference."""
    assert records.join
    key, column = records.join
    read = rows_of_table(records.values["label"].resource, records, dataset, config, column)
    files: dict[str, Found] = {}
    splits: dict[str, GivenSplit | None] = {}
    for one, part in zip(found, parts, strict=True):
        if (value := key.of_file(one.fullpath, one.container)) is None:
            continue
        if value in files:
            raise UserError(
                f"{dataset.path}: field {key.field} is {value} for {files[value].name} and for {one.name}; each photo "
                "needs its own value, such as its fullpath"
            )
        files[value], splits[value] = one, part
    rows = [row._replace(split=row.split or splits.get(row.image)) for row in read.rows]
    return PhotoRows(rows, read.incomplete, read.notes), files


def _value(records: Records, meaning: str, one: Found) -> str:
    """Return what the name of a file says; empty if it says nothing."""
    value = records.values.get(meaning)
    return (value.of_file(one.fullpath, one.container) or "") if value and value.extract.file_property else ""

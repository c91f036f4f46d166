"""Read the rows of one CSV of photos: the photo's name, its class, and if given its group and its split."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.given_split import GivenSplit, given_splits, yes_no_splits
from tasks.crawl.listing.taken_at import malformed, parse_taken_at
from tasks.names import nfc
from tasks.store.csv_columns import Column, Columns, Need, find_columns
from tasks.store.csv_file import CsvFile, CsvRow, read_csv, shown_lines
from tasks.store.errors import UserError

_SHOWN = 3
_DEFAULT = CsvColumns()


class ListRow(NamedTuple):
    """A photo and its class in a list."""

    line: int
    """The line of a CSV; in other files the position among the photos, from 1."""
    image: str
    label: str
    group: str | None
    split: GivenSplit | None
    taken_at: str | None = None
    """When it was taken, see `tasks.crawl.listing.taken_at`."""


class PhotoRows(NamedTuple):
    """What one file of a list contains."""

    rows: list[ListRow]
    incomplete: list[int]
    """Lines of the rows without a photo or without a class."""
    notes: list[str]


def read_rows(path: Path, config: CrawlConfig, *, needs_split: bool = False, content: bytes | None = None) -> PhotoRows:
    """Read the rows of a CSV of photos.

    Args:
        path: The file.
        config: Names the columns, and says whether the column of the split counts.
        needs_split: Whether the file must have the column of the split.
        content: Its content, if it is in an archive; None: it is read.

    Raises:
        UserError: It is not such a CSV, or a value of the split's column means no part of a split.
    """
    names = config.columns
    group_need: Need = "optional" if names.group == _DEFAULT.group else "named"
    columns = [
        Column(names.image, "image", "crawl.columns.image", "required"),
        Column(names.label, "label", "crawl.columns.label", "required"),
        Column(names.group, "group", "crawl.columns.group", group_need),
        *split_columns(config, needs_split=needs_split),
        Column(names.time, "time", "crawl.columns.time", "optional" if names.time == _DEFAULT.time else "named"),
    ]
    file = read_csv(path, [column.name for column in columns], content)
    found = find_columns(file, columns)
    rows: list[ListRow] = []
    incomplete: list[int] = []
    complete: list[CsvRow] = []
    timeless: list[tuple[int, str]] = []
    for row in file.rows:
        require_one_line(path, row, found)
        image, label = found.get(row, names.image), nfc(found.get(row, names.label))
        if not image or not label:
            incomplete.append(row.line)
            continue
        complete.append(row)
        taken_at = parse_taken_at(time) if (time := found.get(row, names.time)) else None
        if time and not taken_at:
            timeless.append((row.line, time))
        rows.append(ListRow(row.line, image, label, found.get(row, names.group) or None, None, taken_at))
    splits = given_parts(path, complete, found, config)
    rows = [row._replace(split=split) for row, split in zip(rows, splits, strict=True)]
    notes = [*file.notes, *found.notes, *unread_splits(file, found, config)]
    notes += malformed(path, names.time, timeless)
    notes += [*blanks_after_some_commas(path, complete, found), *merged_by_blanks(path, complete, found, names.label)]
    return PhotoRows(rows, incomplete, notes)


def split_columns(config: CrawlConfig, *, needs_split: bool) -> list[Column]:
    """Return the column of the split, unless `crawl.split` is ignore."""
    if config.split == "ignore":
        return []
    is_needed = needs_split or config.columns.split != _DEFAULT.split
    return [Column(config.columns.split, "split", "crawl.columns.split", "named" if is_needed else "optional")]


def given_parts(path: Path, rows: Sequence[CsvRow], columns: Columns, config: CrawlConfig) -> list[GivenSplit | None]:
    """Return the part of the split that each row gives; None where it is empty, and with `crawl.split` ignore.

    Raises:
        UserError: A value means no part; the message has its line.
    """
    name = config.columns.split
    texts = [columns.get(row, name) for row in rows]
    parts = yes_no_splits(name, texts) or given_splits(text for text in texts if text)
    unknown = [(row.line, text) for row, text in zip(rows, texts, strict=True) if text and text not in parts]
    if unknown:
        line, text = unknown[0]
        raise UserError(
            f"{path}, line {line:,}: {name} is {text!r}, not train, val or test ({len(unknown):,} such rows); correct "
            "it, set crawl.columns.split to another column, or set crawl.split=ignore"
        )
    return [parts[text] if text else None for text in texts]


def unread_splits(file: CsvFile, columns: Columns, config: CrawlConfig) -> list[str]:
    """Return a line if no column is read as the split, but each value of another one means a part of a split."""
    is_noted = any("crawl.columns.split" in note for note in columns.notes)
    if config.split == "ignore" or config.columns.split in columns or is_noted:
        return []
    for position, name in enumerate(file.columns):
        values = {row.values[position].strip() for row in file.rows} - {""}
        if position not in columns.position.values() and len(values) > 1 and len(given_splits(values)) == len(values):
            shown = ", ".join(sorted(values)[:_SHOWN])
            return [
                f"{file.path}: column {name} ({shown}) is not read; if it says which photos are for training and which "
                f"for the test, set crawl.columns.split={name}"
            ]
    return []


def require_one_line(path: Path, row: CsvRow, columns: Columns) -> None:
    """Raise UserError if a value that is used has a line break: no name of a file or a class has one."""
    for name in columns.position:
        if len(columns.get(row, name).splitlines()) > 1:
            raise UserError(f"{path}, line {row.line:,}: the value of {name} contains a line break; remove it")


def blanks_after_some_commas(path: Path, rows: Sequence[CsvRow], columns: Columns) -> list[str]:
    """Return a line about rows with a blank after some commas only: those may belong to a value without quotes.

    `oak.jpg,Maple, red` has as many values as a header of three columns, of which the last may be empty.
    """
    last = max(columns.position.values())
    found = [
        row for row in rows if len({value[0].isspace() for value in row.values[1 : last + 2] if value.strip()}) > 1
    ]
    if not found:
        return []
    lines = shown_lines([row.line for row in found])
    return [
        f"{path}: {len(found):,} rows have a blank after some of their separators only ({lines}), as in "
        f"{','.join(found[0].values)!r}; if that is a comma within a value, put quotes around the value"
    ]


def merged_by_blanks(path: Path, rows: Sequence[CsvRow], columns: Columns, label: str) -> list[str]:
    """Return a line if blanks around classes make one class of several spellings."""
    spellings: dict[str, set[str]] = {}
    padded = 0
    for row in rows:
        raw = nfc(columns.raw(row, label))
        padded += raw != raw.strip()
        spellings.setdefault(raw.strip(), set()).add(raw)
    merged = [text for text, raw in spellings.items() if len(raw) > 1]
    if not merged:
        return []
    return [
        f"{path}: {padded:,} rows have blanks before or after their {label}; they count as the class without blanks: "
        + ", ".join(map(repr, merged[:_SHOWN]))
    ]

"""Read the CSV files of users: what Excel, pandas, R and a text editor write, or a refusal that names the line.

`tasks.store.csv_columns` finds the columns that a reader needs.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from tasks.store.errors import UserError
from tasks.store.formulas import unguard

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHOWN = 5
_SAVE_AS = "save it as CSV, encoded as UTF-8"
_REMEDY_OF_QUOTE = 'close it, remove it, or write "" for a quote within a value that is in quotes'


class CsvRow(NamedTuple):
    """A row of a CSV file."""

    line: int
    """Number of its first line in the file, from 1."""
    values: list[str]
    """A value for each column of the header; a missing value is empty."""


class CsvFile(NamedTuple):
    """The content of a CSV file."""

    path: Path
    columns: list[str]
    """The names in the header, without blanks around them. A name may be empty, and names may be repeated."""
    rows: list[CsvRow]
    """All rows that have a value."""
    notes: list[str]
    """A line for each kind of value that is not used exactly as the file has it."""


def read_csv(path: Path, wanted: Sequence[str] = (), content: bytes | None = None) -> CsvFile:
    r"""Read a CSV file whose first line has the names of the columns.

    Values may be separated by commas, semicolons, tabs or vertical bars; the header decides. A line `sep=;` before it,
    which Excel understands, is obeyed. The encoding is UTF-8, or UTF-16 with a byte order mark (Excel's "Unicode
    text"). Lines may end in \n, \r\n or \r. Empty lines, and rows without any value, are skipped.

    Args:
        path: The file.
        wanted: Names of columns that the file may have; they help to tell which character separates the values.
        content: The content of the file, if it was read already, as from an archive.

    Raises:
        UserError: The file can't be read, a quote is not closed, or a row has more values than the header.
    """
    text = _decoded(path, _read(path) if content is None else content)
    number, header = _header(text)
    delimiter = number_of_sep = None
    if found := re.fullmatch(r"\"?sep=(.)\"?", header.strip("\r\n")):
        delimiter, number_of_sep = found[1], number
        number, header = _header(text, after=number)
    delimiter = delimiter or _delimiter(header, wanted)
    records = list(_records(path, text, delimiter, skip=number_of_sep or 0))
    columns = [name.strip() for name in records[0].values] if records else []
    rows, notes = _rows(path, columns, records[1:], delimiter, wanted)
    return CsvFile(path, columns, rows, notes)


def shown_lines(numbers: Sequence[int]) -> str:
    """Return the first of some line numbers, for messages: `line 3`, or `lines 3, 4, 8 ...`."""
    first = ", ".join(f"{number:,}" for number in numbers[:_SHOWN]) + (" ..." if len(numbers) > _SHOWN else "")
    return f"{'line' if len(numbers) == 1 else 'lines'} {first}"


def _read(path: Path) -> bytes:
    path = path.expanduser()
    if not path.exists():
        raise UserError(f"{path}: there is no such file; create it, or correct the path")
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise UserError(f"{path} is {what}, not a CSV file; {_SAVE_AS}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read as CSV ({error}); {_SAVE_AS}") from error


def _decoded(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n?|\n", data[: error.start])) + 1
        raise UserError(f"{path} can't be read as CSV (line {line:,}: {error}); {_SAVE_AS}") from error
    if "\0" in text:
        number = 1 + sum(1 for _ in io.StringIO(text[: text.index("\0")], newline="")) - (not text.startswith("\0"))
        raise UserError(f"{path}, line {max(1, number)}: there is a NUL byte, as in files that aren't text; {_SAVE_AS}")
    return text


def _header(text: str, after: int = 0) -> tuple[int, str]:
    """Return the first line with text after the line `after`, and its number; empty if there is none."""
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if number > after and line.strip():
            return number, line
    return 0, ""


def _delimiter(header: str, wanted: Sequence[str]) -> str:
    """Return the character that separates most of the wanted columns in the header, or else most columns."""
    names = {name.casefold() for name in wanted}

    def found(delimiter: str) -> tuple[int, int]:
        columns = next(csv.reader([header], delimiter=delimiter), [])
        return len(names.intersection(column.strip().casefold() for column in columns)), len(columns)

    return max(_DELIMITERS, key=found)  # the first of equals: the comma


def _records(path: Path, text: str, delimiter: str, skip: int) -> Iterator[CsvRow]:
    """Yield the header and the rows, with the fields that each really has.

    Args:
        path: The file, for messages.
        text: Its content.
        delimiter: Separates the fields.
        skip: Number of lines before the header that are not part of the table.
    """
    lines = io.StringIO(text, newline="").readlines()
    # `a, "b, c"`: people put a blank between the comma and the quote
    blanks = re.search(rf'{re.escape(delimiter)} +"', text) is not None
    reader = csv.reader(lines[skip:], delimiter=delimiter, strict=True, skipinitialspace=blanks)
    width = start = 0
    try:
        while True:
            start = skip + reader.line_num
            fields = next(reader, None)
            if fields is None:
                return
            end = skip + reader.line_num
            if not any(field.strip() for field in fields):
                continue
            width = width or len(fields)
            if end > start + 1 and _look_like_rows(lines[start], lines[start + 1 : end], delimiter, width):
                raise UserError(
                    f"{path}, line {start + 1:,}: a quote opens here and is closed only in line {end:,}, and the lines "
                    f"after it look like rows; {_REMEDY_OF_QUOTE}, or remove the line breaks from the value"
                )
            yield CsvRow(start + 1, fields)
    except csv.Error as error:
        where = f"{path}, line {start + 1:,}"
        if '"' not in lines[start]:
            raise UserError(f"{where}: can't be read as CSV ({error}); {_SAVE_AS}") from error
        end = skip + reader.line_num
        seen = "it is not closed" if "unexpected end" in str(error) else f"line {end:,} can't be read with it ({error})"
        raise UserError(f"{where}: a quote opens here, but {seen}; {_REMEDY_OF_QUOTE}") from error


def _look_like_rows(first: str, further: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether the further lines of a value in quotes are rows: rows may be short, and prose may have commas.

    Args:
        first: The line in which the quote opens.
        further: The lines after it, to the closing quote.
        delimiter: Separates the fields.
        width: Number of columns.
    """
    extension, *others = (PurePath(line.partition(delimiter)[0].strip(' "')).suffix for line in (first, *further))
    if extension:  # each row begins with the name of a photo
        return extension in others
    return all(line.count(delimiter) == width - 1 for line in further)


def _rows(
    path: Path, header: Sequence[str], records: Sequence[CsvRow], delimiter: str, wanted: Sequence[str]
) -> tuple[list[CsvRow], list[str]]:
    """Give each row as many values as the header has; returns the rows, and notes about what that changed."""
    width = len(header)
    is_title = width == 1 and header[0].casefold() not in {name.casefold() for name in wanted}
    rows: list[CsvRow] = []
    short: list[int] = []
    guarded: list[int] = []
    for line, fields in records:
        if len(fields) > width and any(field.strip() for field in fields[width:]):
            name = _DELIMITERS.get(delimiter, f"{delimiter!r}")
            title = f"if {header[0]!r} is no name of a column, delete that line, else " if is_title else ""
            raise UserError(
                f"{path}, line {line:,}: {len(fields)} values, but the header has {width} columns "
                f"({_shown_fields(fields, delimiter)}); {title}put quotes around values that contain {name}"
            )
        if len(fields) < width:
            short.append(line)
        values = fields[:width] + [""] * (width - len(fields))
        if any(value.startswith("'") for value in values):
            as_they_are, values = values, [unguard(value) for value in values]
            guarded += [line] * (values != as_they_are)
        rows.append(CsvRow(line, values))
    notes = []
    if short:
        notes.append(
            f"{path}: {len(short):,} rows have fewer values than the header ({shown_lines(short)}); the missing ones "
            "count as empty"
        )
    if guarded:
        notes.append(
            f"{path}: {len(guarded):,} rows have values with an apostrophe before = + - or @, which keeps spreadsheets "
            f"from running them as formulas; they are read without it ({shown_lines(guarded)})"
        )
    return rows, notes


def _shown_fields(fields: Sequence[str], delimiter: str) -> str:
    text = delimiter.join(fields)
    return repr(text if len(text) <= 80 else text[:80] + "...")

"""Read the CSV files of users."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.store.errors import UserError


class CsvFile(NamedTuple):
    """The content of a CSV file."""

    columns: list[str]
    rows: list[dict[str, str]]
    """Each row's values by column; a missing value is empty."""


def read_csv(path: Path, needed: Sequence[str] = (), *, ignore_case: bool = False) -> CsvFile:
    """Read a CSV file in UTF-8, with or without a byte order mark, whose first line has the names of the columns.

    Args:
        path: The file.
        needed: Columns that it must have; it may have others.
        ignore_case: Whether to convert the names of the columns to lower case.

    Raises:
        UserError: The file can't be read, isn't such a file, or lacks a column.
    """
    try:
        with path.expanduser().open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [column.strip() for column in reader.fieldnames or []]
            reader.fieldnames = [column.lower() for column in columns] if ignore_case else columns
            columns = list(reader.fieldnames)
            _require_columns(path, columns, needed)
            rows = [{column: row[column] or "" for column in columns} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as CSV ({error}); save it as CSV, encoded as UTF-8") from error
    return CsvFile(columns, rows)


def _require_columns(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raise UserError if a CSV file lacks any of the needed columns."""
    missing = [column for column in needed if column not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {' and no column '.join(missing)}; its columns are "
            f"{', '.join(columns) or '(none)'}; name them {','.join(needed)} and separate them by commas"
        )

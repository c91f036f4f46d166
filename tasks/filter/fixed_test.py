"""A fixed test list: photos that are always in the test, listed in a CSV."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.store.errors import UserError
from tasks.tables import PHOTOS

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("photo", "name")


def read_test_list(path: Path, table: "pd.DataFrame") -> set[str]:
    """SHA-256 of the listed photos that the crawl's table has, named by `photo` (SHA-256) or by `name`.

    Raises UserError if the file can't be read, has neither column, or names no photo of the table.
    """
    try:
        with path.expanduser().open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            column = next((column for column in _COLUMNS if column in (rows.fieldnames or [])), None)
            if column is None:
                raise UserError(f"filter.test_list={path} has neither a column photo nor a column name; name one")
            listed = {row[column] for row in rows if row[column]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"filter.test_list={path} can't be read as CSV ({error}); save it as CSV in UTF-8") from error
    found = set(table.loc[table[column].isin(listed), "photo"])
    if not found:
        raise UserError(
            f"filter.test_list={path}: none of its {len(listed):,} photos is there; its column {column} must be as in "
            f"the crawl's {PHOTOS.name}"
        )
    return found

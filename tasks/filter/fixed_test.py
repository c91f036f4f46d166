"""Read the fixed test list: a CSV of photos that are always in the test split."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError
from tasks.tables import PHOTOS

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("photo", "name")


def read_test_list(path: Path, table: "pd.DataFrame") -> set[str]:
    """Return the SHA-256 of the listed photos that are in the crawl's table.

    Args:
        path: A CSV with a column `photo` (SHA-256) or `name`.
        table: The crawl's table of photos.

    Raises:
        UserError: The file can't be read, has neither column, or lists no photo of the table.
    """
    columns, rows = read_csv(path)
    column = next((column for column in _COLUMNS if column in columns), None)
    if column is None:
        raise UserError(f"filter.test_list={path} has no column photo and no column name; add one of them")
    listed = {row[column] for row in rows if row[column]}
    found = set(table.loc[table[column].isin(listed), "photo"])
    if not found:
        raise UserError(
            f"filter.test_list={path}: none of its {len(listed):,} photos was crawled; its column {column} must have "
            f"values of the same column in the crawl's {PHOTOS.name}"
        )
    return found

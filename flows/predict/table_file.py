"""Write a table of predictions as CSV, JSON or Parquet."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.store.atomic import atomic_output
from tasks.store.formulas import guard

if TYPE_CHECKING:
    import pandas as pd


def write_table(table: "pd.DataFrame", path: Path, *, guarded: bool = True, excel: bool = False) -> None:
    """Write a table as CSV, JSON or Parquet, by the file's suffix; all of it or nothing. A CSV has lists as JSON.

    In a guarded CSV, no text is a formula for a spreadsheet, see `tasks.store.formulas`. With `excel`, a CSV begins
    with a byte order mark: Excel takes UTF-8 without one for another encoding.
    """
    with atomic_output(path) as partial:
        match path.suffix:
            case ".csv":
                table = table.map(
                    lambda value: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
                )
                if guarded:
                    table = table.map(lambda value: guard(value) if isinstance(value, str) else value)
                table.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8-sig" if excel else "utf-8")
            case ".json":
                table.to_json(partial, orient="records", indent=1, force_ascii=False)
            case _:
                table.to_parquet(partial, index=False)

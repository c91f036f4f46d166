"""Tables of the catalog with only those columns filled in that a test is about."""

from pathlib import Path

import pandas as pd

from tasks.store.table import Table

_EMPTY = {"string": "", "int64": 0, "float64": 0.0, "bool": False, "timestamp[s, UTC]": pd.Timestamp(0, tz="UTC")}


def write(table: Table, frame: pd.DataFrame, folder: Path) -> None:
    """Write a table; columns that the frame lacks have no value, or an empty one where there must be a value."""
    frame = frame.reset_index(drop=True)
    for column in table.columns:
        if column.name in frame:
            if column.dtype == "string":
                frame[column.name] = frame[column.name].astype("str")
        elif column.nullable:
            frame[column.name] = pd.Series([None] * len(frame), dtype="str" if column.dtype == "string" else "Float64")
        else:
            empty = "none" if column.is_path else _EMPTY.get(column.dtype, [])
            frame[column.name] = [empty] * len(frame)
    frame.to_parquet(table.path(folder), index=False)

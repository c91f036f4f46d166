"""The description of a file in an artifact: its name, its meaning and, for a table, its columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configs.schema import StageName

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

Dtype = Literal["string", "int64", "float64", "bool", "timestamp[s, UTC]", "list[string]", "list[float64]"]


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    dtype: Dtype
    meaning: str
    unit: str = ""
    """Unit or range of the values; empty for text and plain counts."""
    nullable: bool = False
    """Whether a value may be missing."""

    @property
    def arrow_type(self) -> "pyarrow.DataType":
        """The Arrow type of the values."""
        import pyarrow as pa

        types = {
            "string": pa.string(),
            "int64": pa.int64(),
            "float64": pa.float64(),
            "bool": pa.bool_(),
            "timestamp[s, UTC]": pa.timestamp("s", "UTC"),
            "list[string]": pa.list_(pa.string()),
            "list[float64]": pa.list_(pa.float64()),
        }
        return types[self.dtype]


@dataclass(frozen=True)
class File:
    """A file that stages write into their artifacts."""

    name: str
    """Its name in the artifact's folder."""
    stages: tuple[StageName, ...]
    """The stages that write it."""
    meaning: str

    def path(self, folder: Path) -> Path:
        """The path of the file in an artifact's folder."""
        return folder / self.name


@dataclass(frozen=True)
class Table(File):
    """A Parquet file with fixed columns."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The names of all columns, in order."""
        return [column.name for column in self.columns]

    def read(self, folder: Path, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Read the table.

        Args:
            folder: The artifact's folder.
            columns: The columns to read; None: all.

        Raises:
            OSError: The file is missing.
            ValueError: The file is damaged.
        """
        import pandas as pd

        return pd.read_parquet(self.path(folder), columns=None if columns is None else list(columns))

    def write(self, frame: "pd.DataFrame", folder: Path) -> None:
        """Write a frame with exactly the table's columns, without its index.

        Raises:
            ValueError: The frame has other columns, or has them in another order.
        """
        self._check(list(frame.columns))
        frame.to_parquet(self.path(folder), index=False)

    def write_rows(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
        """Write rows, each a value by column name, with the Arrow types of the columns.

        Raises:
            ValueError: A row has other columns, or has them in another order.
        """
        import pyarrow.parquet as pq

        pq.write_table(self.to_arrow(rows), self.path(folder))

    def to_arrow(self, rows: Iterable[Mapping[str, Any]]) -> "pyarrow.Table":
        """Rows, each a value by column name, as an Arrow table with the types of the columns.

        Raises:
            ValueError: A row has other columns, or has them in another order.
        """
        import pyarrow as pa

        rows = list(rows)
        for row in rows:
            self._check(list(row))
        schema = pa.schema([(column.name, column.arrow_type) for column in self.columns])
        return pa.table({name: [row[name] for row in rows] for name in self.names}, schema)

    def _check(self, names: list[str]) -> None:
        if names != self.names:
            raise ValueError(f"{self.name}: the columns {names} are not those of the catalog, {self.names}")

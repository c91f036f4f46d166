"""The description of a file in an artifact: its name, its meaning and, for a table, its columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configs.schema import StageName
from tasks.store.json_file import damaged
from tasks.store.paths import check_inside

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
    is_path: bool = False
    """Whether the values are paths relative to the data folder; a table with other paths is damaged."""

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

    def fits(self, found: "pyarrow.DataType") -> bool:
        """Whether values of an Arrow type can be read as those of the column; pandas chooses among similar types."""
        from pyarrow import types

        if types.is_dictionary(found):
            found = found.value_type
        is_text = types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
        kinds = {
            "string": is_text,
            "int64": types.is_integer(found) or (self.nullable and types.is_floating(found)),
            "float64": types.is_floating(found) or types.is_integer(found),
            "bool": types.is_boolean(found),
            "timestamp[s, UTC]": types.is_timestamp(found),
            "list[string]": types.is_list(found) or types.is_large_list(found),
            "list[float64]": types.is_list(found) or types.is_large_list(found),
        }
        return kinds[self.dtype] or (types.is_null(found) and self.nullable)


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
        """Read the table; arguments and errors are those of `read_arrow`."""
        import pyarrow as pa

        table = self.read_arrow(folder, columns)
        try:
            frame: pd.DataFrame = table.to_pandas()
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise damaged(self.path(folder), error) from error
        return frame

    def read_arrow(self, folder: Path, columns: Sequence[str] | None = None) -> "pyarrow.Table":
        """Read the table without pandas, whose import takes 0.3 s.

        Args:
            folder: The artifact's folder.
            columns: The columns to read; None: all.

        Raises:
            OSError: The file is missing.
            DamagedFileError: The file is no table, has other columns or types, or names files outside the data folder.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(folder)
        wanted = [column for column in self.columns if columns is None or column.name in columns]
        try:
            with pq.ParquetFile(path) as file:  # `pd.read_parquet` would import all of pyarrow.dataset, 0.1 s
                schema, has_rows = file.schema_arrow, file.metadata.num_rows > 0
                for column in wanted:
                    if column.name not in schema.names:
                        raise ValueError(f"it has no column {column.name}")
                    found = schema.field(column.name).type
                    if has_rows and not column.fits(found):  # pandas gives columns without rows no types
                        raise ValueError(f"column {column.name} contains {found}, not {column.dtype}")
                table = file.read() if columns is None else file.read(list(columns)).select(list(columns))
            for column in wanted:
                if not column.nullable and column.dtype == "string" and table[column.name].null_count:
                    raise ValueError(f"column {column.name} has rows without a value")
                if column.is_path:
                    for name in table[column.name].unique().to_pylist():
                        check_inside(name)
        except OSError as error:
            if error.errno is not None:  # else it is pyarrow's word for a damaged file
                raise
            raise damaged(path, error) from error
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise damaged(path, error) from error
        return table

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

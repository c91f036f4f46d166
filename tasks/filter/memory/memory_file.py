"""The file of a memory of the split: one row per photo, as Parquet."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tasks.filter import bursts, image_stats
from tasks.filter.memory.remembered import Header, Names, Remembered
from tasks.filter.splits import Split
from tasks.store.table import Column

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    Column("photo", "string", "SHA-256 of the photo's bytes, 64 hex digits."),
    Column("split", "string", "train, val or test; empty if it will be assigned again.", nullable=True),
    Column("trained", "bool", "Whether it was ever in train."),
    Column("label", "string", "Class of the photo.", nullable=True),
    Column("names", "list[string]", "All names that it ever had at its source."),
    Column("pages", "list[string]", "All web pages that it was ever found on."),
    Column("csv_groups", "list[string]", "All groups that its source ever gave it."),
    Column("group", "string", "The group that it was in, if it had other photos.", nullable=True),
    Column("stats_version", "int64", "`image_stats.VERSION` of its statistics.", nullable=True),
)
"""The columns of a memory, besides `stats`: the bytes of its row of `image_stats.STATS_DTYPE`, and `taken`."""
_LISTS, _HEADER = ("names", "pages", "csv_groups"), b"fluke"
_TAKEN = "taken"
"""The bytes of a photo's row of `bursts.TAKEN_DTYPE`, after one byte with their version; empty if its time was never
read. Memories of earlier versions have no such column."""


def encode(remembered: Remembered) -> bytes:
    """Return a memory as a Parquet file; the same content always gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    other = [remembered.other_stats.get(photo) for photo in remembered.photos] if remembered.other_stats else None
    versions: list[int | None] = [image_stats.VERSION if valid else None for valid in remembered.measured.tolist()]
    if other:
        versions = [row[0] if row else version for row, version in zip(other, versions, strict=True)]
    values: list[Any] = [
        remembered.photos,
        remembered.splits,
        remembered.trained,
        remembered.labels,
        remembered.names,
        remembered.pages,
        remembered.csv_groups,
        remembered.groups,
        versions,
    ]
    arrays = {column.name: pa.array(value, column.arrow_type) for column, value in zip(COLUMNS, values, strict=True)}
    arrays["stats"] = _stats_column(remembered, other)
    arrays[_TAKEN] = _taken_column(remembered)
    table = pa.table(arrays).replace_schema_metadata({_HEADER: json.dumps(asdict(remembered.header), sort_keys=True)})
    out = BytesIO()
    lists = [f"{name}.list.element" for name in _LISTS]  # as Parquet names the values of lists
    texts = [column.name for column in COLUMNS if column.name not in _LISTS]
    compression = {**dict.fromkeys([*texts, *lists], "zstd"), "stats": "none", _TAKEN: "zstd"}  # hashes are random bits
    pq.write_table(table, out, compression=compression, use_dictionary=["split", "label"])
    return out.getvalue()


def decode(path: Path) -> Remembered:
    """Read what `encode` has returned.

    Raises:
        OSError: The file is missing.
        ValueError: It is no such file.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        header = Header(**json.loads(table.schema.metadata[_HEADER]))
        columns = {column.name: table[column.name].combine_chunks() for column in COLUMNS}
        stats, measured, other_stats = _read_stats(table)
        taken, dated = _read_taken(table)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has another form: {error}") from error
    texts = {name: columns[name].to_pylist() for name in ("photo", "split", "label", "group")}
    lists = {name: _lists(columns[name]) for name in _LISTS}
    return Remembered(
        header,
        photos=texts["photo"],
        splits=cast("list[Split | None]", _shared(texts["split"])),
        trained=columns["trained"].to_pylist(),
        labels=_shared(texts["label"]),
        groups=_shared(texts["group"]),
        stats=stats,
        measured=measured,
        taken=taken,
        dated=dated,
        other_stats=other_stats,
        **lists,
    )


def read_tests(path: Path) -> tuple[Header, set[str]]:
    """Return the header, and the photos that were ever in the test, without reading the rest.

    Raises:
        OSError: The file is missing.
        ValueError: It is no such file.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:  # `pq.read_table` would import a quarter of a second of pyarrow.dataset
            table = file.read(columns=["photo", "split"])
            header = Header(**json.loads(file.schema_arrow.metadata[_HEADER]))
        return header, tests_in(table)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has another form: {error}") from error


def tests_in(table: "pa.Table") -> set[str]:
    """Return the values of the column photo in the rows whose split is test."""
    import pyarrow as pa
    import pyarrow.compute as pc

    splits = table["split"].cast(pa.string())  # without rows, it may have no type
    # `pc.equal` would make an Arrow scalar of "test", for which pyarrow imports pandas, which takes 0.3 s.
    return set(table["photo"].filter(pc.match_like(splits, "test")).to_pylist())


def _stats_column(remembered: Remembered, other: Sequence[tuple[int, bytes] | None] | None) -> "pa.Array":
    import pyarrow as pa

    if other:
        rows = [
            row[1] if row else stats.tobytes() if valid else None
            for row, stats, valid in zip(other, remembered.stats, remembered.measured.tolist(), strict=True)
        ]
        return pa.array(rows, pa.large_binary())
    width = image_stats.STATS_DTYPE.itemsize
    sizes = np.where(remembered.measured, width, 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    data = np.ascontiguousarray(remembered.stats[remembered.measured]).tobytes()
    valid_bits = pa.array(remembered.measured.tolist(), pa.bool_()).buffers()[1]
    buffers = [valid_bits, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(remembered.photos), buffers)


def _read_stats(table: "pa.Table") -> tuple[NDArray[np.void], NDArray[np.bool_], dict[str, tuple[int, bytes]]]:
    """Return the statistics of each photo, whether they are of the present version, and those that are not."""
    import pyarrow.compute as pc

    column, width = table["stats"].combine_chunks(), image_stats.STATS_DTYPE.itemsize
    version = table["stats_version"].combine_chunks()
    sizes = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    numbers = pc.fill_null(version, -1).to_numpy(zero_copy_only=False)
    measured = (numbers == image_stats.VERSION) & (sizes == width)
    stats = np.zeros(len(column), image_stats.STATS_DTYPE)
    data = b"".join(chunk for chunk in column.filter(measured).to_pylist())
    stats[measured] = np.frombuffer(data, image_stats.STATS_DTYPE)
    others = np.flatnonzero(~measured & (sizes > 0))
    other = {
        table["photo"][position].as_py(): (int(numbers[position]), column[position].as_py())
        for position in others.tolist()
    }
    return stats, measured, other


def _taken_column(remembered: Remembered) -> "pa.Array":
    import pyarrow as pa

    rows = zip(remembered.taken, remembered.dated.tolist(), strict=True)
    return pa.array([bytes([bursts.VERSION]) + row.tobytes() if dated else None for row, dated in rows], pa.binary())


def _read_taken(table: "pa.Table") -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Return when and by which camera each photo was taken, and whether that is known."""
    values: list[Any] = table[_TAKEN].to_pylist() if _TAKEN in table.column_names else [None] * len(table)
    length, version = 1 + bursts.TAKEN_DTYPE.itemsize, bytes([bursts.VERSION])
    dated = np.array([value is not None and len(value) == length and value[:1] == version for value in values], bool)
    taken = np.zeros(len(values), bursts.TAKEN_DTYPE)
    data = b"".join(values[position][1:] for position in np.flatnonzero(dated).tolist())
    taken[dated] = np.frombuffer(data, bursts.TAKEN_DTYPE)
    return taken, dated


def _lists(column: "pa.ListArray") -> list[Names]:
    """Return a tuple of texts for each row."""
    values = column.flatten().to_pylist()
    ends = np.cumsum([0, *column.value_lengths().to_pylist()]).tolist()
    return [tuple(values[start:end]) for start, end in pairwise(ends)]


def _shared(values: list[str | None]) -> list[str | None]:
    """Return the same texts, each stored once."""
    once: dict[str | None, str | None] = {}
    return [once.setdefault(value, value) for value in values]

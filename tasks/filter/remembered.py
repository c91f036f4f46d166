"""What the memory of a split contains: every photo that was ever assigned, also those that have left the crawl."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter import image_stats
from tasks.filter.groups import match_name
from tasks.filter.splits import Split
from tasks.store import hashing
from tasks.store.table import Column

if TYPE_CHECKING:
    import pandas as pd
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
"""The columns of a memory, besides `stats`: the bytes of its row of `image_stats.STATS_DTYPE`."""
Names = tuple[str, ...]
_LISTS, _HEADER = ("names", "pages", "csv_groups"), b"fluke"


@dataclass(frozen=True)
class Header:
    """What is remembered once, and not for each photo."""

    name: str
    """Value of `filter.memory`."""
    seed: int
    shares: Mapping[str, Any]
    """The settings by which photos were divided, see `shares_of`."""
    grouping: str
    """Digest of the settings by which photos were grouped, see `grouping_of`."""
    moves: int = 0
    """How often a photo has moved to another split."""
    redealt: bool = False
    """Whether `shares` have ever changed."""
    tests_added: Mapping[str, int] = field(default_factory=dict)
    """How many runs have added photos to the test, by their `grouping`."""

    @classmethod
    def of(cls, config: FilterConfig, name: str) -> Self:
        """The header of a new memory."""
        return cls(name, config.seed, shares_of(config), grouping_of(config))

    def changes(self, config: FilterConfig) -> int:
        """Return how often the memory has changed in a way that can make an older result of the config wrong.

        That is how often a photo has moved, and how many runs with other settings for groups have tested new photos:
        these may resemble a photo that an older result trains on.
        """
        grouping = grouping_of(config)
        return self.moves + sum(runs for other, runs in self.tests_added.items() if other != grouping)


@dataclass(frozen=True)
class Remembered:
    """All photos of a memory; each sequence has an element per photo."""

    header: Header
    photos: Sequence[str] = ()
    """SHA-256 of each photo, sorted."""
    splits: Sequence[Split | None] = ()
    trained: Sequence[bool] = ()
    """Whether the photo was ever in train."""
    labels: Sequence[str | None] = ()
    names: Sequence[Names] = ()
    pages: Sequence[Names] = ()
    csv_groups: Sequence[Names] = ()
    groups: Sequence[str | None] = ()
    """Name of the group that the photo was in; None if it was alone."""
    stats: NDArray[np.void] = field(default_factory=lambda: np.empty(0, image_stats.STATS_DTYPE))
    """Statistics of each photo, `(n,)` of STATS_DTYPE; only valid where `measured`."""
    measured: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Whether the statistics of each photo are those of the present `image_stats.VERSION`, `(n,)`."""
    other_stats: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    """By photo, statistics of another version, with this version."""

    def known(self, config: FilterConfig) -> dict[str, Split]:
        """Return the splits that still count, by photo.

        After a change of the shares, these are only those of photos that were ever in the test.
        """
        same = self.header.shares == shares_of(config)
        pairs = zip(self.photos, self.splits, strict=True)
        return {photo: split for photo, split in pairs if split and (same or split == "test")}

    def tests(self) -> set[str]:
        """Return the photos that were ever in the test."""
        return {photo for photo, split in zip(self.photos, self.splits, strict=True) if split == "test"}

    def links(self, config: FilterConfig) -> Iterator[tuple[str, str, str]]:
        """Yield (kind, name of a group, photo) for each group that photos belong to, as `group_names` names them.

        The group that a photo was in holds also if the photo that linked it to the others is forgotten. It counts while
        photos are grouped by the same settings.
        """
        kinds = [("group", self.csv_groups)]
        if config.group_pages:
            kinds.append(("page", self.pages))
        for kind, values in kinds:
            for photo, names in zip(self.photos, values, strict=True):
                for name in names:
                    yield kind, name, photo
        if config.group_pattern:
            for photo, names in zip(self.photos, self.names, strict=True):
                for name in names:
                    if (match := match_name(config.group_pattern, name)) is not None:
                        yield "pattern", match, photo
        if self.header.grouping == grouping_of(config):
            for photo, group in zip(self.photos, self.groups, strict=True):
                if group:
                    yield "remembered", group, photo

    def without(self, photos: Collection[str]) -> "Remembered":
        """Return it without some photos; the others are unchanged."""
        left = [position for position, photo in enumerate(self.photos) if photo not in photos]

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[position] for position in left]

        return replace(
            self,
            photos=pick(self.photos),
            splits=pick(self.splits),
            trained=pick(self.trained),
            labels=pick(self.labels),
            names=pick(self.names),
            pages=pick(self.pages),
            csv_groups=pick(self.csv_groups),
            groups=pick(self.groups),
            stats=self.stats[left],
            measured=self.measured[left],
            other_stats={photo: row for photo, row in self.other_stats.items() if photo not in photos},
        )

    def encode(self) -> bytes:
        """Return it as a Parquet file; the same content always gives the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        other = [self.other_stats.get(photo) for photo in self.photos] if self.other_stats else None
        versions: list[int | None] = [image_stats.VERSION if valid else None for valid in self.measured.tolist()]
        if other:
            versions = [row[0] if row else version for row, version in zip(other, versions, strict=True)]
        values: list[Any] = [
            self.photos,
            self.splits,
            self.trained,
            self.labels,
            self.names,
            self.pages,
            self.csv_groups,
            self.groups,
            versions,
        ]
        arrays = {
            column.name: pa.array(value, column.arrow_type) for column, value in zip(COLUMNS, values, strict=True)
        }
        arrays["stats"] = self._stats_column(other)
        table = pa.table(arrays).replace_schema_metadata({_HEADER: json.dumps(asdict(self.header), sort_keys=True)})
        out = BytesIO()
        lists = [f"{name}.list.element" for name in _LISTS]  # as Parquet names the values of lists
        texts = [column.name for column in COLUMNS if column.name not in _LISTS]
        compression = {**dict.fromkeys([*texts, *lists], "zstd"), "stats": "none"}  # hashes are random bits
        pq.write_table(table, out, compression=compression, use_dictionary=["split", "label"])
        return out.getvalue()

    def _stats_column(self, other: Sequence[tuple[int, bytes] | None] | None) -> "pa.Array":
        import pyarrow as pa

        if other:
            rows = [
                row[1] if row else stats.tobytes() if valid else None
                for row, stats, valid in zip(other, self.stats, self.measured.tolist(), strict=True)
            ]
            return pa.array(rows, pa.large_binary())
        width = image_stats.STATS_DTYPE.itemsize
        sizes = np.where(self.measured, width, 0)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        data = np.ascontiguousarray(self.stats[self.measured]).tobytes()
        valid_bits = pa.array(self.measured.tolist(), pa.bool_()).buffers()[1]
        buffers = [valid_bits, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_binary(), len(self.photos), buffers)

    @classmethod
    def decode(cls, path: Path) -> Self:
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
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} has another form: {error}") from error
        texts = {name: columns[name].to_pylist() for name in ("photo", "split", "label", "group")}
        lists = {name: _lists(columns[name]) for name in _LISTS}
        return cls(
            header,
            photos=texts["photo"],
            splits=cast("list[Split | None]", _shared(texts["split"])),
            trained=columns["trained"].to_pylist(),
            labels=_shared(texts["label"]),
            groups=_shared(texts["group"]),
            stats=stats,
            measured=measured,
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
        table = pq.read_table(path, columns=["photo"], filters=[("split", "==", "test")])
        return Header(**json.loads(pq.read_schema(path).metadata[_HEADER])), set(table["photo"].to_pylist())
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has another form: {error}") from error


def shares_of(config: FilterConfig) -> dict[str, Any]:
    """Return the settings by which photos are divided, as JSON has them."""
    return config.model_dump(mode="json", include={"val_fraction", "test_fraction", "unseen_classes"})


def grouping_of(config: FilterConfig) -> str:
    """Return a digest of the settings by which photos are grouped."""
    settings = config.model_dump(mode="json", include={"duplicate_bits", "mirrored", "group_pages", "group_pattern"})
    return hashing.of_value([settings, image_stats.VERSION])[:24]


def sightings(table: "pd.DataFrame", column: str) -> dict[str, set[str]]:
    """Return the values of a column that each photo has; empty if the table has no such column."""
    found: dict[str, set[str]] = {}
    if column in table:
        present = table[["photo", column]].dropna()
        for photo, value in zip(present["photo"], present[column], strict=True):
            found.setdefault(photo, set()).add(str(value))
    return found


def merged(known: Names, new: Collection[str]) -> Names:
    """Return all names, sorted."""
    return known if known and all(name in known for name in new) else tuple(sorted({*known, *new}))


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


def _lists(column: "pa.ListArray") -> list[Names]:
    """Return a tuple of texts for each row."""
    values = column.flatten().to_pylist()
    ends = np.cumsum([0, *column.value_lengths().to_pylist()]).tolist()
    return [tuple(values[start:end]) for start, end in pairwise(ends)]


def _shared(values: list[str | None]) -> list[str | None]:
    """Return the same texts, each stored once."""
    once: dict[str | None, str | None] = {}
    return [once.setdefault(value, value) for value in values]

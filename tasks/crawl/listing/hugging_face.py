"""List the photos in a local copy of a Hugging Face dataset: Parquet or Arrow files with the photos' bytes in them.

The copy is what `huggingface_hub.snapshot_download` fetches, what `Dataset.save_to_disk` writes, or the cache of
`datasets` (huggingface.co/docs/datasets, "Process": Save; "Dataset features"). Nothing is unpacked.
"""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.files import LocalFile, read_file, require_path
from tasks.crawl.listing.given_split import GivenSplit, given_splits
from tasks.crawl.listing.photo_list import ListedPhoto, PhotoList
from tasks.crawl.result import require_two_classes
from tasks.names import nfc
from tasks.store.errors import UserError
from tasks.text import first_few

if TYPE_CHECKING:
    import pyarrow as pa

_EXTENSIONS = (".parquet", ".arrow")
_SHARD = re.compile(r"[-_.]?\d{3,}(-of-\d+)?$")
_DEFAULT = CsvColumns()
_CACHED_BLOCKS = 2
_lock = threading.Lock()


class Columns(NamedTuple):
    """The columns of a dataset that are used."""

    image: str
    label: str
    names: tuple[str, ...] | None
    """The name of each class, if the column has their numbers."""
    group: str | None


@dataclass(frozen=True, slots=True)
class PhotoInTable(LocalFile):
    """A photo in a row of a file, not read yet; its key is that of the file."""

    table: str = ""
    block: int = 0
    row: int = 0
    """Its position in the block."""
    column: str = ""

    def read(self, *, at_most: int | None = None) -> bytes:
        """Return the photo's bytes, or so many from its beginning; raises OSError."""
        import pyarrow as pa

        try:
            with _lock:  # the photos are read in their order, so each block is read once
                images = _block(self.table, self.mtime_key, self.block, self.column)
            image = images[self.row].as_py()
        except pa.ArrowException as error:
            raise OSError(None, f"damaged ({error})") from error
        data = image.get("bytes") if isinstance(image, dict) else image
        if isinstance(data, bytes):
            return data[:at_most]
        if isinstance(image, dict) and image.get("path"):
            return read_file(image["path"], at_most=at_most)
        raise OSError(None, "the dataset has neither its content nor its path")


def list_photos(config: CrawlConfig, *, to_train: bool = True) -> PhotoList:
    """List the rows of a dataset.

    Args:
        config: Names the folder, and the columns if there are several of a kind.
        to_train: Whether the photos are to be trained on, which needs two classes.

    Raises:
        UserError: The folder has no such files, it isn't clear which columns count, or there are fewer than two
            classes.
    """
    root = require_path(config.path, "crawl.path", "dataset")
    files = _files(root)
    parts: dict[str, GivenSplit] = {}
    if config.split != "ignore":
        parts = given_splits(_part_name(file, root) for file in files)
    photos: list[ListedPhoto] = []
    unlabelled = 0
    for file in files:
        columns = _columns(file, schema_of(file), config)
        for photo in photos_in(file, root, columns, parts.get(_part_name(file, root))):
            if photo.label:
                photos.append(photo)
            else:
                unlabelled += 1
    notes = [f"{root}: {unlabelled:,} photos have no class, so they are not used"] if unlabelled else []
    if to_train or not photos:
        require_two_classes((photo.label for photo in photos), str(root), "choose another column: crawl.columns.label")
    return PhotoList(photos, {"rows without a class": unlabelled} if unlabelled else {}, notes)


def is_dataset(folder: Path) -> bool:
    """Whether a folder is such a copy."""
    return any(path.suffix in _EXTENSIONS for path in (*folder.glob("*"), *folder.glob("*/*")))


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise UserError(f"{root} is a file; set crawl.path to the folder of the dataset")
    found = sorted(path for path in root.rglob("*") if path.suffix in _EXTENSIONS and path.is_file())
    found = [path for path in found if not path.name.startswith("cache-")]  # what datasets.map has computed
    if not found:
        raise UserError(
            f"{root}: no Parquet or Arrow files; download the dataset with `hf download NAME --repo-type dataset "
            "--local-dir FOLDER` or save it with save_to_disk, or set crawl.sources=folder if it is a folder of photos"
        )
    return found


def _part_name(file: Path, root: Path) -> str:
    """Return the name that may say the part: of a file such as `train-00000-of-00002`, or else of its folder."""
    stem = _SHARD.sub("", file.stem)
    return file.parent.name if stem in ("data", "") and file.parent != root else stem


def photos_in(file: Path, root: Path, columns: Columns, part: GivenSplit | None) -> Iterator[ListedPhoto]:
    """Yield the rows of a file; those without a class have an empty label.

    Args:
        file: A Parquet or Arrow file.
        root: The folder of the dataset; names begin below it.
        columns: The columns to read.
        part: The part of the split.

    Raises:
        UserError: It is damaged or can't be read.
    """
    with _clear_errors(file):
        key = LocalFile.of(str(file), file.stat()).mtime_key
        wanted = [columns.label, *([columns.group] if columns.group else [])]
        for block, table in enumerate(_tables(file, wanted)):
            labels = table.column(columns.label).to_pylist()
            groups = table.column(columns.group).to_pylist() if columns.group else [None] * len(labels)
            for row, (label, group) in enumerate(zip(labels, groups, strict=True)):
                name = f"{file.relative_to(root).as_posix()}/{block}-{row}"
                photo = PhotoInTable(f"{root}/{name}", key, str(file), block, row, columns.image)
                yield ListedPhoto(name, photo, _name(label, columns), None if group is None else str(group), part)


def _name(label: object, columns: Columns) -> str:
    if label is None:
        return ""
    if not isinstance(label, int) or columns.names is None:
        return nfc(str(label)).strip()
    return nfc(columns.names[label]).strip() if 0 <= label < len(columns.names) else ""  # -1: not known


def _columns(file: Path, schema: "pa.Schema", config: CrawlConfig) -> Columns:
    """Find the columns of the photo, the class and the group."""
    features = _features(schema)
    kinds = {name: _kind(feature) for name, feature in features.items()}
    images = [name for name in schema.names if kinds.get(name) == "Image"] or [
        field.name for field in schema if str(field.type).startswith("struct<bytes: binary")
    ]
    labels = [name for name in schema.names if kinds.get(name) == "ClassLabel"] or [
        name for name in schema.names if name.lower() in ("label", "labels", "class")
    ]
    image = _only(file, images, "image", config.columns, schema.names)
    label = _only(file, labels, "label", config.columns, schema.names)
    group = config.columns.group if config.columns.group in schema.names else None
    return Columns(image, label, class_names(schema, label), group)


def class_names(schema: "pa.Schema", column: str) -> tuple[str, ...] | None:
    """Return the name of each class, if a column has their numbers and the dataset has their names."""
    feature = _features(schema).get(column)
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(map(str, names)) if names else None


def _features(schema: "pa.Schema") -> dict[str, object]:
    """Return the features of the columns that `datasets` has written into a file."""
    found: dict[str, object] = (
        json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    )
    return found


def _kind(feature: object) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _only(file: Path, found: Sequence[str], setting: str, names: CsvColumns, columns: Sequence[str]) -> str:
    """Return the column that the user names, or the only one of its kind."""
    given = str(getattr(names, setting))
    if given != getattr(_DEFAULT, setting):
        if given not in columns:
            raise UserError(f"{file}: no column {given} (crawl.columns.{setting}); it has {', '.join(columns)}")
        return given
    if len(found) != 1:
        which = first_few(list(found)) if found else "none of " + ", ".join(columns)
        raise UserError(f"{file}: it isn't clear which column is the {setting} ({which}); set crawl.columns.{setting}")
    return found[0]


# ---- the two formats ----


def schema_of(file: Path) -> "pa.Schema":
    """Return the columns of a Parquet or Arrow file; raises UserError if it is damaged or can't be read."""
    import pyarrow.parquet as pq

    with _clear_errors(file):
        return pq.read_schema(file) if file.suffix == ".parquet" else _arrow(file).schema


@contextmanager
def _clear_errors(file: Path) -> Iterator[None]:
    """Say of what goes wrong with a file what to do."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise UserError(f"{file} is damaged ({error}); download it again") from error
    except OSError as error:
        raise UserError(f"{file}: can't be read ({error.strerror or error}); make it readable") from error


def _tables(file: Path, columns: list[str]) -> "Iterator[pa.Table]":
    """Yield some columns of each block of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as parquet:
            for block in range(parquet.num_row_groups):
                yield parquet.read_row_group(block, columns)
    else:
        for batch in _arrow(file).to_batches():
            yield pa.Table.from_batches([batch]).select(columns)


@lru_cache(maxsize=_CACHED_BLOCKS)
def _block(file: str, key: str, block: int, column: str) -> Any:
    """Return the photos of a block of rows: their bytes with their path, or their bytes; `key` is its version."""
    import pyarrow.parquet as pq

    del key
    path = Path(file)
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as parquet:
            return parquet.read_row_group(block, [column]).column(column)
    return _arrow(path).to_batches()[block].column(column)


def _arrow(file: Path) -> "pa.Table":
    """Map an Arrow file into memory: a stream, as `datasets` writes it, or a file with a table of contents."""
    import pyarrow as pa

    source = pa.memory_map(str(file))
    try:
        return pa.ipc.open_stream(source).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(source).read_all()

"""The photos of a dataset: which they are, and the names that their files get."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from tasks.names import nfc

if TYPE_CHECKING:
    import pandas as pd

_FORBIDDEN = re.compile(r'[\x00-\x1f\\/:*?"<>|]')
"""What a file's name can't have on Linux, macOS or Windows."""
_MAX_NAME = 100


class DatasetPhoto(NamedTuple):
    """A photo of one class."""

    source: str
    """Its file, as a path below the data folder."""
    sha256: str
    name: str
    """The name of its file in the dataset: no other photo of the dataset has it, whatever its ending or case."""
    label: str
    split: str
    """train, val or test."""


class CopiedPhoto(NamedTuple):
    """A photo whose file is in the dataset."""

    path: str
    """Its file, as a path below the dataset's folder."""
    photo: DatasetPhoto
    size_px: tuple[int, int] | None
    """Width and height; None if this machine can't read its format."""


def of_table(kept: "pd.DataFrame") -> list[DatasetPhoto]:
    """Return the photos of the filter's table, in its order; a photo of two classes is there twice."""
    taken: set[str] = set()
    photos = []
    columns = (kept[name] for name in ("file", "photo", "name", "label", "split"))
    for file, sha256, original, label, split in zip(*columns, strict=True):
        ending = PurePosixPath(file).suffix
        stem = _free(valid_name(PurePosixPath(original).stem), f"-{sha256[:8]}", taken)
        photos.append(DatasetPhoto(file, sha256, f"{stem}{ending}", label, split))
    return photos


def valid_name(text: str) -> str:
    """Return a name that any file system takes: at most 100 letters, none of them a control letter or a separator."""
    plain = _FORBIDDEN.sub("_", nfc(text)).encode("utf-8", "replace").decode()
    return plain[:_MAX_NAME].strip(" .") or "_"


def class_folders(labels: Iterable[str]) -> dict[str, str]:
    """Return the name of a folder for each class; two classes never share one, also where case doesn't matter."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(set(labels)):
        folders[label] = _free(valid_name(label), "", taken)
    return folders


def copies(photos: Iterable[DatasetPhoto], root: Path) -> list[tuple[Path, DatasetPhoto]]:
    """Return the file of each photo that is still there."""
    return [(root / photo.source, photo) for photo in photos if (root / photo.source).is_file()]


def _free(name: str, suffix: str, taken: set[str]) -> str:
    """Return a name that isn't taken, and take it: with the suffix if it must be, and then with a number, too."""
    free, count = name, 1
    while free.casefold() in taken:
        free = f"{name}{suffix}" if suffix and count == 1 else f"{name}{suffix}-{count + (not suffix)}"
        count += 1
    taken.add(free.casefold())
    return free

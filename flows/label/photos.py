"""The photos of a folder that have no class yet."""

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from flows.predict.photo_list import list_photos
from tasks.crawl.listing.files import read_file
from tasks.file_names import missing_path
from tasks.names import nfc
from tasks.store import hashing
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.text import first_few, photos_are


@dataclass(frozen=True)
class Photo:
    """A photo without a class."""

    digest: str
    """SHA-256 of the file, 64 hex digits."""
    name: str
    """As in the column Image: relative to the folder of the CSV of labels, or absolute if it isn't below that."""
    path: Path


@dataclass(frozen=True)
class Unlabelled:
    """The photos of a folder, each once, and what is said about the others."""

    photos: tuple[Photo, ...]
    notes: tuple[str, ...]


def require_folder(folder: Path) -> Path:
    """Return the absolute path of a folder; raises UserError if it is none."""
    found = folder.expanduser().absolute()
    if not found.is_dir():
        problem = f"{found} is a file" if found.exists() else missing_path(found)
        raise UserError(f"{problem}; give the folder of the photos to label")
    return found


def unlabelled(
    folder: Path, labels: Path, in_run: Collection[str], *, threads: Executor, progress: Progress
) -> Unlabelled:
    """List the photos of a folder that the run doesn't have, each content once.

    Args:
        folder: The folder; sub-folders are included.
        labels: The CSV of labels.
        in_run: SHA-256 of the photos that the run has.
        threads: Read the files.
        progress: Reports how many files are read.

    Raises:
        UserError: It can't be read, or it contains no photo that is to be labelled.
    """
    listed = list_photos(folder)
    notes = list(listed.notes)
    named = [(name, path) for name, path in listed.photos if _can_be_listed(path)]
    if odd := len(listed.photos) - len(named):
        notes.append(f"{folder}: {photos_are(odd)} left out, because a CSV can't contain their names; rename them")
    digests = _digests([path for _, path in named], threads, progress)
    photos: dict[str, Photo] = {}
    unreadable: list[str] = []
    in_run_count = 0
    for (name, path), digest in zip(named, digests, strict=True):
        if isinstance(digest, OSError):
            unreadable.append(f"{name} ({digest.strerror or digest})")
        elif digest in in_run:
            in_run_count += 1
        else:
            photos.setdefault(digest, Photo(digest, _name(path, labels), path))
    if unreadable:
        notes.append(f"{folder}: {photos_are(len(unreadable))} left out: can't be read: {first_few(unreadable)}")
    if in_run_count:
        notes.append(f"{folder}: {photos_are(in_run_count)} left out: already in the newest run")
    if copies := len(named) - len(unreadable) - in_run_count - len(photos):
        notes.append(f"{folder}: {photos_are(copies)} left out: copies of others")
    if not photos:
        raise UserError("; ".join([f"{folder}: no photo to label", *notes]))
    return Unlabelled(tuple(photos.values()), tuple(notes))


def files_of(photos: Iterable[Photo]) -> dict[str, str]:
    """Return the path of each photo below the root of the file system, by its SHA-256."""
    return {photo.digest: photo.path.relative_to(photo.path.anchor).as_posix() for photo in photos}


def _digests(paths: Sequence[Path], threads: Executor, progress: Progress) -> list[str | OSError]:
    def digest(path: Path) -> str | OSError:
        try:
            return hashing.of_bytes(read_file(path))
        except OSError as error:
            return error

    found = []
    with progress("photos", total=len(paths)) as advance:
        for each in threads.map(digest, paths):
            found.append(each)
            advance(1)
    return found


def _can_be_listed(path: Path) -> bool:
    """Whether a row of a CSV can name the file: UTF-8 in one line, without blanks around it."""
    text = str(path)
    return text.isprintable() and text == text.strip()


def _name(path: Path, labels: Path) -> str:
    folder = Path(os.path.abspath(labels.parent))  # noqa: PTH100 - links stay, as in the photos' paths
    absolute = Path(os.path.abspath(path))  # noqa: PTH100
    return nfc((absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix())

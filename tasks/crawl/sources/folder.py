"""Photos in a folder with one sub-folder per class."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.local_files import LocalFile, fingerprint, ingest, is_file, require_path, utf8_name
from tasks.crawl.result import CrawlResult, PhotoRow, require_two_classes
from tasks.images.photos import EXTENSIONS
from tasks.store.context import StageContext
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")


@dataclass(frozen=True)
class Listing:
    """The content of a folder."""

    classes: dict[str, list[tuple[str, LocalFile]]]
    """Per class: the photos' names (paths below the folder, sorted) and files."""
    others: int
    """Number of files that are not photos of a class; hidden files don't count."""


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the listing: names, sizes and modification times of all photos."""
    listing = _list_folder(require_path(config.path, "crawl.path", "photos"))
    photos = [(name, file.mtime_key) for found in listing.classes.values() for name, file in found]
    return {"photos": len(photos), "listing": fingerprint(photos)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the folder's photos; of each class the first `per_class` in the order of their names."""
    root = require_path(config.path, "crawl.path", "photos")
    listing = _list_folder(root)
    chosen = [
        (label, rank, name, file)
        for label, found in listing.classes.items()
        for rank, (name, file) in enumerate(found[: config.per_class], 1)
    ]
    photos = ingest([file for *_, file in chosen], ledger, context)
    rows = [
        PhotoRow.of(photo, label=utf8_name(label), name=utf8_name(name), engine="folder", rank=rank)
        for (label, rank, name, _), photo in zip(chosen, photos, strict=True)
        if photo
    ]
    if listing.others:
        logger.info("%s: %d files are not photos of a class and are left out", root, listing.others)
    return CrawlResult(rows, {"other files": listing.others})


def _list_folder(root: Path) -> Listing:
    """List the folder; raise UserError unless it has at least two classes with photos."""
    if not root.is_dir():
        raise UserError(
            f"{root} is a file; set crawl.path to a folder with one sub-folder per class, or set crawl.sources=csv"
        )
    classes: dict[str, list[tuple[str, LocalFile]]] = {}
    others = stray = 0
    top = root.stat()
    for entry in _entries(str(root)):
        if not _is_folder(entry):
            others += 1
            stray += _is_photo(entry.name)
            continue
        photos = []
        for name, found in _files(entry, entry.name, {(top.st_dev, top.st_ino)}):
            file = _photo(found)
            if file:
                photos.append((name, file))
            else:
                others += 1
        if photos:
            classes[entry.name] = sorted(photos, key=lambda photo: photo[0])
        else:
            logger.warning("%s contains no photos: the class is left out", entry.path)
    if stray and not classes:
        raise UserError(
            f"{root} contains {stray:,} photos, but no sub-folders with photos; move them to one sub-folder per class, "
            "named after the class, or list them in a CSV and set crawl.sources=csv"
        )
    if stray:
        logger.warning("%s: %d photos are not in the sub-folder of a class and are left out", root, stray)
    remedy = f"create one sub-folder per class, with photos ({' '.join(sorted(EXTENSIONS))}) in each"
    require_two_classes(classes, str(root), remedy)
    return Listing(classes, others)


def _files(folder: os.DirEntry[str], name: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all files below a folder, at any depth, with their paths from the top folder.

    Args:
        folder: The folder to list.
        name: Its path from the top folder.
        seen: Device and inode of each folder already listed. Each is listed once, so that cyclic links end.
    """
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in _entries(folder.path):
        path = f"{name}/{entry.name}"
        if _is_folder(entry):
            yield from _files(entry, path, seen)
        else:
            yield path, entry


def _entries(path: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder in the order of their names, without hidden ones."""
    try:
        with os.scandir(path) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except PermissionError as error:
        raise UserError(f"{path}: can't be read (permission denied); make it readable or remove it") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points to itself
        return False


def _photo(entry: os.DirEntry[str]) -> LocalFile | None:
    if not _is_photo(entry.name):
        return None
    try:
        status = entry.stat()
    except OSError:  # a link whose target doesn't exist
        return None
    return LocalFile.of(entry.path, status) if is_file(status) else None


def _is_photo(name: str) -> bool:
    return f".{name.rpartition('.')[2].lower()}" in EXTENSIONS

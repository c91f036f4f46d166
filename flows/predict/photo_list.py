"""List the photos to predict: one photo, a folder, or the files that a CSV names."""

from dataclasses import dataclass, field
from pathlib import Path

from tasks.crawl.listing.files import is_file, utf8_name
from tasks.crawl.listing.folder import list_photos_below
from tasks.crawl.listing.folder_notes import few, passed_over
from tasks.crawl.listing.listed_files import find_files
from tasks.file_names import missing_path, shown_missing
from tasks.images.photos import EXTENSIONS
from tasks.names import nfc
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import read_csv, shown_lines
from tasks.store.errors import UserError

_IMAGE, _LABEL = "Image", "Id"
_LISTS = frozenset({".csv", ".tsv", ".txt"})
"""Extensions of tables: Excel calls its "Unicode text" .txt."""


@dataclass
class PhotoList:
    """The photos to predict."""

    photos: list[tuple[str, Path]]
    """Names and paths."""
    notes: list[str] = field(default_factory=list)
    """What is left out, one line for each kind."""
    labels: dict[str, str] = field(default_factory=dict)
    """Classes by name, if a CSV gives them."""


def list_photos(source: Path) -> PhotoList:
    """Return names and paths of photos.

    Args:
        source: A photo; or a folder, whose subfolders are included, listed as the crawl does; or a CSV with a column
            Image, whose files are relative to the CSV's folder.

    Raises:
        UserError: The source doesn't exist, can't be read, or contains no photos.
    """
    try:
        status = source.stat()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise UserError(missing_path(source) if missing else f"{source}: {error.strerror}") from error
    if source.is_dir():
        listed = _below(source)
    elif not is_file(status):
        raise UserError(f"{source} is a pipe or a device, not a photo; save it as a file first")
    elif source.suffix.lower() in _LISTS:
        listed = _listed(source)
    else:
        listed = PhotoList([(utf8_name(source.name), source)])
    if not listed.photos:
        raise UserError("; ".join([f"{source} contains no photos ({' '.join(sorted(EXTENSIONS))})", *listed.notes]))
    return listed


def _below(folder: Path) -> PhotoList:
    tree = list_photos_below(folder)
    notes = passed_over(folder, tree)
    if tree.unreadable:
        named = [f"{name} ({reason})" for name, reason in tree.unreadable]
        notes.append(f"{folder}: {len(named):,} folders can't be read and are left out: {few(named)}")
    if tree.missing:
        named = [f"{name} ({reason})" for name, reason in tree.missing]
        notes.append(f"{folder}: {len(named):,} photos aren't there and are left out: {few(named)}")
    return PhotoList([(nfc(utf8_name(name)), Path(file.path)) for name, file in tree.photos], notes)


def _listed(source: Path) -> PhotoList:
    """Return the photos that a CSV lists, under the names that it gives them; a missing one is an error of its row."""
    file = read_csv(source, [_IMAGE])
    columns = find_columns(file, [Column(_IMAGE, "image", need="required"), Column(_LABEL, "label")])
    names = [name for row in file.rows if (name := columns.get(row, _IMAGE))]
    listed = find_files(source, list(dict.fromkeys(names)), [source.parent])
    notes = [*file.notes, *columns.notes, *listed.notes]
    if empty := [row.line for row in file.rows if not columns.get(row, _IMAGE)]:
        notes.append(f"{source}: {len(empty):,} rows have no {_IMAGE} and are left out ({shown_lines(empty)})")
    if listed.missing:
        notes.append(
            f"{source}: {len(listed.missing):,} of {len(set(names)):,} photos are not in {source.parent}: "
            f"{shown_missing(listed.missing)}; their rows have an error instead of classes"
        )
    paths = {name: Path(file.path) for name, file in listed.files.items()}
    labels = {columns.get(row, _IMAGE): columns.get(row, _LABEL) for row in file.rows if columns.get(row, _LABEL)}
    return PhotoList([(name, paths.get(name, source.parent / name)) for name in names], notes, labels)

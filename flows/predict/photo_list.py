"""List the photos to predict: one photo, a folder, or the files that a CSV names."""

import logging
import os
from pathlib import Path

from tasks.crawl.listed_files import find_files
from tasks.crawl.local_files import utf8_name
from tasks.file_names import shown_missing
from tasks.images.photos import EXTENSIONS
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import read_csv, shown_lines
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.predict")
_IMAGE = "Image"


def list_photos(source: Path) -> list[tuple[str, Path]]:
    """Return names and paths of photos.

    Args:
        source: A photo; or a folder, whose subfolders are included; or a CSV with a column Image, whose files are
            relative to the CSV's folder.

    Raises:
        UserError: The source doesn't exist, can't be read, or contains no photos.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    if source.is_dir():
        below = (Path(folder, name) for folder, _, names in os.walk(source) for name in names if name[0] != ".")
        found = sorted(path for path in below if path.suffix.lower() in EXTENSIONS)
        photos = [(utf8_name(path.relative_to(source).as_posix()), path) for path in found]
    elif source.suffix.lower() == ".csv":
        photos = _listed(source)
    else:
        photos = [(utf8_name(source.name), source)]
    if not photos:
        raise UserError(f"{source} contains no photos ({' '.join(sorted(EXTENSIONS))})")
    return photos


def _listed(source: Path) -> list[tuple[str, Path]]:
    """Return the photos that a CSV lists, under the names that it gives them; a missing one is an error of its row."""
    file = read_csv(source, [_IMAGE])
    columns = find_columns(file, [Column(_IMAGE, "image", need="required")])
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
    for note in notes:
        logger.warning("%s", note)
    return [(name, Path(listed.files[name].path) if name in listed.files else source.parent / name) for name in names]

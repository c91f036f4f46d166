"""List the photos to predict: one photo, a folder, or the files that a CSV names."""

import os
from pathlib import Path

from tasks.crawl.local_files import utf8_name
from tasks.images.photos import EXTENSIONS
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError


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
        photos = [
            (row["Image"], source.parent / row["Image"]) for row in read_csv(source, ["Image"]).rows if row["Image"]
        ]
    else:
        photos = [(utf8_name(source.name), source)]
    if not photos:
        raise UserError(f"{source} contains no photos ({' '.join(sorted(EXTENSIONS))})")
    return photos

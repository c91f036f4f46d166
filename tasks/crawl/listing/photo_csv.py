"""What a CSV of photos contains: the photos with their classes, groups and splits, and what of it can't be used.

It may also be a folder with `train.csv`, `val.csv` and `test.csv`: then each file's photos are that part of the split.
Nothing is logged here: the notes are for whoever uses the list.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.files import require_path
from tasks.crawl.listing.given_split import GivenSplit, given_splits
from tasks.crawl.listing.listed_files import entries, find_files, folders_of
from tasks.crawl.listing.photo_list import ListPart, PhotoList, photo_name, put_together
from tasks.crawl.listing.photo_rows import read_rows
from tasks.crawl.listing.tree import list_tree
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError
from tasks.text import first_few

_PARTS: tuple[GivenSplit, ...] = ("train", "val", "test")


def list_photos(config: CrawlConfig, *, to_train: bool = True) -> PhotoList:
    """Read the CSV, or the folder with train.csv and others, and find the photos that it lists.

    Args:
        config: Names the CSV and its columns.
        to_train: Whether the photos are to be trained on, which needs two classes.

    Raises:
        UserError: The CSV can't be used as it is, more than `crawl.max_loss` of its rows can't be used, or it has fewer
            than two classes.
    """
    parts, notes = _parts(config)
    return put_together(parts, require_path(config.path, "crawl.path", "labels.csv"), config, notes, to_train=to_train)


def listed_rows(config: CrawlConfig) -> set[tuple[str, str]]:
    """Return the name and the class of each photo that the CSV lists, as `ListedPhoto` has them, found or not.

    Raises:
        UserError: The CSV can't be used as it is.
    """
    path = require_path(config.path, "crawl.path", "labels.csv")
    parts, _ = _parts(config)
    return {(photo_name(row.image, part.listed.folder, path), row.label) for part in parts for row in part.read.rows}


def _parts(config: CrawlConfig) -> tuple[list[ListPart], list[str]]:
    """Read the CSV, or each CSV of the folder; returns them, and a line for each thing that isn't used."""
    path = require_path(config.path, "crawl.path", "labels.csv")
    if not path.is_dir():
        return [_part(path, None, config, [_images(path, config)])], []
    parts, notes = [], []
    files = _split_files(path)
    for file, part in files.items():
        if part == "test" and (count := _unlabelled(file, config.columns)) is not None:
            notes.append(
                f"{file}: its {count:,} photos have no {config.columns.label}, so they are not used; `fluke predict` "
                "answers them"
            )
        else:
            parts.append(_part(file, part, config, _candidates(path, file, part, config)))
    if "test" not in files.values():
        notes += _unlisted(path, [part.listed.folder for part in parts])
    return parts, notes


def _part(path: Path, part: GivenSplit | None, config: CrawlConfig, folders: Sequence[Path]) -> ListPart:
    """Read one CSV, and find its photos in the folder that has most of them."""
    read = read_rows(path, config, needs_split=config.split == "folders" and part is None)
    return ListPart(path, part, read, find_files(path, [row.image for row in read.rows], folders))


def _images(path: Path, config: CrawlConfig) -> Path:
    """Return the folder to which the images of a CSV are relative."""
    folder = require_path(config.images, "crawl.images", "images") if config.images else path.parent
    if not folder.is_dir():
        raise UserError(
            f"{folder} is a file; set crawl.images to the folder that the column {config.columns.image} is relative to"
        )
    return folder


# ---- a folder with train.csv, val.csv and test.csv ----


def _split_files(folder: Path) -> dict[Path, GivenSplit]:
    """Return the CSV of each part of the split; raises UserError if none is for training."""
    files = sorted(path for path in entries(folder) if path.suffix.lower() == ".csv" and path.name[0] != ".")
    parts = given_splits(path.stem for path in files)
    if "train" not in parts.values():
        names = f" ({first_few([path.name for path in files])})" if files else ""
        raise UserError(
            f"{folder} is a folder and has no train.csv; set crawl.path to the CSV file itself{names}, or set "
            "crawl.sources=folder"
        )
    return {path: wanted for wanted in _PARTS for path in files if parts.get(path.stem) == wanted}


def _unlabelled(path: Path, columns: CsvColumns) -> int | None:
    """Return the number of photos of a CSV without classes, such as Kaggle's test.csv; None if it has classes."""
    file = read_csv(path, [columns.image, columns.label])
    found = find_columns(file, [Column(columns.label)])
    return None if any(found.get(row, columns.label) for row in file.rows) else len(file.rows)


def _candidates(root: Path, file: Path, part: GivenSplit, config: CrawlConfig) -> list[Path]:
    """Return the folders that the images of a part may be in."""
    tops = [_images(file, config)]
    if not config.images and (root / "images").is_dir():
        tops.append(root / "images")
    return [folder for top in tops for folder in (top, *folders_of(top, part))]


def _unlisted(root: Path, used: Sequence[Path]) -> Iterator[str]:
    """Yield a line for each folder of test photos that no CSV lists."""
    for folder in folders_of(root, "test"):
        try:
            photos = len(list_tree(folder).photos)
        except OSError:  # it was there a moment ago
            continue
        if photos and folder not in used:
            yield (
                f"{folder}: no CSV lists its {photos:,} photos, so they are not used; `fluke predict {folder}` answers "
                "them"
            )

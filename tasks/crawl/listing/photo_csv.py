"""What a CSV of photos contains: the photos with their classes, groups and splits, and what of it can't be used.

It may also be a folder with `train.csv`, `val.csv` and `test.csv`: then each file's photos are that part of the split.
Nothing is logged here: the notes are for whoever uses the list.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.files import LocalFile, require_path
from tasks.crawl.listing.given_split import GivenSplit, given_split, given_splits
from tasks.crawl.listing.listed_files import ListedFiles, find_files
from tasks.crawl.listing.photo_rows import PhotoRows, read_rows
from tasks.crawl.listing.tree import list_tree
from tasks.crawl.losses import require_few_lost
from tasks.crawl.result import require_two_classes
from tasks.file_names import shown_missing
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import read_csv, shown_lines
from tasks.store.errors import UserError
from tasks.text import first_few

_PARTS: tuple[GivenSplit, ...] = ("train", "val", "test")


class ListedPhoto(NamedTuple):
    """A row of the list whose photo is there."""

    name: str
    """The photo's name, as the list writes it; in a folder with several lists, with the photo's folder before it."""
    file: LocalFile
    label: str
    group: str | None
    given_split: GivenSplit | None


@dataclass(frozen=True)
class PhotoList:
    """The content of a CSV of photos."""

    photos: list[ListedPhoto]
    """In the order of the file, each different row once. A photo may have several rows: classes, groups or splits."""
    counts: dict[str, int]
    """Number of rows left out, by reason."""
    notes: list[str]
    """One line for each kind of thing that isn't used as the list has it."""

    @property
    def classes(self) -> Counter[str]:
        """The number of photos of each class."""
        return Counter(label for label, _ in {(photo.label, photo.file.path) for photo in self.photos})

    @property
    def splits(self) -> Counter[GivenSplit]:
        """The number of photos in each part of the given split; empty if none is given."""
        parts = {(photo.given_split, photo.file.path) for photo in self.photos}
        return Counter(part for part, _ in parts if part)

    @property
    def groups(self) -> Counter[str]:
        """The number of photos in each group."""
        groups = {(photo.group, photo.file.path) for photo in self.photos}
        return Counter(group for group, _ in groups if group)


class _Part(NamedTuple):
    """One CSV, and the files that it lists."""

    path: Path
    part: GivenSplit | None
    read: PhotoRows
    listed: ListedFiles


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
    return _put_together(parts, require_path(config.path, "crawl.path", "labels.csv"), config, notes, to_train=to_train)


def listed_rows(config: CrawlConfig) -> set[tuple[str, str]]:
    """Return the name and the class of each photo that the CSV lists, as `ListedPhoto` has them, found or not.

    Raises:
        UserError: The CSV can't be used as it is.
    """
    path = require_path(config.path, "crawl.path", "labels.csv")
    parts, _ = _parts(config)
    return {(_name(row.image, part.listed.folder, path), row.label) for part in parts for row in part.read.rows}


def _parts(config: CrawlConfig) -> tuple[list[_Part], list[str]]:
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


def _part(path: Path, part: GivenSplit | None, config: CrawlConfig, folders: Sequence[Path]) -> _Part:
    """Read one CSV, and find its photos in the folder that has most of them."""
    read = read_rows(path, config, needs_split=config.split == "folders" and part is None)
    return _Part(path, part, read, find_files(path, [row.image for row in read.rows], folders))


def _put_together(
    parts: Sequence[_Part], path: Path, config: CrawlConfig, notes: list[str], *, to_train: bool
) -> PhotoList:
    """Return the photos of all parts; raises UserError if too many rows can't be used, or of one class only."""
    has_parts = len({part.part for part in parts}) > 1 and config.split != "ignore"
    photos: dict[tuple[str, str, str | None, GivenSplit | None], ListedPhoto] = {}
    names: dict[str, str] = {}
    notes = [note for part in parts for note in (*part.read.notes, *part.listed.notes)] + notes
    repeated = 0
    for part in parts:
        lines = []
        for row in part.read.rows:
            if not (file := part.listed.files.get(row.image)):
                continue
            name = names.setdefault(file.path, _name(row.image, part.listed.folder, path))
            photo = ListedPhoto(name, file, row.label, row.group, row.split or (part.part if has_parts else None))
            key = (file.path, *photo[2:])
            if key in photos:
                lines.append(row.line)
            photos.setdefault(key, photo)
        if lines:
            repeated += len(lines)
            notes.append(f"{part.path}: {len(lines):,} rows repeat another row and count once ({shown_lines(lines)})")
    if lost := _lost(parts, path, config):
        notes.append(lost)
    remedy = f"add rows with at least two different values of {config.columns.label}"
    if to_train or not photos:
        require_two_classes((photo.label for photo in photos.values()), str(path), remedy)
    incomplete = sum(len(part.read.incomplete) for part in parts)
    counts = {"rows without an image or id": incomplete, "repeated rows": repeated}
    if missing := sum(row.image not in part.listed.files for part in parts for row in part.read.rows):
        counts["rows without a file"] = missing
    return PhotoList(list(photos.values()), counts, notes)


def _name(image: str, folder: Path, root: Path) -> str:
    """Return the name of a photo: in a folder of lists, two lists may have a photo of the same name."""
    return image if folder == root or root not in folder.parents else f"{folder.relative_to(root).as_posix()}/{image}"


def _lost(parts: Sequence[_Part], path: Path, config: CrawlConfig) -> str | None:
    """Return a line about the rows that can't be used; raises UserError if they are too many."""
    columns = config.columns
    kinds, remedies, lost = [], [], []
    missing = [(part.listed, row) for part in parts for row in part.read.rows if row.image not in part.listed.files]
    if missing:
        folders = " and ".join(dict.fromkeys(str(listed.folder) for listed, _ in missing))
        kinds.append(f"{len(missing):,} name files that are not in {folders}")
        remedies.append(_remedy(parts, config.columns))
        lost += [shown_missing({row.image: listed.missing.get(row.image, "")}) for listed, row in missing]
    if incomplete := [f"{part.path.name} line {line:,}" for part in parts for line in part.read.incomplete]:
        kinds.append(f"{len(incomplete):,} have no {columns.image} or no {columns.label}")
        remedies.append("fill them in")
        lost += incomplete
    return require_few_lost(
        lost,
        len(incomplete) + sum(len(part.read.rows) for part in parts),
        max_loss=config.max_loss,
        what=f"rows of {path} can't be used ({', '.join(kinds)})",
        remedy=", ".join([*remedies, "or remove their rows"]),
    )


def _remedy(parts: Sequence[_Part], columns: CsvColumns) -> str:
    """Say where missing photos should be, or which folder has them all."""
    missing = [(part.listed.folder, name, near) for part in parts for name, near in part.listed.missing.items()]
    if all(re.match("https?://", name, re.IGNORECASE) for _, name, _ in missing):
        return f"set crawl.sources=urls crawl.columns.url={columns.image} crawl.columns.url_label={columns.label}"
    tops = {folder / near.removesuffix(name) if near.endswith(f"/{name}") else None for folder, name, near in missing}
    top = tops.pop() if len(tops) == 1 else None
    if top:
        return f"set crawl.images={top}"
    if all(near for _, _, near in missing):
        return f"write the names as they are below that folder, such as {missing[0][2]}"
    return "put them there, set crawl.images to their folder"


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
    files = sorted(path for path in _entries(folder) if path.suffix.lower() == ".csv" and path.name[0] != ".")
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
    return [folder for top in tops for folder in (top, *_folders_of(top, part))]


def _folders_of(top: Path, part: GivenSplit) -> list[Path]:
    """Return the folders in a folder that are named as a part of a split."""
    return sorted(path for path in _entries(top) if given_split(path.name) == part and path.is_dir())


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder; raises UserError if it can't be listed."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"{folder}: can't be read ({error.strerror or error}); make it readable, and run again"
        ) from error


def _unlisted(root: Path, used: Sequence[Path]) -> Iterator[str]:
    """Yield a line for each folder of test photos that no CSV lists."""
    for folder in _folders_of(root, "test"):
        try:
            photos = len(list_tree(folder).photos)
        except OSError:  # it was there a moment ago
            continue
        if photos and folder not in used:
            yield (
                f"{folder}: no CSV lists its {photos:,} photos, so they are not used; `fluke predict {folder}` answers "
                "them"
            )

"""Photos that a list names, each with its class, and what of the list can't be used.

Nothing is logged here: the notes are for whoever uses the list.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.given_split import GivenSplit
from tasks.crawl.listing.listed_files import ListedFiles
from tasks.crawl.listing.photo_rows import PhotoRows
from tasks.crawl.losses import require_few_lost
from tasks.crawl.result import require_two_classes
from tasks.file_names import shown_missing
from tasks.store.csv_file import shown_lines


class ListedPhoto(NamedTuple):
    """A row of the list whose photo is there."""

    name: str
    """The photo's name, as the list writes it; in a folder with several lists, with the photo's folder before it."""
    file: LocalFile
    label: str
    group: str | None
    given_split: GivenSplit | None
    taken_at: str | None = None
    """When it was taken, see `tasks.crawl.listing.taken_at`."""


@dataclass(frozen=True)
class PhotoList:
    """The content of a list of photos."""

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


class ListPart(NamedTuple):
    """One file of the list, and the photos that it names."""

    path: Path
    part: GivenSplit | None
    read: PhotoRows
    listed: ListedFiles


def put_together(
    parts: Sequence[ListPart], path: Path, config: CrawlConfig, notes: list[str], *, to_train: bool
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
            name = names.setdefault(file.path, photo_name(row.image, part.listed.folder, path))
            split = row.split or (part.part if has_parts else None)
            photo = ListedPhoto(name, file, row.label, row.group, split, row.taken_at)
            key = (file.path, row.label, row.group, split)
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


def photo_name(image: str, folder: Path, root: Path) -> str:
    """Return the name of a photo: in a folder of lists, two lists may have a photo of the same name."""
    return image if folder == root or root not in folder.parents else f"{folder.relative_to(root).as_posix()}/{image}"


def _lost(parts: Sequence[ListPart], path: Path, config: CrawlConfig) -> str | None:
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


def _remedy(parts: Sequence[ListPart], columns: CsvColumns) -> str:
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

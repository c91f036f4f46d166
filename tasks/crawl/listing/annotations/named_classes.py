"""The classes that an annotation file names for each photo, however it is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.crawl.listing.photo_rows import ListRow, PhotoRows
from tasks.names import nfc
from tasks.text import first_few


@dataclass(frozen=True)
class NamedClasses:
    """A photo of an annotation file."""

    spellings: tuple[str, ...]
    """Names that its file may have, the likeliest first."""
    classes: frozenset[str] = field(default_factory=frozenset)
    """All classes that are named: several if annotators disagree, or if there are several things in the photo."""


def rows_of(path: Path, photos: Iterable[NamedClasses], known: Sequence[str]) -> PhotoRows:
    """Return a row for each photo with one class.

    Args:
        path: The annotation file, for messages.
        photos: Its photos.
        known: Names of files that are there; of a photo's spellings the first one among them counts.
    """
    files = frozenset(known)
    rows: list[ListRow] = []
    without, several = [], []
    for position, photo in enumerate(photos, 1):
        name = next((spelling for spelling in photo.spellings if spelling in files), photo.spellings[0])
        classes = {nfc(label).strip() for label in photo.classes} - {""}
        if len(classes) == 1:
            rows.append(ListRow(position, name, classes.pop(), None, None))
        elif classes:
            several.append(f"{name} ({', '.join(sorted(classes))})")
        else:
            without.append(name)
    notes = []
    if without:
        notes.append(f"{path}: {len(without):,} photos have no class yet and are left out: {first_few(without)}")
    if several:
        notes.append(
            f"{path}: {len(several):,} photos have several classes and are left out: {first_few(several)}; decide on "
            "one class for each"
        )
    return PhotoRows(rows, [], notes)

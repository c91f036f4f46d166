"""The classes that an annotation file names for each photo, however it is written."""

from collections.abc import Callable, Iterable
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


def rows_of(path: Path, photos: Iterable[NamedClasses], exists: Callable[[str], bool]) -> PhotoRows:
    """Return a row for each photo with one class.

    Args:
        path: The annotation file, for messages.
        photos: Its photos.
        exists: Whether there is a file of a name; of several spellings, the first one that has a file counts.
    """
    rows: list[ListRow] = []
    without, several = [], []
    for position, photo in enumerate(photos, 1):
        name, *others = photo.spellings
        if others:
            name = next(filter(exists, photo.spellings), name)
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

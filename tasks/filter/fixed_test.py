"""Read the fixed test list: a CSV of photos that are always in the test split."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from configs.schema import FilterConfig
from tasks.file_names import NameIndex, find_names, shown_missing
from tasks.filter.splits import unseen_classes
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import CsvFile, read_csv, shown_lines
from tasks.store.errors import UserError
from tasks.tables.crawl import PHOTOS

if TYPE_CHECKING:
    import pandas as pd

_PHOTO, _NAME = "photo", "name"
_MAX_MISSING = 0.5
"""The largest share of a list that may not be found."""
_SHOWN = 3
_SPLIT_COLUMNS = ("split", "set", "subset", "partition", "is_test")


class FixedTest(NamedTuple):
    """The photos of a test list."""

    photos: set[str]
    """SHA-256 of those that were crawled."""
    notes: list[str]
    """One line for each kind of entry that isn't used as the list has it."""


def read_test_list(config: FilterConfig, table: "pd.DataFrame", known: Container[str] = ()) -> FixedTest:
    """Return the listed photos that are in the crawl's table.

    Args:
        config: `test_list` is a CSV with a column `photo` (SHA-256) or `name`. With both, the name counts where the
            photo is empty.
        table: The crawl's table of photos.
        known: SHA-256 of photos that earlier runs assigned to a split. Those may have left the crawl since.

    Raises:
        UserError: The file can't be read, has neither column, or most of its photos are not in the table.
    """
    if not config.test_list:
        return FixedTest(set(), [])
    path = config.test_list
    file = read_csv(path, [_PHOTO, _NAME])
    columns = find_columns(file, [Column(_PHOTO, "photo"), Column(_NAME, "image")])
    if _PHOTO not in columns and _NAME not in columns:
        hints = "".join(f"; {note.removeprefix(f'{path}: ')}" for note in columns.notes)
        raise UserError(f"filter.test_list={path} has no column photo and no column name; add one of them{hints}")
    hashes, names, empty = [], [], []
    for row in file.rows:
        if photo := columns.get(row, _PHOTO).lower():
            hashes.append(photo)
        elif name := columns.get(row, _NAME):
            names.append(name)
        else:
            empty.append(row.line)
    crawled = set(table["photo"])
    photos = crawled.intersection(hashes)
    gone = [photo for photo in dict.fromkeys(hashes) if photo not in crawled and photo in known]
    missing = {photo: "" for photo in dict.fromkeys(hashes) if photo not in crawled and photo not in known}
    by_name: dict[str, list[str]] = {}
    for name, photo in zip(table["name"], table["photo"], strict=True):
        by_name.setdefault(name, []).append(photo)
    found = find_names(names, NameIndex(by_name), f"filter.test_list={path}")
    missing |= found.missing
    if found.ambiguous:
        name, meant = next(iter(found.ambiguous.items()))
        raise UserError(
            f"filter.test_list={path}: {name} can be {' or '.join(meant)}; write the names as the crawl has them"
        )
    photos |= {photo for known_name in found.found.values() for photo in by_name[known_name]}
    notes = [*file.notes, *(columns.notes if names or hashes else []), *found.notes, *_unread(file, empty)]
    notes += _notes(path, gone, missing, {name: by_name[name] for name in found.found.values()})
    if whole := _never_trained(config, table, photos):
        notes.append(
            f"filter.test_list={path} has all photos of {len(whole):,} classes, so that none is left to train on: "
            f"{', '.join(whole[:_SHOWN])}; leave some out, or name these classes in filter.unseen_classes"
        )
    listed = len(set(hashes)) + len(set(names))
    if len(missing) > _MAX_MISSING * (listed - len(gone)):
        which = "none" if len(missing) == listed else f"only {listed - len(gone) - len(missing):,}"
        raise UserError(
            f"filter.test_list={path}: {which} of its {listed:,} photos was crawled: there is no "
            f"{shown_missing(missing)}; the list must have the values of the column photo or name of the crawl's "
            f"{PHOTOS.name}"
        )
    return FixedTest(photos, notes)


def _unread(file: CsvFile, empty: Sequence[int]) -> Iterator[str]:
    """Yield lines about rows without a photo, and about a column by which only some rows are for the test."""
    where = f"filter.test_list={file.path}"
    if not file.rows:
        yield f"{where} has no rows, so it puts no photo in the test"
    if empty:
        yield f"{where}: {len(empty):,} rows have no {_PHOTO} and no {_NAME} and are left out ({shown_lines(empty)})"
    for position, name in enumerate(file.columns):
        values = {row.values[position].strip() for row in file.rows}
        if name.casefold() in _SPLIT_COLUMNS and len(values) > 1:
            shown = ", ".join(sorted(values)[:_SHOWN])
            yield (
                f"{where}: its column {name} ({shown}) is not read, so all of its photos are in the test; if only some "
                "are for the test, delete the rows of the others"
            )


def _notes(
    path: Path,
    gone: list[str],
    missing: Mapping[str, str],
    by_name: Mapping[str, list[str]],
) -> list[str]:
    """Return lines about photos that aren't there, and names that several photos have."""
    notes = []
    where = f"filter.test_list={path}"
    if missing:
        notes.append(f"{where}: {len(missing):,} of its photos were not crawled: {shown_missing(dict(missing))}")
    if gone:
        first = ", ".join(photo[:12] for photo in gone[:_SHOWN])
        notes.append(f"{where}: {len(gone):,} of its photos have left the crawl since an earlier run: {first}")
    if several := [name for name, having in by_name.items() if len(set(having)) > 1]:
        count = sum(len(set(by_name[name])) for name in several)
        notes.append(
            f"{where}: {len(several):,} names are those of several photos, and all {count:,} photos are in the test: "
            f"{', '.join(several[:_SHOWN])}; use the column photo to tell them apart"
        )
    return notes


def _never_trained(config: FilterConfig, table: "pd.DataFrame", photos: Collection[str]) -> list[str]:
    """Return the classes whose photos are all in the list, except those that are never trained on anyway."""
    is_listed = table["photo"].isin(photos)
    unseen = unseen_classes(table["label"], config.unseen_classes, config.seed)
    return sorted(set(table.loc[is_listed, "label"]).difference(table.loc[~is_listed, "label"], unseen))

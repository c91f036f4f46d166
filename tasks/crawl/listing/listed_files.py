"""Find the files that a list names, in a folder; and folders and files that may belong to a list."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.crawl.listing.files import LocalFile, is_file
from tasks.crawl.listing.given_split import GivenSplit, given_split, given_splits
from tasks.crawl.listing.tree import list_tree
from tasks.file_names import FoundNames, NameIndex, find_names
from tasks.store.errors import UserError

_SHOWN = 3


class ListedFiles(NamedTuple):
    """The files that a list names."""

    folder: Path
    """The folder that the names are relative to."""
    files: dict[str, LocalFile]
    """The file of each name that has one."""
    missing: dict[str, str]
    """Names without a file; with the path below the folder of a file that may be meant, or an empty text."""
    notes: list[str]
    """One line each about names that are written differently, and names that lead out of the folder."""


def find_files(path: Path, names: Sequence[str], folders: Sequence[Path]) -> ListedFiles:
    """Find files in the one of several folders that has most of them.

    A name that begins with .. may lead out of the folder: the list is the user's own.

    Args:
        path: The list, for messages.
        names: The names, relative to the folder or absolute; see `tasks.file_names` for how they may be written.
        folders: One folder or more; the first of equals counts.

    Raises:
        UserError: A name can mean several files.
    """
    tried = []
    for folder in folders:
        files, found = _locate(path, names, folder)
        tried.append((folder, files, found))
        if len(files) == len(set(names)):
            break
    folder, files, found = max(tried, key=lambda one: len(one[1]) + len(one[2].ambiguous))
    if found.ambiguous:
        name, meant = next(iter(found.ambiguous.items()))
        raise UserError(
            f"{path}: {name} can be {' or '.join(meant)} in {folder} ({len(found.ambiguous):,} names can mean several "
            "files); write the names as the files have them"
        )
    notes = found.notes
    outside = [name for name in files if os.path.normpath(name).startswith("..")]
    if outside:
        notes = [
            f"{path}: {len(outside):,} files are used although their names lead out of {folder} with ..: "
            + ", ".join(outside[:_SHOWN]),
            *notes,
        ]
    return ListedFiles(folder, files, found.missing, notes)


def _locate(path: Path, names: Sequence[str], folder: Path) -> tuple[dict[str, LocalFile], FoundNames]:
    """Find files in one folder: by their names as they are, or else as `tasks.file_names` does."""
    files = {name: file for name in names if (file := file_at(folder / name))}
    others = [name for name in names if name not in files]
    if not others:
        return files, FoundNames({}, {}, [], {})
    try:
        below = list_tree(folder).photos
    except OSError:  # it was there a moment ago: all others count as missing
        below = []
    index = NameIndex((name for name, _ in below), folder=str(folder))
    found = find_names(others, index, str(path))
    files |= {name: file for name, known in found.found.items() if (file := file_at(folder / known))}
    return files, found


def file_at(path: Path) -> LocalFile | None:
    """Return a regular file; None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return None
    return LocalFile.of(str(path), status) if is_file(status) else None


def folders_of(top: Path, part: GivenSplit) -> list[Path]:
    """Return the folders in a folder that are named as a part of a split."""
    folders = [path for path in entries(top) if path.is_dir()]
    together = given_splits(path.name for path in folders)  # train2017 beside val2017
    return sorted(path for path in folders if part in (together.get(path.name), given_split(path.name)))


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder; raises UserError if it can't be listed."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"{folder}: can't be read ({error.strerror or error}); make it readable, and run again"
        ) from error

"""Copy what decides about artifacts: the memory of the split, people's decisions about photos, the blocklist."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tasks.crawl import blocklist
from tasks.filter import review_log
from tasks.filter.memory import memory_file
from tasks.filter.memory.split_memory import COPIES, FOLDER
from tasks.names import folder_name
from tasks.split_reference import SplitReference
from tasks.store.errors import UserError
from tasks.store.generations import Generation, Generations
from tasks.store.permissions import make_private_folder


def copy_split_memory(reference: SplitReference, source: Path, target: Path, *, name: str) -> None:
    """Copy the memory of the split that a filter's result was made with, unless the target's contains it.

    Args:
        reference: Which memory it is.
        source: The data folder to copy from.
        target: The data folder to copy to.
        name: The target's name for messages.

    Raises:
        UserError: The target has another memory of this name, or the source's is gone.
    """
    place = f"{folder_name(reference.name)}/seed-{reference.seed}"
    theirs, ours = _newest(source, place), _newest(target, place)
    if theirs is None:
        raise UserError(
            f"{source / FOLDER / place} is gone, but the run was made with it: it says which photos were tested; "
            "restore it from a backup"
        )
    if ours is not None:
        known, new = _splits(ours), _splits(theirs)
        if theirs.number <= ours.number and new.items() <= known.items():
            return
        if not (theirs.number > ours.number and known.items() <= new.items()):
            raise UserError(
                f"{name} has another memory of the split, {FOLDER}/{place}, in which photos have other splits: with "
                "both, test photos would be trained on; name another folder or prefix"
            )
    for home in (FOLDER, COPIES):
        copied = target / home / place / theirs.path.name
        make_private_folder(copied.parent, top=target / home.partition("/")[0])
        shutil.copyfile(theirs.path, copied)


def copy_decisions(source: Path, target: Path, *, name: str) -> Iterator[str]:
    """Copy people's decisions about photos, unless the target has other ones; yields what must be said."""
    path, ours = source / review_log.NAME, target / review_log.NAME
    if not path.exists():
        return
    if not ours.exists() or path.read_bytes().startswith(ours.read_bytes()):
        shutil.copyfile(path, ours)
    elif not ours.read_bytes().startswith(path.read_bytes()):
        yield f"{name} has other decisions about photos ({review_log.NAME}), and keeps them; the run's are not copied"


def copy_blocklist(source: Path, target: Path) -> None:
    """Add the source's blocklist to the target's: what was forgotten in one place must not come back in the other."""
    if entries := blocklist.read(source):
        blocklist.add(target, entries)


def _newest(root: Path, place: str) -> Generation | None:
    remedy = f"restore {root / FOLDER / place} from a backup"
    return Generations(root / FOLDER / place, root / COPIES / place, suffix=".parquet", remedy=remedy).newest()


def _splits(generation: Generation) -> dict[str, str | None]:
    """Return the split of each photo that has one."""
    remembered = memory_file.decode(generation.path)
    pairs = zip(remembered.photos, remembered.splits, strict=True)
    return {photo: split for photo, split in pairs if split is not None}

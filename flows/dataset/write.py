"""Write the dataset of a run: photos, and what the format puts beside them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from flows.dataset.formats import coco, croissant, fiftyone, folder, label_studio
from flows.dataset.photos import CopiedPhoto, DatasetPhoto, copies, of_table
from flows.models.find import find_run
from flows.predict.run_photos import kept
from tasks.images.photos import size_px
from tasks.store.atomic import atomic_folder
from tasks.store.errors import UserError
from tasks.store.progress import Progress, silent
from tasks.store.store import Store

Format = Literal["folder", "coco", "label-studio", "fiftyone", "croissant"]


class _Module(Protocol):
    """What a module of `flows.dataset.formats` defines."""

    def paths(self, photos: Sequence[DatasetPhoto]) -> list[str]: ...

    def write(self, folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None: ...


_MODULES: dict[Format, _Module] = {
    "folder": folder,
    "coco": coco,
    "label-studio": label_studio,
    "fiftyone": fiftyone,
    "croissant": croissant,
}


@dataclass(frozen=True)
class Written:
    """What was written."""

    run: str
    """The ID of the run."""
    photos: int
    gone: int
    """Number of photos whose files are not there any more."""


def check_target(target: Path) -> None:
    """Raise UserError unless the folder is new or empty."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: give a folder that is new or empty; nothing is overwritten")


def write_dataset(
    root: Path, run: str | None, target: Path, format_: Format = "folder", *, progress: Progress = silent
) -> Written:
    """Copy the photos that the filter of a run kept, and describe them.

    Args:
        root: The data folder.
        run: A run, or a name of models (its champion); None: the only name.
        target: A new or empty folder; it appears when it is complete.
        format_: The format.
        progress: Reports how many photos are copied.

    Raises:
        UserError: There is no such run, its filter's result or all of its photos are gone, or the folder isn't empty.
        OSError: A file can't be written.
    """
    check_target(target)
    record = find_run(root, run)
    table = kept(Store(root), record)
    if table is None:
        raise UserError(f"the photos that run {record.id} kept are not known any more; run {record.preset} again")
    chosen = of_table(table)
    there = copies(chosen, root)
    if not there:
        raise UserError(f"none of the {len(chosen):,} photos of run {record.id} is in {root} any more")
    module = _MODULES[format_]
    paths = module.paths([photo for _, photo in there])
    with atomic_folder(target) as folder_, progress("photos copied", total=len(there)) as advance:
        copied = []
        for (source, photo), path in zip(there, paths, strict=True):
            copied.append(CopiedPhoto(path, photo, _copy(source, folder_ / path)))
            advance(1)
        module.write(folder_, record.model_name, copied)
    return Written(record.id, len(there), len(chosen) - len(there))


def _copy(source: Path, target: Path) -> tuple[int, int] | None:
    """Copy a photo, and return its width and height; None if this machine can't read its format."""
    data = source.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    with suppress(ValueError):
        return size_px(data)
    return None

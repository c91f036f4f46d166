"""FiftyOne: a FiftyOneImageClassificationDataset for each part of the split, with `data/` and `labels.json`."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from flows.dataset.photos import CopiedPhoto, DatasetPhoto
from tasks.store.atomic import write_json


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    return [f"{photo.split}/data/{photo.name}" for photo in photos]


def write(folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None:
    """Write the labels of each part: the number of a class by the name of a file without its ending."""
    del name
    labels = sorted({photo.label for _, photo, _ in photos})
    for split in sorted({photo.split for _, photo, _ in photos}):
        part = [photo for _, photo, _ in photos if photo.split == split]
        numbers = {PurePosixPath(photo.name).stem: labels.index(photo.label) for photo in part}
        write_json(folder / split / "labels.json", {"classes": labels, "labels": numbers})

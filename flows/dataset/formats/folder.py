"""Folders `train/CLASS/`, `val/CLASS/` and `test/CLASS/`: YOLO's and torchvision's layout for classification."""

from collections.abc import Sequence
from pathlib import Path

from flows.dataset.photos import CopiedPhoto, DatasetPhoto, class_folders


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    folders = class_folders(photo.label for photo in photos)
    return [f"{photo.split}/{folders[photo.label]}/{photo.name}" for photo in photos]


def write(folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None:
    """Write nothing more: the folders say it all."""
    del folder, name, photos

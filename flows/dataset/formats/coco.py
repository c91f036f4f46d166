"""COCO: a folder for each part of the split, with its photos and `_annotations.coco.json`.

Each photo has one annotation, whose box is the whole photo (cocodataset.org/#format-data).
"""

from collections.abc import Sequence
from pathlib import Path

from flows.dataset.photos import CopiedPhoto, DatasetPhoto
from tasks.store.atomic import write_json
from tasks.store.errors import UserError

INDEX = "_annotations.coco.json"


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    return [f"{photo.split}/{photo.name}" for photo in photos]


def write(folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None:
    """Write the annotations of each part.

    Raises:
        UserError: The size of a photo isn't known.
    """
    labels = sorted({photo.label for _, photo, _ in photos})
    numbers = {label: number for number, label in enumerate(labels, 1)}
    for split in sorted({photo.split for _, photo, _ in photos}):
        part = [(photo, *_size_px(photo, size)) for _, photo, size in photos if photo.split == split]
        content = {
            "info": {"description": f"{name}, {split}"},
            "licenses": [],
            "categories": [{"id": number, "name": label} for label, number in numbers.items()],
            "images": [
                {"id": number, "file_name": photo.name, "width": width, "height": height}
                for number, (photo, width, height) in enumerate(part, 1)
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": number,
                    "category_id": numbers[photo.label],
                    "bbox": [0, 0, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
                for number, (photo, width, height) in enumerate(part, 1)
            ],
        }
        write_json(folder / split / INDEX, content)


def _size_px(photo: DatasetPhoto, size_px: tuple[int, int] | None) -> tuple[int, int]:
    if size_px is None:
        raise UserError(
            f"{photo.source}: this machine can't read its format, and COCO needs its size; `fluke doctor` says what is "
            "missing"
        )
    return size_px

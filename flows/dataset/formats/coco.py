"""COCO: a folder for each part of the split, with its photos and `_annotations.coco.json`.

Each photo has one annotation, whose box is the whole photo (cocodataset.org/#format-data).
"""

from collections.abc import Sequence
from pathlib import Path

from flows.dataset.photos import DatasetPhoto
from tasks.images import photos as images
from tasks.store.atomic import write_json

INDEX = "_annotations.coco.json"


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    return [f"{photo.split}/{photo.name}" for photo in photos]


def write(folder: Path, name: str, photos: Sequence[tuple[str, DatasetPhoto]]) -> None:
    """Write the annotations of each part."""
    labels = sorted({photo.label for _, photo in photos})
    numbers = {label: number for number, label in enumerate(labels, 1)}
    for split in sorted({photo.split for _, photo in photos}):
        part = [(path, photo) for path, photo in photos if photo.split == split]
        sizes = [images.size_px((folder / path).read_bytes()) for path, _ in part]
        content = {
            "info": {"description": f"{name}, {split}"},
            "licenses": [],
            "categories": [{"id": number, "name": label} for label, number in numbers.items()],
            "images": [
                {"id": number, "file_name": photo.name, "width": width, "height": height}
                for number, ((_, photo), (width, height)) in enumerate(zip(part, sizes, strict=True), 1)
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
                for number, ((_, photo), (width, height)) in enumerate(zip(part, sizes, strict=True), 1)
            ],
        }
        write_json(folder / split / INDEX, content)

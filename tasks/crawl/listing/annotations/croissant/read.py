"""Read a description in Croissant: its photos with their classes, however it has them."""

import json
from pathlib import Path
from typing import Any

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotations.croissant.description import Croissant, is_croissant
from tasks.crawl.listing.annotations.croissant.files import Dataset, local_file
from tasks.crawl.listing.annotations.croissant.images import read_images
from tasks.crawl.listing.annotations.croissant.parquet import read_parquet
from tasks.crawl.listing.annotations.croissant.records import Records, photo_records
from tasks.crawl.listing.annotations.croissant.table import read_table
from tasks.crawl.listing.files import read_file
from tasks.crawl.listing.given_split import given_splits
from tasks.crawl.listing.photo_list import ListPart
from tasks.crawl.listing.photo_rows import PhotoRows
from tasks.store.errors import UserError
from tasks.text import first_few

_NAMES = ("croissant.json", "metadata.json", "*-metadata.json")
"""The names that fluke, mlcroissant and Kaggle give to descriptions."""


def find(folder: Path, config: CrawlConfig) -> Path | None:
    """Return the description in a folder that says which class its photos have, so that `read` may read it."""
    named = (path for name in _NAMES for path in sorted(folder.glob(name)))
    return next((path for path in named if _describes_photos(path, config)), None)


def _describes_photos(path: Path, config: CrawlConfig) -> bool:
    try:
        content = json.loads(read_file(path))
        return is_croissant(content) and any(
            records.is_complete for records in photo_records(Croissant.model_validate(content), config.columns)
        )
    except (OSError, ValueError):  # nobody has said that it is Croissant
        return False


def read(path: Path, content: Any, config: CrawlConfig, folders: list[Path]) -> list[ListPart]:
    """Read the photos that a description has.

    Args:
        path: The description.
        content: Its content.
        config: Names the fields, where the description doesn't say which they are.
        folders: Folders that the photos of a CSV may be in.

    Raises:
        UserError: It has no photos with classes, or they aren't on this machine or can't be read.
        ValueError: It isn't written as Croissant 1.0 is.
    """
    dataset = Dataset(Croissant.model_validate(content), path)
    complete = [records for records in photo_records(dataset.described, config.columns) if records.is_complete]
    if not complete:
        raise UserError(_no_photos(dataset))
    parts = given_splits(records.name for records in complete)
    others: list[Records] = []
    if len(complete) == 1 or len({*parts.values()}) < len(complete):  # they aren't the parts of one split
        parts, complete, others = {}, complete[:1], complete[1:]
    read = [_read(records, dataset, config, folders)._replace(part=parts.get(records.name)) for records in complete]
    if config.split == "folders" and not any(part.part or row.split for part in read for row in part.read.rows):
        raise UserError(f"{path}: no field is the split; set crawl.columns.split, or crawl.split=auto")
    if others:
        names = first_few([records.name for records in others])
        note = f"{path}: only the photos of {complete[0].name} are used, not those of {names}"
        read[0] = read[0]._replace(read=read[0].read._replace(notes=[*read[0].read.notes, note]))
    return read


def _read(records: Records, dataset: Dataset, config: CrawlConfig, folders: list[Path]) -> ListPart:
    resource = records.values["image"].resource
    if resource.is_parquet():
        part = read_parquet(records, dataset, config)
    elif resource.is_table():
        part = read_table(records, dataset, config, folders)
    else:
        part = read_images(records, dataset, config)
    rows, incomplete, notes = part.read
    named = [row._replace(label=records.class_names.get(row.label, row.label)) for row in rows]
    return part._replace(read=PhotoRows(named, incomplete, notes))


def _no_photos(dataset: Dataset) -> str:
    """Say why a description has no photos with classes, and what to do."""
    columns = [field.source.extract.column for _, field in dataset.described.all_fields()]
    if shown := list(dict.fromkeys(column for column in columns if column)):
        return (
            f"{dataset.path}: no field is an image and another one a class (their columns: {first_few(shown, 10)}); "
            "set crawl.columns.image and crawl.columns.label"
        )
    archives = (local_file(one, dataset) for one in dataset.described.distribution if one.is_archive())
    place = next(filter(None, archives), dataset.folder)
    return (
        f"{dataset.path}: none of its records has a photo and its class; if each class has a folder of photos, set "
        f"crawl.sources=folder crawl.path={place}; else set crawl.columns.image and crawl.columns.label to the "
        "names of its fields"
    )

"""Photos whose classes an annotation file has: COCO, Label Studio, FiftyOne or Croissant.

The path is such a file, or a folder with several that are the parts of a split (`train/_annotations.coco.json`, or
`annotations/instances_train2017.json`).
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotations import label_studio
from tasks.crawl.listing.annotations.coco import Coco
from tasks.crawl.listing.annotations.croissant import read as croissant
from tasks.crawl.listing.annotations.croissant.description import is_croissant
from tasks.crawl.listing.annotations.fiftyone import FiftyOne
from tasks.crawl.listing.annotations.named_classes import NamedClasses, rows_of
from tasks.crawl.listing.files import read_file, require_path
from tasks.crawl.listing.given_split import GivenSplit, given_splits
from tasks.crawl.listing.listed_files import entries, file_at, find_files, folders_of
from tasks.crawl.listing.photo_list import ListPart, PhotoList, photo_name, put_together
from tasks.crawl.listing.photo_rows import PhotoRows
from tasks.store.errors import UserError
from tasks.store.manifest import first_problem
from tasks.text import first_few

EXAMPLE = "labels.json"
_IMAGE_FOLDERS = ("images", "data")
_USUAL_NAMES = ("*.coco.json", "*/*.coco.json", "labels.json", "*/labels.json", "annotations/*.json")


def list_photos(config: CrawlConfig, *, to_train: bool = True) -> PhotoList:
    """Read the annotation file, or those of a folder, and find the photos that they name.

    Args:
        config: Names the file, and the folder of the photos if that is elsewhere.
        to_train: Whether the photos are to be trained on, which needs two classes.

    Raises:
        UserError: A file can't be used, too many of its photos aren't there, or they have fewer than two classes.
    """
    path = require_path(config.path, "crawl.path", EXAMPLE)
    return put_together(_parts(path, config), path, config, [], to_train=to_train)


def listed_rows(config: CrawlConfig) -> set[tuple[str, str]]:
    """Return the name and the class of each photo with one class, found or not; raises UserError."""
    path = require_path(config.path, "crawl.path", EXAMPLE)
    return {
        (photo_name(row.image, part.listed.folder, path), row.label)
        for part in _parts(path, config)
        for row in part.read.rows
    }


def is_annotated(folder: Path, config: CrawlConfig) -> bool:
    """Whether a folder has an annotation file under one of the names that tools give to it."""
    return croissant.find(folder, config) is not None or any(
        found for pattern in _USUAL_NAMES for found in folder.glob(pattern)
    )


def _content(path: Path) -> Any:
    try:
        return json.loads(read_file(path))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); make it readable") from error
    except ValueError as error:
        raise UserError(
            f"{path}: no JSON ({error}); give an export of COCO, Label Studio or FiftyOne, or Croissant"
        ) from error


def _read(path: Path, content: Any, folders: Sequence[Path]) -> PhotoRows:
    """Read the content of an annotation file of any of the formats; its photos may be in the folders.

    Raises:
        UserError: It has none of the formats.
        ValueError: It isn't written as its format is.
    """
    if not (read := _reader(content)):
        raise UserError(
            f"{path}: neither COCO (images, annotations, categories), nor Label Studio (a list of tasks), nor FiftyOne "
            "(labels), nor Croissant (distribution, recordSet); for other files write a CSV with the columns Image,Id, "
            "and set crawl.sources=csv"
        )
    return rows_of(path, read(content), lambda name: any(file_at(folder / name) for folder in folders))


def _reader(content: Any) -> Callable[[Any], list[NamedClasses]] | None:
    if isinstance(content, list) and content and all(isinstance(task, dict) for task in content):
        return label_studio.photos
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return lambda value: Coco.model_validate(value).photos()
    if isinstance(content, dict) and "labels" in content:
        return lambda value: FiftyOne.model_validate(value).photos()
    return None


def _parts(path: Path, config: CrawlConfig) -> list[ListPart]:
    return [found for file, part in _files(path, config).items() for found in _parts_of_file(file, part, config)]


def _parts_of_file(path: Path, part: GivenSplit | None, config: CrawlConfig) -> list[ListPart]:
    """Read one file, and find its photos in the folder that has most of them."""
    content = _content(path)
    folders = _folders(path, part, config)
    try:
        if is_croissant(content):
            return croissant.read(path, content, config, folders)
        read = _read(path, content, folders)
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}; export it again") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}; export it again") from error
    return [ListPart(path, part, read, find_files(path, [row.image for row in read.rows], folders))]


def _folders(path: Path, part: GivenSplit | None, config: CrawlConfig) -> list[Path]:
    """Return the folders in which the photos of a file may be."""
    if config.images:
        tops = [require_path(config.images, "crawl.images", "images")]
        if not tops[0].is_dir():
            raise UserError(f"{tops[0]} is a file; set crawl.images to the folder with the photos")
    else:
        above = path.parent.parent if path.parent.name == "annotations" else path.parent
        tops = list(dict.fromkeys((path.parent, above)))
    inner = [top / name for top in tops for name in _IMAGE_FOLDERS if (top / name).is_dir()]
    of_part = [folder for top in (*tops, *inner) for folder in folders_of(top, part)] if part else []
    return [*of_part, *inner, *tops]


def _files(path: Path, config: CrawlConfig) -> dict[Path, GivenSplit | None]:
    """Return the annotation files of a path, with the part of the split that their names give."""
    if not path.is_dir():
        return {path: None}
    if description := croissant.find(path, config):
        return {description: None}
    places = [path, *(folder for folder in entries(path) if folder.is_dir() and not folder.name.startswith("."))]
    found = [file for place in places for file in sorted(entries(place)) if file.suffix.lower() == ".json"]
    if len(found) == 1:
        return {found[0]: None}
    parts = given_splits(_part_name(file, path) for file in found)
    named = {file: part for file in found if (part := parts.get(_part_name(file, path)))}
    if not named or len(set(named.values())) < len(named):
        what = f"several ({first_few([file.name for file in found])})" if found else "no"
        raise UserError(f"{path} has {what} annotation files; set crawl.path to the JSON file itself")
    return dict(sorted(named.items(), key=lambda pair: ("train", "val", "test").index(pair[1])))


def _part_name(file: Path, root: Path) -> str:
    """Return the name that may say which part it is: of its folder, or its own."""
    own = file.parent == root or file.parent.name == "annotations"
    return file.stem if own else file.parent.name

"""Photos listed in a CSV file with the columns Image (a file) and Id (its class), the format of many competitions."""

import logging
from collections.abc import Iterable
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.local_files import LocalFile, fingerprint, ingest, is_file, require_path
from tasks.crawl.result import CrawlResult, PhotoRow, require_two_classes
from tasks.store.context import StageContext
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")

IMAGE, ID = "Image", "Id"
GROUP = "Group"
"""Optional column: photos of one burst or encounter, which must not be in two splits."""


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the CSV's rows, and of the sizes and modification times of the files that they name."""
    pairs, _ = _read(_csv_path(config))
    files = _find_files(config, pairs)
    lines = ((image, label, group or "", files[image].mtime_key) for (image, label), group in pairs.items())
    return {"photos": len(files), "listing": fingerprint(lines)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the photos that the CSV lists; of each class the first `per_class` in the order of the CSV."""
    path = _csv_path(config)
    pairs, counts = _read(path)
    files = _find_files(config, pairs)
    ranks: dict[str, int] = {}
    chosen = []
    for (image, label), group in pairs.items():
        ranks[label] = rank = ranks.get(label, 0) + 1
        if config.per_class is None or rank <= config.per_class:
            chosen.append((image, label, group, rank))
    images = list(dict.fromkeys(image for image, *_ in chosen))
    photos = dict(
        zip(images, ingest([files[image] for image in images], ledger, context, max_loss=config.max_loss), strict=True)
    )
    rows = [
        PhotoRow.of(photo, label=label, name=image, engine="csv", rank=rank, group=group)
        for image, label, group, rank in chosen
        if (photo := photos[image])
    ]
    for what, count in counts.items():
        if count:
            logger.warning("%s: %d %s left out", path, count, what)
    return CrawlResult(rows, counts)


def _csv_path(config: CrawlConfig) -> Path:
    path = require_path(config.path, "crawl.path", "labels.csv")
    if path.is_dir():
        raise UserError(f"{path} is a folder; set crawl.path to the CSV file itself, or set crawl.sources=folder")
    return path


def _read(path: Path) -> tuple[dict[tuple[str, str], str | None], dict[str, int]]:
    """Read the CSV.

    Returns:
        The Group of each pair (Image, Id), in the order of the file; and the number of rows left out, per reason.

    Raises:
        UserError: It is not such a CSV, or it has fewer than two classes.
    """
    pairs: dict[tuple[str, str], str | None] = {}
    counts = {"rows without an image or id": 0, "repeated rows": 0}
    for row in read_csv(path, (IMAGE, ID)).rows:
        image, label = row[IMAGE].strip(), row[ID].strip()
        if not image or not label:
            counts["rows without an image or id"] += 1
        elif (image, label) in pairs:
            counts["repeated rows"] += 1
        else:
            pairs[image, label] = row.get(GROUP, "").strip() or None
    require_two_classes(
        (label for _, label in pairs), str(path), f"add rows with at least two different values of {ID}"
    )
    return pairs, counts


def _find_files(config: CrawlConfig, pairs: Iterable[tuple[str, str]]) -> dict[str, LocalFile]:
    """Return the file of each image; raise UserError if one is missing."""
    path = _csv_path(config)
    folder = require_path(config.images, "crawl.images", "images") if config.images else path.parent
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; set crawl.images to the folder that the column {IMAGE} is relative to")
    files: dict[str, LocalFile] = {}
    missing = []
    for image in dict.fromkeys(image for image, _ in pairs):
        file_path = folder / image
        try:
            status = file_path.stat()
        except (OSError, ValueError):  # ValueError: a NUL character in the name
            missing.append(image)
            continue
        if is_file(status):
            files[image] = LocalFile.of(str(file_path), status)
        else:
            missing.append(image)
    if missing:
        first = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise UserError(
            f"{path}: {len(missing):,} of {len(files) + len(missing):,} images are not in {folder}: {first}; "
            "put them there, set crawl.images to their folder, or remove their rows"
        )
    return files

"""Photos that a CSV file names, with columns Image (a file) and Id (its class), as competitions hand them out."""

import csv
import logging
from collections.abc import Iterable
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.local_files import LocalFile, fingerprint, ingest, is_file, require_columns, require_path
from tasks.crawl.result import CrawlResult, PhotoRow, require_two_classes
from tasks.store.context import StageContext
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")

IMAGE, ID = "Image", "Id"
GROUP = "Group"
"""A third column, if it is there: what is one burst or encounter, and never in two splits."""


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Fingerprint of the CSV's rows and of the sizes and times of change of the files that they name."""
    pairs, _ = _read(_csv(config))
    files = _find(config, pairs)
    lines = ((image, label, group or "", files[image].mtime_key) for (image, label), group in pairs.items())
    return {"photos": len(files), "listing": fingerprint(lines)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Bring in the photos that the CSV names; of each class the first `per_class` in the CSV's order."""
    path = _csv(config)
    pairs, counts = _read(path)
    files = _find(config, pairs)
    ranks: dict[str, int] = {}
    chosen = []
    for (image, label), group in pairs.items():
        ranks[label] = rank = ranks.get(label, 0) + 1
        if config.per_class is None or rank <= config.per_class:
            chosen.append((image, label, group, rank))
    images = list(dict.fromkeys(image for image, *_ in chosen))
    photos = dict(zip(images, ingest([files[image] for image in images], ledger, context), strict=True))
    rows = [
        PhotoRow.of(photo, label=label, name=image, engine="csv", rank=rank, group=group)
        for image, label, group, rank in chosen
        if (photo := photos[image])
    ]
    for what, count in counts.items():
        if count:
            logger.warning("%s: %d %s left out", path, count, what)
    return CrawlResult(rows, counts)


def _csv(config: CrawlConfig) -> Path:
    path = require_path(config.path, "crawl.path", "labels.csv")
    if path.is_dir():
        raise UserError(f"{path} is a folder; crawl.path must be the CSV file itself (or set crawl.sources=folder)")
    return path


def _read(path: Path) -> tuple[dict[tuple[str, str], str | None], dict[str, int]]:
    """Pairs of (Image, Id) in the file's order, with their Group; and how many rows were left out, and why."""
    pairs: dict[tuple[str, str], str | None] = {}
    counts = {"rows without an image or id": 0, "repeated rows": 0}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins its files with a byte order mark
            rows = csv.DictReader(file)
            columns = [column.strip() for column in rows.fieldnames or []]
            require_columns(path, columns, (IMAGE, ID))
            rows.fieldnames = columns
            for row in rows:
                image, label = (row[IMAGE] or "").strip(), (row[ID] or "").strip()
                if not image or not label:
                    counts["rows without an image or id"] += 1
                elif (image, label) in pairs:
                    counts["repeated rows"] += 1
                else:
                    pairs[image, label] = (row.get(GROUP) or "").strip() or None
    except (UnicodeDecodeError, csv.Error, PermissionError) as error:
        raise UserError(f"{path} can't be read as CSV ({error}); save it as CSV in UTF-8") from error
    require_two_classes((label for _, label in pairs), str(path), f"give rows of two different {ID}s at least")
    return pairs, counts


def _find(config: CrawlConfig, pairs: Iterable[tuple[str, str]]) -> dict[str, LocalFile]:
    """The file of each image; raises UserError if any is missing."""
    path = _csv(config)
    home = require_path(config.images, "crawl.images", "images") if config.images else path.parent
    if not home.is_dir():
        raise UserError(f"{home} is a file; crawl.images must be the folder that the column {IMAGE} is relative to")
    files: dict[str, LocalFile] = {}
    missing = []
    for image in dict.fromkeys(image for image, _ in pairs):
        place = home / image
        try:
            status = place.stat()
        except (OSError, ValueError):  # ValueError: a NUL in the name
            missing.append(image)
            continue
        if is_file(status):
            files[image] = LocalFile.of(str(place), status)
        else:
            missing.append(image)
    if missing:
        first = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise UserError(
            f"{path}: {len(missing):,} of {len(files) + len(missing):,} images are not in {home}: {first}; "
            "put them there, set crawl.images to the folder that has them, or take their rows out"
        )
    return files

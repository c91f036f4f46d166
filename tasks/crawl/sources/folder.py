"""Photos in a folder with one sub-folder per class; the folder may be split into train, val and test already."""

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.files import fingerprint, ingest, require_path
from tasks.crawl.listing.folder import FolderListing, FolderPhoto, list_folder
from tasks.crawl.listing.seen_before import SeenBefore
from tasks.crawl.result import CrawlResult, PhotoRow, require_two_classes
from tasks.store.context import StageContext

_seen = SeenBefore()

PATH = "photos"


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the listing: names, sizes, times and inodes of all photos."""
    listing = _list(config)
    photos = [(photo.name, photo.file.mtime_key) for photo in listing.photos]
    _seen.remember(str(listing.root), (name for name, _ in photos))
    notes = [(note,) for note in listing.notes]  # so that a cached crawl doesn't repeat what is no longer so
    return {"photos": len(photos), "listing": fingerprint([*photos, *notes])}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the folder's photos.

    Of each class the first `per_class` in the order of their names; if the folder is split, of each part its share.
    """
    listing = _list(config)
    for note in listing.notes:
        context.warn(note)
    chosen = [
        (label, rank, photo)
        for label, photos in listing.classes.items()
        for rank, photo in enumerate(_in_order(photos)[: config.per_class], 1)
    ]
    stored = ingest(
        [photo.file for *_, photo in chosen],
        ledger,
        context,
        max_loss=config.max_loss,
        max_mpx=config.max_photo_mpx,
        missing=[*listing.missing, *_seen.vanished(str(listing.root), [photo.name for photo in listing.photos])],
    )
    rows = [
        PhotoRow.of(kept, label=label, name=photo.name, engine="folder", rank=rank, given_split=photo.split)
        for (label, rank, photo), kept in zip(chosen, stored, strict=True)
        if kept
    ]
    remedy = "the photos of the others can't be read: make them readable"
    require_two_classes((row.label for row in rows), str(listing.root), remedy)
    return CrawlResult(rows, {"other files": listing.other_files})


def _list(config: CrawlConfig) -> FolderListing:
    return list_folder(require_path(config.path, "crawl.path", PATH), config.split)


def _in_order(photos: list[FolderPhoto]) -> list[FolderPhoto]:
    """Return the photos of a class in the order of their names, the parts of a split mixed in proportion."""
    parts: dict[str | None, list[FolderPhoto]] = {}
    for photo in photos:
        parts.setdefault(photo.split, []).append(photo)
    shares = {photo.name: (i + 0.5) / len(part) for part in parts.values() for i, photo in enumerate(part)}
    return sorted(photos, key=lambda photo: shares[photo.name]) if len(parts) > 1 else photos

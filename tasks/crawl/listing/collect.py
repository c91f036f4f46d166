"""Crawl a list of photos on this machine: what a source needs beyond the list."""

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.files import LocalFile, fingerprint, ingest
from tasks.crawl.listing.photo_list import ListedPhoto, PhotoList
from tasks.crawl.result import CrawlResult, PhotoRow, require_two_classes
from tasks.store.context import StageContext


def fingerprints(listed: PhotoList) -> dict[str, str | int]:
    """Return a fingerprint of a list: its rows, and the sizes and modification times of the files that they name."""
    lines = [
        (
            photo.name,
            photo.label,
            photo.group or "",
            photo.given_split or "",
            photo.taken_at or "",
            photo.file.mtime_key,
        )
        for photo in listed.photos
    ]
    notes = [(note,) for note in listed.notes]  # so that a cached crawl doesn't repeat what is no longer so
    return {"photos": len({photo.file.path for photo in listed.photos}), "listing": fingerprint([*lines, *notes])}


def collect_listed(
    listed: PhotoList, config: CrawlConfig, ledger: Ledger, context: StageContext, *, engine: str
) -> CrawlResult:
    """Store the photos of a list, see `store_listed`; the notes of the list are warnings.

    Raises:
        UserError: Too many photos, or all but those of one class, can't be read.
    """
    rows = store_listed(listed, config, ledger, context, engine=engine)
    for note in listed.notes:
        context.warn(note)
    remedy = "the photos of the others can't be read: make them readable"
    require_two_classes((row.label for row in rows), str(config.path), remedy)
    taken_at = {(photo.label, photo.name): photo.taken_at for photo in listed.photos}
    times: dict[str, str] = {}
    for row in rows:
        if time := taken_at[row.label, row.name]:
            times.setdefault(row.photo, time)
    return CrawlResult(rows, listed.counts, times=times)


def store_listed(
    listed: PhotoList, config: CrawlConfig, ledger: Ledger, context: StageContext, *, engine: str
) -> list[PhotoRow]:
    """Store the photos of a list; of each class the first `per_class` in the order of the list.

    Args:
        listed: The list.
        config: Has the limits.
        ledger: Stores the photos.
        context: Worker threads, progress and options.
        engine: What the rows call the source.

    Raises:
        UserError: Too many of them can't be read, see `ingest`.
    """
    ranks: dict[str, int] = {}
    chosen: list[tuple[int, ListedPhoto]] = []
    for photo in listed.photos:
        ranks[photo.label] = rank = ranks.get(photo.label, 0) + 1
        if config.per_class is None or rank <= config.per_class:
            chosen.append((rank, photo))
    files: dict[str, LocalFile] = {photo.file.path: photo.file for _, photo in chosen}
    photos = ingest(
        list(files.values()),
        ledger,
        context,
        max_loss=config.max_loss,
        max_mpx=config.max_photo_mpx,
    )
    stored = dict(zip(files, photos, strict=True))
    return [
        PhotoRow.of(
            found,
            label=photo.label,
            name=photo.name,
            engine=engine,
            rank=rank,
            group=photo.group,
            given_split=photo.given_split,
        )
        for rank, photo in chosen
        if (found := stored[photo.file.path])
    ]

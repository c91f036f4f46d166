"""Which data folders are local copies of buckets, in this process."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.store.bucket import left_out
from tasks.store.bucket.mirror import Mirror

_mirrors: dict[Path, Mirror] = {}


def add(mirror: Mirror) -> None:
    """Let `of` find a mirror."""
    _mirrors[mirror.root] = mirror


def of(root: Path) -> Mirror | None:
    """Return the mirror whose copy a data folder is; None if it is only a folder."""
    return _mirrors.get(root)


def refresh(root: Path, *, cache_gb: float | None = None) -> None:
    """Bring a data folder up to date, if it is the copy of one in a bucket.

    Args:
        root: The data folder.
        cache_gb: So much of shards and photos stays on the disk, see `Mirror.limit`; None: all are fetched.

    Raises:
        UserError: The bucket can't be read or written, or a file was changed in both places.
    """
    if copy := of(root):
        copy.limit(cache_gb)
        copy.sync()
        copy.bring_photos()
        copy.bring_left_out()


def sync(root: Path) -> None:
    """Upload what was changed in a data folder, if it is the copy of one in a bucket; errors as `refresh`."""
    if copy := of(root):
        copy.sync()


def use(path: Path) -> None:
    """Fetch a shard or a photo that the copy of a bucket has left out, see `Mirror.use`."""
    if found := _holding(path):
        found[0].use(found[1])


def after_removal(close: Callable[[], None]) -> None:
    """Let a function be called after files were removed from the copy of a bucket; it closes those that it has open."""
    left_out.closers.append(close)


def leaves_out(path: Path) -> bool:
    """Whether a shard or a photo is missing here only because it comes from the bucket when it is read."""
    found = _holding(path)
    return found is not None and found[0].leaves_out(found[1])


def photos_elsewhere(root: Path) -> dict[Path, int]:
    """Return the photos that a data folder has in its bucket only, with their sizes in bytes; else nothing."""
    copy = of(root)
    return {root / path: record.bytes for path, record in copy.photos_elsewhere().items()} if copy else {}


def drop_photos(root: Path, paths: Iterable[Path]) -> None:
    """Let photos leave the bucket, if a data folder is the copy of one, see `Mirror.drop_photos`."""
    if copy := of(root):
        copy.drop_photos([path.relative_to(root).as_posix() for path in paths])


def _holding(path: Path) -> tuple[Mirror, str] | None:
    for root, mirror in _mirrors.items():
        if path.is_relative_to(root):
            return mirror, path.relative_to(root).as_posix()
    return None

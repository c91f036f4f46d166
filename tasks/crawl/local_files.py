"""Photos in files on this machine: listing them, detecting changes, and copying them into the store."""

import hashlib
import logging
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import stat_result
from pathlib import Path

from tasks.crawl import blocklist
from tasks.crawl.blocklist import BlocklistedError
from tasks.crawl.ledger.ledger import Ledger, StoredPhoto
from tasks.images import photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file in a listing, not read yet."""

    path: str
    mtime_key: str
    """Its size and modification time; a file whose key is unchanged counts as unchanged."""

    @classmethod
    def of(cls, path: str, status: stat_result) -> "LocalFile":
        """Create one from a path and its `os.stat`."""
        return cls(path, f"{status.st_size}-{status.st_mtime_ns}")


def is_file(status: stat_result) -> bool:
    """Whether this is a regular file, not a folder, a pipe or a device."""
    return stat.S_ISREG(status.st_mode)


def utf8_name(name: str) -> str:
    """Return a file's name as valid UTF-8 text: bytes that aren't UTF-8 become `\\udcff` and the like.

    A locale without UTF-8, such as C, changes nothing: its names are bytes that most often are UTF-8.
    """
    with suppress(UnicodeEncodeError):  # else it isn't from a listing
        name = os.fsencode(name).decode("utf-8", "surrogateescape")
    return name.encode("utf-8", "backslashreplace").decode()


def fingerprint(lines: Iterable[tuple[str, ...]]) -> str:
    """Return a digest (24 hex digits) of a listing; the order of the lines matters."""
    sha = hashlib.sha256()
    for line in lines:
        sha.update(repr(line).encode())
    return sha.hexdigest()[:24]


def require_path(path: Path | None, setting: str, example: str) -> Path:
    """Return the absolute path of a setting.

    Args:
        path: the setting's value.
        setting: its name, for messages.
        example: an example of a value, for messages.

    Raises:
        UserError: the setting is not given, or the path doesn't exist.
    """
    if path is None:
        raise UserError(f"{setting} is not given; set it to a path, e.g. {setting}={example}")
    found = path.expanduser().absolute()
    if not found.exists():
        raise UserError(f"{found}: there is no such file or folder; create it, or set {setting} to another path")
    return found


def ingest(files: Sequence[LocalFile], ledger: Ledger, context: StageContext) -> list[StoredPhoto | None]:
    """Copy files into the store; only files that the ledger doesn't know are read.

    Returns:
        The stored photo of each file, in the same order; None if it is on the blocklist.

    Raises:
        UserError: a file is unreadable.
    """
    found = [ledger.lookup(utf8_name(file.path), file.mtime_key) for file in files]
    missing = [index for index, photo in enumerate(found) if photo is None]

    def read(index: int) -> StoredPhoto | None:
        file = files[index]
        try:
            data = Path(file.path).read_bytes()
        except OSError as error:
            raise UserError(
                f"{file.path}: cannot read ({error.strerror}); make it readable or remove it, and run again"
            ) from error
        try:
            size_px = photos.size_px(data)
        except ValueError:
            size_px = None  # the filter rejects the photo and gives the reason
        try:
            return ledger.put(utf8_name(file.path), data, file.mtime_key, size_px=size_px)
        except BlocklistedError:
            logger.info("%s: skipped, because it is listed in %s", file.path, blocklist.NAME)
            return None

    with context.progress("photos", total=len(files)) as advance:
        advance(len(files) - len(missing))
        for index, photo in zip(missing, context.map(read, missing), strict=True):
            found[index] = photo
            advance(1)
    if None in found:
        logger.warning("%d photos are skipped, because they are listed in %s", found.count(None), blocklist.NAME)
    return found

"""Photos that are files on this machine: how they are listed, told apart and brought in."""

import hashlib
import logging
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import stat_result
from pathlib import Path

from tasks.crawl import blocklist
from tasks.crawl.blocklist import ForgottenError
from tasks.crawl.ledger.ledger import Ledger, Photo
from tasks.images import photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as a listing shows it, unread."""

    path: str
    stamp: str
    """Its size and its time of change; while they stay, so does its content."""

    @classmethod
    def of(cls, path: str, status: stat_result) -> "LocalFile":
        """From what the file system says of it."""
        return cls(path, f"{status.st_size}-{status.st_mtime_ns}")


def is_file(status: stat_result) -> bool:
    """Whether it is a plain file, not a folder, a pipe or a device."""
    return stat.S_ISREG(status.st_mode)


def readable(name: str) -> str:
    """A file's name as text that can be stored anywhere: bytes that aren't UTF-8 become `\\udcff` and the like."""
    return name.encode("utf-8", "backslashreplace").decode()


def fingerprint(lines: Iterable[tuple[str, ...]]) -> str:
    """Digest (24 hex digits) of a listing; the order counts."""
    sha = hashlib.sha256()
    for line in lines:
        sha.update(repr(line).encode())
    return sha.hexdigest()[:24]


def given(path: Path | None, setting: str, example: str) -> Path:
    """The absolute path of a setting; raises UserError if it isn't given or isn't there."""
    if path is None:
        raise UserError(f"{setting} is not given; say where the photos are, e.g. {setting}={example}")
    found = path.expanduser().absolute()
    if not found.exists():
        raise UserError(f"{found}: there is no such file or folder; put it there, or set {setting}")
    return found


def require_columns(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raise UserError if a CSV file's columns lack any that are needed."""
    missing = [column for column in needed if column not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {' and no column '.join(missing)}; its columns are "
            f"{', '.join(columns) or '(none)'}; name them {','.join(needed)} and separate them by commas"
        )


def bring_in(files: Sequence[LocalFile], ledger: Ledger, context: StageContext) -> list[Photo | None]:
    """The stored photo of each file, None if it is forgotten; only files that the ledger doesn't know are read."""
    found = [ledger.known(readable(file.path), file.stamp) for file in files]
    missing = [place for place, photo in enumerate(found) if photo is None]

    def read(place: int) -> Photo | None:
        file = files[place]
        try:
            data = Path(file.path).read_bytes()
        except OSError as error:
            raise UserError(
                f"{file.path}: can't be read ({error.strerror}); make it readable or take it away, and run again"
            ) from error
        try:
            size_px = photos.size_px(data)
        except ValueError:
            size_px = None  # the filter will say what is wrong with it
        try:
            return ledger.put(readable(file.path), data, file.stamp, size_px=size_px)
        except ForgottenError:
            logger.info("%s: left out, since it is in %s", file.path, blocklist.NAME)
            return None

    with context.progress("photos", total=len(files)) as advance:
        advance(len(files) - len(missing))
        for place, photo in zip(missing, context.map(read, missing), strict=True):
            found[place] = photo
            advance(1)
    if None in found:
        logger.warning("%d photos are left out, since they are in %s", found.count(None), blocklist.NAME)
    return found

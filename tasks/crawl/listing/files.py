"""Photos in files on this machine: listing them, detecting changes, and copying them into the store."""

import hashlib
import io
import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import stat_result
from pathlib import Path

from tasks.crawl import blocklist
from tasks.crawl.blocklist import BlocklistedError
from tasks.crawl.ledger.ledger import Ledger, StoredPhoto
from tasks.crawl.losses import require_few_lost
from tasks.file_names import missing_path
from tasks.images import formats, photos
from tasks.images.memory import PhotoTooLargeError
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.text import first_few, photos_are

logger = logging.getLogger("fluke.crawl")


MAX_FILE_MB = 1000
"""Larger files aren't read. It is the largest value of `crawl.max_photo_mb`, which limits downloads only."""
_READ_ATTEMPTS = 3
"""A file that changes each time is being written to; its mere renaming or a new link to it is another change."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file in a listing, not read yet."""

    path: str
    mtime_key: str
    """Its size, modification time, change time and inode; a file whose key is unchanged counts as unchanged.

    Programs can set the modification time, as tar and zip do, so two files of equal size may share it. No program can
    set the change time. Where inodes change without a reason, as on some network drives, a file is only read again.
    """

    def read(self, *, at_most: int | None = None) -> bytes:
        """Read the file, or so many bytes from its beginning; raises OSError, see `read_file`."""
        return read_file(self.path, at_most=at_most)

    @classmethod
    def of(cls, path: str, status: stat_result) -> "LocalFile":
        """Create one from a path and its `os.stat`."""
        key = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
        return cls(path, key)


def is_file(status: stat_result) -> bool:
    """Whether this is a regular file, not a folder, a pipe or a device."""
    return stat.S_ISREG(status.st_mode)


def read_file(path: str | Path, *, at_most: int | None = None) -> bytes:
    """Read a regular file; a pipe or a device isn't waited for, and a file without end isn't read.

    Args:
        path: The file.
        at_most: Read so many bytes from its beginning; None: all.

    Raises:
        OSError: It can't be read, isn't a regular file, is larger than `MAX_FILE_MB`, or is being written to.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:  # closes the handle
        for _ in range(_READ_ATTEMPTS):
            before = os.fstat(handle)
            if not is_file(before):
                raise OSError(None, "not a regular file")
            if before.st_size > MAX_FILE_MB * 1_000_000:
                raise OSError(None, f"larger than {MAX_FILE_MB:,} MB")
            file.seek(0)
            if at_most is not None:
                return _read(file, at_most)
            data = _read(file, before.st_size + 1)
            if len(data) == before.st_size and _version(os.fstat(handle)) == _version(before):
                return data
    raise OSError(None, "is being written to")


def _read(file: io.FileIO, size: int) -> bytes:
    """Read up to `size` bytes; a network drive may deliver them in pieces."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _version(status: stat_result) -> tuple[int, int, int]:
    """Return what changes when the content of a file changes."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def utf8_name(name: str) -> str:
    """Return a file's name as valid UTF-8 text: bytes that aren't UTF-8 become `\\udcff` and the like.

    A locale without UTF-8, such as C, changes nothing: its names are bytes that most often are UTF-8.
    """
    if name.isascii():  # most names, and a folder may have a million
        return name
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
        UserError: the setting is not given, or the path doesn't exist or can't be reached.
    """
    if path is None:
        raise UserError(f"{setting} is not given; set it to a path, e.g. {setting}={example}")
    found = path.expanduser().absolute()
    try:
        exists = found.exists()
    except OSError as error:
        raise UserError(
            f"{found}: can't be read ({error.strerror or error}); make it readable, or set {setting} to another path"
        ) from error
    if not exists:
        raise UserError(f"{setting}: {missing_path(found)}")
    return found


def ingest(
    files: Sequence[LocalFile],
    ledger: Ledger,
    context: StageContext,
    *,
    max_loss: float = 0,
    max_mpx: float = photos.MOST_PX / 1e6,
    missing: Sequence[str] = (),
) -> list[StoredPhoto | None]:
    """Copy files into the store; only files that the ledger doesn't know are read, with `fresh` or `verify` all.

    Args:
        files: The files.
        ledger: Stores the photos.
        context: Worker threads, progress and options.
        max_loss: Share of the files that may be unreadable (`crawl.max_loss`).
        max_mpx: Megapixels of the largest photos that are used (`crawl.max_photo_mpx`).
        missing: Names, with reasons, of files that the user gave and that can't be listed; they count as unreadable.

    Returns:
        The stored photo of each file, in the same order; None if it is unreadable, no photo, too large or on the
        blocklist.

    Raises:
        UserError: More than `max_loss` of the files are unreadable, no photos, undecodable or too large. Fewer are a
            warning.
    """
    again = context.fresh or context.verify
    found = [None if again else ledger.lookup(utf8_name(file.path), file.mtime_key) for file in files]
    unknown = [index for index, photo in enumerate(found) if photo is None]
    losses = _Losses([utf8_name(file.path) for file in files], missing)
    too_large = f"has more pixels than crawl.max_photo_mpx={max_mpx:g} (megapixels): shrink it, or raise that setting"
    blocklisted: list[str] = []

    def read(index: int) -> StoredPhoto | None:
        file, name = files[index], losses.names[index]
        try:
            data = file.read()
        except OSError as error:
            losses.unreadable[index] = error.strerror or str(error)
            return None
        if other := formats.foreign(data):
            losses.unusable[index] = other.description
            return None
        try:
            size_px = photos.size_px(data)
            photos.check_memory(data)
        except PhotoTooLargeError as problem:
            losses.unusable[index] = str(problem)
            return None
        except ValueError as problem:
            size_px = None  # the photo is stored, so that the filter rejects it and `fluke review` shows it
            if str(problem) == photos.TOO_MANY_PIXELS:
                losses.unusable[index] = too_large
                return None
        try:
            return ledger.put(name, data, file.mtime_key, size_px=size_px)
        except BlocklistedError:
            blocklisted.append(name)
            logger.info("%s: skipped, because it is listed in %s", name, blocklist.NAME)
            return None

    with context.progress("photos", total=len(files)) as advance:
        advance(len(files) - len(unknown))
        for index, photo in zip(unknown, context.map(read, unknown), strict=True):
            found[index] = photo
            advance(1)
    for index, photo in enumerate(found):  # also of those that an earlier crawl stored with another limit
        if photo and (photo.width_px or 0) * (photo.height_px or 0) > max_mpx * 1e6:
            found[index], losses.unusable[index] = None, too_large
        elif photo and photo.width_px is None:
            losses.undecodable.append(index)
    if blocklisted:
        logger.warning("%s skipped: on the list of forgotten photos, %s", photos_are(len(blocklisted)), blocklist.NAME)
    losses.require_few(max_loss)
    for note in losses.notes():
        context.warn(note)
    return found


@dataclass
class _Losses:
    """The files that can't be used, by their position among all files."""

    names: Sequence[str]
    """Of all files."""
    missing: Sequence[str]
    """Names, with reasons, of files that are not among them, because they can't be listed."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """With the reason."""
    unusable: dict[int, str] = field(default_factory=dict)
    """With what is wrong, and what to do."""
    undecodable: list[int] = field(default_factory=list)
    """They are stored nevertheless: the filter rejects them."""

    def require_few(self, max_loss: float) -> None:
        """Raise UserError if more than `max_loss` of the files can't be used."""
        require_few_lost(
            [
                *self._unread(),
                *(f"{self.names[index]} {why}" for index, why in sorted(self.unusable.items())),
                *(f"{self.names[index]} (can't be decoded)" for index in self.undecodable),
            ],
            self._total,
            max_loss=max_loss,
            what="photos can't be read",
            remedy="make them readable or remove them, and run again",
        )

    def notes(self) -> Iterator[str]:
        """Yield a line for each kind of loss."""
        if unread := self._unread():
            yield (
                f"{len(unread):,} of {self._total:,} photos can't be read: {first_few(unread)}; make them readable or "
                "remove them, and run again"
            )
        for why in dict.fromkeys(why for _, why in sorted(self.unusable.items())):
            which = [self.names[index] for index, other in sorted(self.unusable.items()) if other == why]
            are, each = ("is", "it") if len(which) == 1 else ("are", "each")
            yield f"of {self._total:,} photos, {len(which):,} {are} left out: {first_few(which)}; {each} {why}"
        if self.undecodable:
            each = "it" if len(self.undecodable) == 1 else "each"
            yield (
                f"{len(self.undecodable):,} of {self._total:,} photos can't be decoded, and the filter rejects them: "
                f"{first_few([self.names[index] for index in self.undecodable])}; {each} is damaged, no photo, or in a "
                "format that fluke can't decode: replace, convert or remove it"
            )

    @property
    def _total(self) -> int:
        return len(self.names) + len(self.missing)

    def _unread(self) -> list[str]:
        unreadable = [f"{self.names[index]} ({why})" for index, why in sorted(self.unreadable.items())]
        return [*unreadable, *self.missing]

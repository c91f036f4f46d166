"""A file in an archive, as the listings of zip and tar files name it."""

from pathlib import Path
from typing import NamedTuple

from tasks.crawl.listing.files import MAX_FILE_MB, LocalFile


class Member(NamedTuple):
    """A file or a folder in an archive."""

    name: str
    """Its path in the archive, see `plain_name`; that of a folder ends with `/`."""
    file: LocalFile | None
    """How to read it; None: a folder."""
    problem: str = ""
    """Why it can't be read; `file.read` says it, too."""


def plain_name(name: str, *, is_folder: bool) -> str:
    """Return a name in an archive without what could lead out of it: `..`, `.`, backslashes and a slash in front."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) + ("/" if is_folder else "")


def member_path(archive: Path, name: str) -> str:
    """Return the path of a member for messages and the ledger: below that of its archive."""
    return f"{archive}/{name}"


def require_size(size: int) -> None:
    """Raise OSError if a member, by the size that its archive gives, is larger than `MAX_FILE_MB`."""
    if size > MAX_FILE_MB * 1_000_000:
        raise OSError(None, f"larger than {MAX_FILE_MB:,} MB")

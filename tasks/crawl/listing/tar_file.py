"""The members of a tar file without compression, read in place; nothing is unpacked."""

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.member import Member, member_path, plain_name, require_size
from tasks.store.errors import UserError

_COMPRESSED = {"gz": "gunzip", "bz2": "bunzip2", "xz": "unxz", "zst": "unzstd"}
"""The last suffixes of compressed tar files, with the program that takes the compression away."""
_SHORT = {"tgz": "gz", "tbz": "bz2", "tbz2": "bz2", "txz": "xz", "tzst": "zst"}


@dataclass(frozen=True, slots=True)
class TarredFile(LocalFile):
    """A file in a tar file, not read yet; its key is that of the tar file, its place there and its size."""

    archive: str = ""
    archive_key: str = ""
    offset: int = 0
    size: int = 0
    problem: str = ""

    def read(self, *, at_most: int | None = None) -> bytes:
        """Read it, or so many bytes from its beginning.

        Raises:
            OSError: It has a problem, is cut off or larger than `MAX_FILE_MB`, or the tar file has been changed.
        """
        if self.problem:
            raise OSError(None, self.problem)
        require_size(self.size)
        wanted = self.size if at_most is None else min(at_most, self.size)
        with Path(self.archive).open("rb") as file:
            if LocalFile.of(self.archive, os.fstat(file.fileno())).mtime_key != self.archive_key:
                raise OSError(None, "the tar file has been changed: run again")
            file.seek(self.offset)
            data = file.read(wanted)
        if len(data) < wanted:
            raise OSError(None, "cut off: copy or download the tar file again")
        return data


def compression(path: Path) -> str | None:
    """Return the suffix of a compressed tar file's compression, such as `gz`, by its name; None if it is none."""
    *_, before, last = ["", "", *path.name.lower().split(".")]
    return _SHORT.get(last) or (last if before == "tar" and last in _COMPRESSED else None)


def without_compression(path: Path) -> Path:
    """Return the path of a compressed tar file without its compression: `a.tar` for `a.tar.gz` and `a.tgz`."""
    plain = path.with_suffix("")
    return plain if plain.suffix.lower() == ".tar" else plain.with_name(f"{plain.name}.tar")


def is_tar(path: Path) -> bool:
    """Whether a path is that of a tar file, with compression or without, by its name or by its content."""
    if path.suffix.lower() == ".tar" or compression(path):
        return True
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (OSError, EOFError):  # it can't be read, or the compression of something else is cut off
        return False


def tar_members(path: Path) -> list[Member]:
    """List everything in a tar file; of several members of one name, the last one counts.

    A compressed one could only be read from its beginning, for each photo again, and may be far larger than it seems.

    Raises:
        UserError: It is no tar file, it is compressed or damaged.
    """
    if suffix := compression(path):
        raise UserError(
            f"{path}: the photos of a compressed tar file can't be read one by one; take the compression away with "
            f"`{_COMPRESSED[suffix]} {path}`, and use {without_compression(path)}"
        )
    try:
        key = LocalFile.of(str(path), path.stat()).mtime_key
        with tarfile.open(path, "r:") as archive:
            infos = {name: info for info in archive.getmembers() if (name := _name(info))}
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise UserError(
            f"{path}: no tar file, or not all of it ({str(error).lower()}); copy or download it again"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); make it readable") from error
    return [_member(path, key, name, info) for name, info in infos.items() if not (info.ischr() or info.isblk())]


def _name(info: tarfile.TarInfo) -> str:
    return plain_name(info.name, is_folder=info.isdir())


def _member(path: Path, key: str, name: str, info: tarfile.TarInfo) -> Member:
    if info.isdir():
        return Member(name, None)
    problem = ""
    if not info.isreg():
        problem = "a link in the tar file, no file: pack the file itself (tar --dereference)"
    elif info.issparse():
        problem = "a sparse file: pack it again without --sparse"
    own_key = f"{key}-{info.offset_data}-{info.size}"
    file = TarredFile(member_path(path, name), own_key, str(path), key, info.offset_data, info.size, problem)
    return Member(name, file, problem)

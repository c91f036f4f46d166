"""The members of a zip file, read in place; nothing is unpacked."""

import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.member import Member, member_path, plain_name, require_size
from tasks.store.errors import UserError

_UTF8_FLAG = 1 << 11
_ENCRYPTED_FLAG = 1
_BOMB_RATIO, _BOMB_BYTES = 200, 50_000_000
"""Larger members that were packed to less than a 200th of their size are no photos, but made to fill the memory."""
_ENCRYPTED = "encrypted: pack it without a password"


@dataclass(frozen=True, slots=True)
class ZippedFile(LocalFile):
    """A file in a zip file, not read yet; its key is its size and its checksum (CRC-32)."""

    archive: ZipFile | None = None
    member: ZipInfo | None = None

    def read(self, *, at_most: int | None = None) -> bytes:
        """Unpack it to memory, or so many bytes from its beginning.

        Raises:
            OSError: It is damaged, encrypted, packed in a way that Python can't read, larger than `MAX_FILE_MB`, or
                made to fill the memory.
        """
        assert self.archive
        assert self.member
        require_size(self.member.file_size)
        size, packed = self.member.file_size, self.member.compress_size
        if size > _BOMB_BYTES and size > packed * _BOMB_RATIO:
            raise OSError(None, f"packed from {size:,} to {packed:,} bytes, as no photo can be: leave it out")
        try:
            with self.archive.open(self.member) as file:  # it checks size and checksum at the end
                return file.read(self.member.file_size if at_most is None else at_most)
        except (BadZipFile, EOFError, zlib.error) as error:
            raise OSError(None, f"damaged in the zip file: {error}") from error
        except NotImplementedError as error:  # of zipfile
            raise OSError(None, f"packed in a way that can't be read: {error}") from error
        except RuntimeError as error:  # of zipfile: a password
            raise OSError(None, _ENCRYPTED) from error


def is_zip(path: Path) -> bool:
    """Whether a path is that of a zip file by its name, or by its content."""
    return path.suffix.lower() == ".zip" or (path.is_file() and is_zipfile(path))


def zip_members(path: Path) -> list[Member]:
    """List everything in a zip file; of several members of one name, the last one counts.

    Raises:
        UserError: It is no zip file, or it is damaged.
    """
    try:
        archive = ZipFile(path)  # it stays open: photos are read from it later
    except (BadZipFile, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{path}: no zip file, or not all of it ({str(error).lower()}); copy or download it again"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); make it readable") from error
    infos = {name: info for info in archive.infolist() if (name := _name(info))}
    return [_member(path, archive, name, info) for name, info in infos.items()]


def _member(path: Path, archive: ZipFile, name: str, info: ZipInfo) -> Member:
    if name.endswith("/"):
        return Member(name, None)
    key = f"{info.file_size}-{info.CRC:08x}"
    problem = _ENCRYPTED if info.flag_bits & _ENCRYPTED_FLAG else ""
    return Member(name, ZippedFile(member_path(path, name), key, archive, info), problem)


def _name(info: ZipInfo) -> str:
    """Return a member's name.

    Many programs write UTF-8 without saying so; Python takes it for code page 437 then.
    """
    name = info.filename
    if not info.flag_bits & _UTF8_FLAG and not name.isascii():
        with suppress(ValueError):
            name = name.encode("cp437").decode()
    return plain_name(name, is_folder=info.filename.endswith("/"))

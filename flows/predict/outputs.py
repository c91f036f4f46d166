"""Check the places that the user names for results, before anything is computed for them."""

import errno
import os
import unicodedata
from pathlib import Path

from tasks.store.errors import UserError


def check_file(option: str, path: Path) -> None:
    """Raise UserError if a file can't be written there; a link is followed, see `tasks.store.atomic.atomic_output`.

    Args:
        option: Named in the message.
        path: The file, which may exist.

    Raises:
        OSError: It can't be reached or written; names the file.
    """
    target = Path(os.path.realpath(path))
    if path.is_symlink() and not target.parent.is_dir():
        raise UserError(f"{option} {path}: it is a link to {target}, whose folder does not exist; create that first")
    if target.is_symlink():
        raise UserError(f"{option} {path}: it is a link to itself; name a file")
    if not target.parent.is_dir():
        raise UserError(f"{option} {path}: the folder does not exist; create it first")
    if target.is_dir():
        raise UserError(f"{option} {path}: this is a folder; name a file")
    if target.exists() and not target.is_file():
        raise UserError(f"{option} {path}: this is a pipe or a device; name a file")
    _check_writable(target if target.exists() else target.parent)
    _check_writable(target.parent)


def check_folder(option: str, path: Path) -> None:
    """Raise UserError if a folder can't be made or written there; a link to a folder is followed.

    Args:
        option: Named in the message.
        path: The folder, which may exist.

    Raises:
        OSError: It can't be reached or written; names the folder.
    """
    if path.is_dir():
        _check_writable(path)
        return
    if path.is_symlink():
        raise UserError(f"{option} {path}: it is a link to {path.readlink()}, which is no folder; create that first")
    if path.exists():
        raise UserError(f"{option} {path}: this is a file; name a folder")
    parent = next(folder for folder in path.absolute().parents if folder.exists() or folder.is_symlink())
    if not parent.is_dir():
        raise UserError(f"{option} {path}: {parent} is no folder; name another place")
    _check_writable(parent)


def _check_writable(path: Path) -> None:
    """Raise the error of the file system that writing to a file or folder would give."""
    if os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0)):
        return
    number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
    raise OSError(number, os.strerror(number), str(path))


def readable_name(name: str) -> str:
    """Return a name as part of a folder's name that people read: letters of any alphabet stay, other signs become `_`.

    At most 40 letters, which is less than the 255 bytes of a file system. Different names may give the same.
    """
    return "".join(
        letter if letter.isalnum() or letter in "_-" or unicodedata.category(letter).startswith("M") else "_"
        for letter in unicodedata.normalize("NFC", name)
    )[:40]

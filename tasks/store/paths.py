"""Paths that files of the data folder name: they stay below it, and nothing outside it is renamed or deleted.

Whoever can write to the data folder, or sends one to somebody, chooses the names in its manifests, tables and records.
They are checked as text (`inside`). Links in the data folder are followed when files are read or added: the owner may
have put `data/photos` on another disk. What is renamed or deleted is looked at more closely (`is_own`, `remove`).
"""

import os
import re
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from tasks.store.file_errors import remove_folder

_MAX_NAME_BYTES = 255
"""The longest name of a file on common file systems."""

_SHOWN = 80
"""So many letters of a bad name are shown."""

_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}/)*[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
"""Almost all names; a manifest has one for each of its photos, so they are checked in a single step."""


def inside(root: Path, name: str) -> Path:
    """Return the path of a file or folder below another folder, from its name in a file that isn't trusted.

    The name is checked as text, nothing is read from the disk. Links below the folder are followed by whoever opens
    the path.

    Args:
        root: The folder, such as the data folder or an artifact's folder.
        name: A relative path with `/` between its parts, as the store writes it.

    Raises:
        ValueError: It is no such name, see `check_inside`.
    """
    check_inside(name)
    return root / name


def check_inside(name: str) -> None:
    """Check a name as `inside` does. For a million rows of a table, making paths would take most of the time.

    Raises:
        ValueError: The name is no text, is absolute, has a drive, or has a part that is empty, `.`, `..`, contains NUL
            or is too long for a file. The message shows the name in ASCII.
    """
    if isinstance(name, str) and _PLAIN.fullmatch(name):
        return
    if not isinstance(name, str):
        raise ValueError(f"{shown(name)} is not the name of a file below its folder: not a text")
    windows = PureWindowsPath(name)
    parts = name.split("/")
    if windows.drive or windows.root:
        problem = "an absolute path"
    elif ".." in windows.parts:
        problem = "it has .. in it"
    elif not name or any(part in ("", ".") for part in parts):
        problem = "it has an empty part"
    elif "\0" in name:
        problem = "it contains NUL"
    elif any(len(part.encode("utf-8", "surrogatepass")) > _MAX_NAME_BYTES for part in parts):
        problem = "too long"
    else:
        return
    raise ValueError(f"{shown(name)} is not the name of a file below its folder: {problem}")


def is_own(root: Path, path: Path) -> bool:
    """Whether a path is the data folder's own, so that it may be renamed or deleted.

    It is not if a folder between the data folder and the path is a link: the link may lead to the user's other files.
    Only the first folder may be one, such as `data/photos` on another disk. The path itself may be a link, too: then
    the link is renamed or deleted, not what it leads to.

    Args:
        root: The data folder.
        path: An absolute path, without `..`.
    """
    if not path.is_relative_to(root) or ".." in path.parts:
        return False
    parts = path.relative_to(root).parts
    return bool(parts) and not any(root.joinpath(*parts[:count]).is_symlink() for count in range(2, len(parts)))


def remove(root: Path, path: Path) -> bool:
    """Delete a file, a link or a folder with its content, if it is the data folder's own; links are not followed.

    Args:
        root: The data folder.
        path: An absolute path; it need not exist.

    Returns:
        Whether it may be deleted and is gone.

    Raises:
        OSError: It can't be deleted.
    """
    if not is_own(root, path):
        return False
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    else:
        path.unlink(missing_ok=True)
    return True


def open_log(path: Path) -> BinaryIO:
    """Open a log in the data folder to append to it, or create it. A link in its place is replaced, not followed."""
    if path.is_symlink():
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    return os.fdopen(handle, "ab")


def shown(value: object) -> str:
    """Return a value of a file that isn't trusted for a message: in ASCII, without control characters, shortened."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

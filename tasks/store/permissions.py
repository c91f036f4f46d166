"""Who may read and write what fluke makes.

The kernel applies the umask and the default ACLs of folders, because everything is created with the widest mode. The
umask is never asked for: that would change it for a moment, for all threads.

Photos and what is stored for each of them (tiles, features, statistics, splits, the crawl's ledger) are private: nobody
outside the group has access, and the group has it only if the umask lets the group write, as in a team (002). Below
such a folder nothing is more open than the folder, except that a person who opens the folder opens what comes later.
"""

import os
import stat
from pathlib import Path

from filelock import FileLock

PRIVATE_FOLDERS = ("photos", "pools", "splits", "test_lists", "backups")
"""The folders of a data folder that are private."""
_EVERYBODY, _NOT_OTHERS = 0o777, 0o770
_GROUP, _OTHERS = 0o070, 0o007
_DEFAULT_ACL = "system.posix_acl_default"


def make_private_folder(path: Path, *, top: Path | None = None) -> None:
    """Create a private folder and its missing parents; folders that exist keep their modes.

    Args:
        path: The folder.
        top: `path` or the parent where privacy begins; None: all that is missing is no more open than the folder that
            it is in.

    Raises:
        FileExistsError: There is a file of that name, or a link to nothing.
    """
    if path.is_dir():
        return
    if path == top:
        path.parent.mkdir(parents=True, exist_ok=True)
        given = 0
    else:
        make_private_folder(path.parent, top=top)
        given = path.parent.stat().st_mode
    try:
        path.mkdir(_widest(given))
    except FileExistsError:  # it is a file, or another thread has just made the folder
        if not path.is_dir():
            raise
    else:
        _close_to_group(path, given)


def create(path: Path, *, private: bool = False) -> None:
    """Create an empty file with the access that the umask gives.

    Args:
        path: The file.
        private: Whether its folder is private, so that the file is no more open than the folder.

    Raises:
        FileExistsError: It exists.
    """
    given = path.parent.stat().st_mode if private else _EVERYBODY
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _widest(given) & 0o666))
    _close_to_group(path, given)


def file_lock(path: Path) -> FileLock:
    """Return the lock of a lock file, and create the file's folder; the kernel releases it if its process dies.

    The lock file gets the access that the umask gives, so that others in a team (umask 002) can lock it, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)  # with a mode, filelock would set that, whatever the umask is


def keep_access(path: Path, of: os.stat_result) -> None:
    """Give a new file the mode and the group of the file that it replaces.

    The group gets no access if this user can't give the file to it: the new file's group is another one.
    """
    mode = stat.S_IMODE(of.st_mode) & _EVERYBODY
    if path.stat().st_gid != of.st_gid:
        try:
            os.chown(path, -1, of.st_gid)
        except PermissionError:
            mode &= ~_GROUP
    path.chmod(mode)


def _widest(given: int) -> int:
    """Return the mode to create something private with, before the umask."""
    return _EVERYBODY if given & _OTHERS else _NOT_OTHERS


def _close_to_group(path: Path, given: int) -> None:
    """Take the group's access away unless the umask, an ACL or the folder gives it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _GROUP and not (mode & stat.S_IWGRP or given & _GROUP or _has_default_acl(path.parent)):
        path.chmod(mode & ~_GROUP)


def _has_default_acl(folder: Path) -> bool:
    """Whether a folder says itself who may use what is made in it."""
    try:
        return bool(os.getxattr(folder, _DEFAULT_ACL))
    except (OSError, AttributeError):  # there is none, or the system has no such attributes
        return False

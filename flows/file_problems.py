"""Why a file or folder can't be used, and what the user can do about it: disk full, no permission, the wrong kind."""

import errno
import os
import shutil
import stat
from pathlib import Path

from tasks.store.file_errors import DISK_FULL

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_WRONG_KIND = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ELOOP})
_OTHERS = {
    errno.ENAMETOOLONG: "give it a shorter name, or a folder with a shorter path",
    errno.EMFILE: "close other programs, or allow more open files with `ulimit -n 4096`",
    errno.ENFILE: "close other programs",
    errno.EIO: "the disk can't be read or written there; check the disk, and restore the file from a backup",
    errno.ESTALE: "the network drive has lost it; run the same command again",
    errno.ENOTCONN: "the network drive is not connected; connect it again",
    errno.EFBIG: "the file system, or `ulimit -f`, allows no file of this size; use another disk or limit",
    errno.ENOLCK: "the file system can't lock files; use another one, or set FLUKE_DATA to a folder on a local disk",
    errno.ETXTBSY: "another program is using it; close that program",
    errno.EBUSY: "another program is using it, or it is a mounted disk; name another place",
}
"""Remedies of other errors."""


def problem(error: OSError, root: Path) -> str | None:
    """Return the message for an error of the file system: the file, what is wrong, and the remedy.

    Args:
        error: Names the file, or is about something in the data folder.
        root: The data folder.

    Returns:
        One line; None if the user can't mend it.
    """
    if error.errno is None:
        return None
    place = root if error.filename is None or isinstance(error.filename, int) else Path(os.fsdecode(error.filename))
    place = place.absolute()
    if error.errno in DISK_FULL:
        return _no_space(error.errno, place, root)
    reason = os.strerror(error.errno).lower()
    if error.errno in _DENIED:
        return f"{place}: {reason}{_access(error.errno, place)}; {_remedy(error.errno, place, root)}"
    if error.errno in _WRONG_KIND:
        return _wrong_kind(error.errno, place)
    if error.errno in _OTHERS and error.filename is not None:
        return f"{place}: {reason}; {_OTHERS[error.errno]}"
    return None


def _no_space(number: int, place: Path, root: Path) -> str:
    folder = _existing(place)
    try:
        free, is_ours = shutil.disk_usage(folder).free, folder.stat().st_dev == _existing(root).stat().st_dev
        inodes = os.statvfs(folder)
    except OSError:  # the disk has just gone
        return f"{place}: no space left on the disk; free some space, and run the same command again"
    left = f"{free / 1e6:,.1f} MB are free"
    if number == errno.EDQUOT:
        left = f"the quota of this user is used up; {left}"
    elif inodes.f_files and not inodes.f_favail:
        left = f"it allows no more files; {left}"
    in_data = place == root or place.is_relative_to(root)
    prune = " (`fluke prune` lists what fluke can delete)" if is_ours else ""
    elsewhere = "" if in_data else ", or name a place on another disk,"
    continues = ": it continues after the last finished stage" if in_data else ""
    return (
        f"{place}: no space left on the disk ({left}); free some space{prune}{elsewhere} and run the same command "
        f"again{continues}"
    )


def _access(number: int, place: Path) -> str:
    """Say who may use the file or folder that is in the way."""
    if number == errno.EROFS or not (blocking := _blocking(place)):
        return ""
    try:
        found = blocking.stat()
    except OSError:
        return ""
    what = "it" if blocking == place else f"{blocking}"
    return f" for {_user(os.geteuid())} ({what} belongs to {_owner(found)} with mode {stat.S_IMODE(found.st_mode):04o})"


def _remedy(number: int, place: Path, root: Path) -> str:
    in_data = place == root or place.is_relative_to(root)
    other = "set FLUKE_DATA to a writable folder" if in_data else "name another place"
    blocking = _blocking(place)
    if number == errno.EROFS or not blocking:
        return f"make it writable, or {other}"
    found = blocking.stat()
    letters = "rwX" if stat.S_ISDIR(_mode(blocking)) else "rw"
    if found.st_uid == os.geteuid():
        return f"make it writable (chmod u+{letters} {blocking}), or {other}"
    group = "" if found.st_gid in {os.getegid(), *os.getgroups()} else "chgrp to a group of yours, then "
    shared = f"its owner can share it with your group ({group}chmod g+{letters} {blocking})"
    if not in_data:
        return f"{shared}, or {other}"
    return (
        f"{shared}; in a shared data folder everybody needs umask 002 and all folders chmod g+s, see docs/store.md; or "
        f"{other}"
    )


def _wrong_kind(number: int, place: Path) -> str | None:
    """Return the message for a file where a folder should be, the reverse, or a link to nothing; None for others."""
    for path in (*reversed(place.parents), place):
        if path.is_symlink() and not _mode(path):
            return f"{path} is a link to {path.readlink()}, which does not exist; create that, or delete the link"
        if path != place and _mode(path) and not stat.S_ISDIR(_mode(path)):
            return f"{path} is a file, but must be a folder; move it away"
    if number == errno.EISDIR or (number == errno.EEXIST and stat.S_ISDIR(_mode(place))):
        return f"{place} is a folder, but must be a file; move it away"
    if number in (errno.EEXIST, errno.ENOTDIR) and _mode(place):
        return f"{place} is a file, but must be a folder; move it away"
    return None


def _blocking(place: Path) -> Path | None:
    """Return the file or folder whose mode is in the way: an ancestor, the file itself, or its folder."""
    for folder in reversed(place.parents):
        if stat.S_ISDIR(_mode(folder)) and not os.access(folder, os.X_OK):
            return folder
    if os.path.lexists(place):
        needed = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(_mode(place)) else 0)
        if not os.access(place, needed):
            return place
    folder = _existing(place.parent)
    return folder if not os.access(folder, os.W_OK) else place if _mode(place) else None


def _mode(path: Path) -> int:
    """Return kind and mode of what a path leads to; 0 if nothing is there, or if it can't be reached."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _existing(place: Path) -> Path:
    """Return a path, or its nearest parent that exists."""
    return next(path for path in (place, *place.parents) if _mode(path) or path == path.parent)


def _owner(found: os.stat_result) -> str:
    """Return the names of owner and group, or their numbers."""
    import grp

    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{_user(found.st_uid)}:{group}"


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # the user has no name here
        return f"user {number}"

"""Errors as messages for the user, with the exit code of the command line."""

import codecs
import errno
import os
import sys
from pathlib import Path

from configs.errors import ConfigError
from configs.redact import redact
from flows.file_problems import problem
from tasks.images.memory import PhotoTooLargeError
from tasks.store.errors import UserError
from tasks.store.file_errors import disk_full, is_nearly_full

INTERNAL_ERROR, USER_ERROR = 1, 2
"""Exit codes of the command line."""
_OF_PROXIES = ("Using SOCKS proxy", "Unknown scheme for proxy URL")
"""How httpx, with which Prefect asks its server, begins its messages about such proxies."""
_FULL_BELOW_BYTES = 16 << 20
_MAX_CHARACTERS = 300
"""Length of an internal error's message; the log contains all of it."""


def explain(error: BaseException, root: Path) -> tuple[str, int]:
    """Return the message for the user and the exit code: USER_ERROR if the user can fix it, else INTERNAL_ERROR.

    Args:
        error: The exception that ended the command.
        root: The data folder, whose disk may be full.
    """
    if isinstance(error, UserError | ConfigError):
        return redact(str(error)), USER_ERROR
    if isinstance(error, OSError) and (message := problem(error, root)):
        return message, USER_ERROR
    if remedy := _remedy(error):
        return remedy, USER_ERROR
    number = disk_full(error)
    if number is None and is_nearly_full(root, _FULL_BELOW_BYTES):  # libraries raise exceptions of their own then
        number = errno.ENOSPC
    if number is not None:
        return problem(OSError(number, os.strerror(number)), root) or "", USER_ERROR
    message = " ".join(redact(str(error)).split())
    return f"internal error: {type(error).__name__}: {message[:_MAX_CHARACTERS]}", INTERNAL_ERROR


def _remedy(error: BaseException) -> str | None:
    """Return the message for an exception of Python or a library that the user can mend; None for others."""
    if isinstance(error, PhotoTooLargeError):
        return f"a photo {error}, or lower crawl.max_photo_mpx to leave it out"
    if isinstance(error, MemoryError):
        return (
            "not enough memory; close other programs or set workers.threads to a smaller number, and run the same "
            "command again: it continues after the last finished stage"
        )
    if str(error).startswith(_OF_PROXIES):
        return (
            "http_proxy or https_proxy in the environment is no http or https proxy, and no other kind is supported; "
            "correct it, or unset it"
        )
    if isinstance(error, UnicodeEncodeError) and _is_of_locale(error.encoding):
        return (
            f"the encoding of this terminal, {error.encoding}, has no {error.object[error.start : error.end]!r}, which "
            "is in the name of a file; run the same command with LC_ALL=C.UTF-8"
        )
    return None


def _is_of_locale(encoding: str) -> bool:
    """Whether it is an encoding that names of files have here, and not UTF-8, which has all characters."""
    here = codecs.lookup(sys.getfilesystemencoding()).name
    return codecs.lookup(encoding).name == here != "utf-8"

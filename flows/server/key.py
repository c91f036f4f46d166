"""The key of a data folder's server: Prefect's basic authentication, `fluke:` and a random token.

It keeps other users of the machine from the server. Who may use the data folder may read it: its owner, and the group
if the folder `server` is shared on purpose, which is that the group may write to it (as `tasks.store.permissions` makes
it with umask 002). The group could change the server's database anyway.
"""

import re
import secrets
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from tasks.store.errors import UserError
from tasks.store.manifest import read_regular
from tasks.store.paths import remove
from tasks.store.permissions import create

LOGIN_PAGE = "/fluke/login"
"""The path of the page that logs a browser in."""
_USER = "fluke"
_TOKEN_BYTES = 24
_FORM = re.compile(rf"{_USER}:[A-Za-z0-9_-]{{20,}}")


def file(root: Path) -> Path:
    """The file with the key."""
    return root / "server" / "key"


def read(root: Path) -> str:
    """Return the key.

    Raises:
        UserError: There is none, or this user may not read it.
    """
    try:
        text = read_regular(file(root)).decode(errors="replace").strip()
    except PermissionError as error:
        raise UserError(
            f"{file(root)}: permission denied: the Prefect server of this data folder is for its owner only; to share "
            "it with the group: fluke down, then chmod g+rwX on the folder, and fluke up"
        ) from error
    except (OSError, ValueError):
        text = ""
    if not _FORM.fullmatch(text):
        raise UserError(f"{file(root)} has no key of the Prefect server: run fluke down, then fluke up")
    return text


def prepare(root: Path) -> str:
    """Return the key for a server that starts; make one unless there is one that nobody else could read.

    The folder `server` must be closed to others, see `close`.
    """
    with suppress(UserError):
        if not _is_exposed(file(root)):
            return read(root)
    remove(root, file(root))
    create(file(root), private=True)
    key = f"{_USER}:{secrets.token_urlsafe(_TOKEN_BYTES)}"
    file(root).write_text(f"{key}\n", encoding="ascii")
    return key


def close(folder: Path) -> None:
    """Take the access to a folder away from others, and from the group unless it may write, too."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    closed = mode & ~0o007 if mode & stat.S_IWGRP else mode & ~0o077
    if closed != mode:
        with suppress(PermissionError):  # of another user of the team
            folder.chmod(closed)


def dashboard(page: str, login: str | None) -> str:
    """Return the address that opens the dashboard in a browser, and logs it in.

    Args:
        page: Address of the dashboard, without a slash at the end.
        login: The key; None: the server asks for nothing.
    """
    return f"{page}{LOGIN_PAGE}#{login.removeprefix(f'{_USER}:')}" if login else page


def variables(root: Path, address: str, login: str | None) -> str:
    """Return the variables that other programs of Prefect need, for a shell; the key itself isn't in them.

    Args:
        root: The data folder.
        address: The API address of its server.
        login: The key; None: the server asks for nothing.
    """
    path = shlex.quote(str(file(root).absolute()))
    return f"PREFECT_API_URL={address}" + (f' PREFECT_API_AUTH_STRING="$(cat {path})"' if login else "")


def _is_exposed(path: Path) -> bool:
    """Whether more people than may use the folder can read a file, such as one that was copied without its mode."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return True
    return bool(mode & 0o007 or (mode & 0o070 and not path.parent.stat().st_mode & stat.S_IWGRP))

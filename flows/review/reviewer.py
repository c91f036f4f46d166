"""Who decides: the name that is logged with each decision."""

import getpass

from tasks.store.errors import UserError

_MOST_LETTERS = 60


def reviewer_name(given: str) -> str:
    """Return the name of the reviewer: the given one, or the login name; empty if this user has none.

    Raises:
        UserError: The name is too long, or has line breaks or other letters that can't be shown.
    """
    name = given.strip() or _login_name()
    if len(name) > _MOST_LETTERS or not name.isprintable():
        raise UserError(f"--as {name!r}: give a name of up to {_MOST_LETTERS} letters in one line")
    return name


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        return ""

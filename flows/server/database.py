"""The database of a data folder's server: SQLite in the folder `server`, or PostgreSQL if a file there names it."""

from pathlib import Path

from tasks.store.errors import UserError
from tasks.store.manifest import read_regular

VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
"""The setting of Prefect that names its database."""
_EXAMPLE = "postgresql+asyncpg://fluke:PASSWORD@127.0.0.1:5432/prefect"


def file(home: Path) -> Path:
    """The file that names the database of a server with the folder `home`.

    A file, because any command may start the server. The environment of a shell is no place for it either: it may be
    meant for another Prefect server.
    """
    return home / "database"


def address(home: Path) -> str | None:
    """Return the address of the database, with its password; None: SQLite.

    Raises:
        UserError: The file can't be read, or isn't the address of a PostgreSQL database.
    """
    path = file(home)
    try:
        text = read_regular(path).decode().strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read; it must be a text such as {_EXAMPLE}") from error
    if not text.startswith("postgresql+asyncpg://") or len(text.split()) != 1:
        raise UserError(f"{path}: must be one line such as {_EXAMPLE}; or delete it to use SQLite")
    return text

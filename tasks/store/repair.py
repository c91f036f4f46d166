"""Set damaged files that artifacts share aside, so that they are made again."""

from pathlib import Path

from tasks.store import hashing
from tasks.store.file_errors import DAMAGED
from tasks.store.paths import is_own


def set_aside(root: Path, path: Path) -> bool:
    """Rename a damaged photo or shard to `.damaged-...`.

    Other files stay where they are, whatever a manifest says: the ledger and lists of people can't be made again, and
    a photo whose name is the SHA-256 of its content is intact. Files behind a link out of the data folder stay, too.

    Args:
        root: The data folder.
        path: An absolute path of a file that differs from its record.

    Returns:
        Whether it was renamed.
    """
    if not is_own(root, path) or not path.is_file():
        return False
    kind = path.relative_to(root).parts[0]
    damaged = path.suffix == ".npy" if kind == "pools" else kind == "photos" and hashing.of_file(path) != path.stem
    if damaged:
        path.replace(path.with_name(f"{DAMAGED}{path.name}"))
    return damaged

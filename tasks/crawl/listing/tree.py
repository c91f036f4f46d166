"""List the photos below a folder, for the crawl and for predictions; nothing is read but folders.

Links to folders are followed, hidden files are passed over, and so are the folders in which computers keep what people
didn't put there: recycle bins, thumbnails, and fluke's own data.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tasks.crawl.listing.files import LocalFile, is_file
from tasks.images.photos import EXTENSIONS

HEAT_MAPS = ".fluke-heat-maps"
"""A file of this name marks a folder of heat maps: copies of photos, which aren't photos of a class."""

# fmt: off
_JUNK = frozenset({
    "#recycle", "#snapshot", "@eadir", "@recycle", "@recently-snapshot", "@sharebin", "@tmp", "@__thumb", "~snapshot",
    "$recycle.bin", "recycler", "recycled", "recycle.bin", "system volume information", "lost+found", "lost.dir",
    "__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder", "node_modules", "__pycache__",
    "mlruns", "wandb", "lightning_logs", "site-packages", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
})
# fmt: on
"""Folders and files of network drives, Windows, Linux, Android, macOS and programs, in lower case."""
_NUMBERED_JUNK = re.compile(r"found\.\d{3}")
"""Folders of chkdsk."""
DATA_FOLDERS = frozenset(
    {"ablations", "artifacts", "backups", "locks", "logs", "photos", "pools", "runs", "splits", "test_lists"}
)
"""What fluke writes into its data folder."""
_PLACEHOLDER = re.compile(r"\.(?P<name>.+)\.icloud", re.IGNORECASE)
"""A file that is in iCloud only."""


@dataclass
class Tree:
    """What is below a folder. Names are paths from that folder, as the file system gives them, sorted."""

    root: Path
    is_own: bool = False
    """Whether fluke has written the folder itself, see `own`."""
    photos: list[tuple[str, LocalFile]] = field(default_factory=list)
    """Names and files."""
    folders: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """Number of files that are no photos, by extension in lower case; hidden ones don't count."""
    missing: list[tuple[str, str]] = field(default_factory=list)
    """Names of photos that aren't there, with the reason: links to nothing, and photos that are in iCloud only."""
    special: list[str] = field(default_factory=list)
    """Names of pipes, sockets and devices that have a photo's extension."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Names of folders that can't be listed, with the reason."""
    junk: dict[str, int] = field(default_factory=dict)
    """Folders that are passed over, with the number of photos in them."""
    own: list[str] = field(default_factory=list)
    """Folders that fluke has written: data folders and heat maps. They are passed over."""


def is_photo_name(name: str) -> bool:
    """Whether a file's name has a photo's extension."""
    _, dot, extension = name.rpartition(".")
    return dot + extension.lower() in EXTENSIONS


def is_junk_name(name: str) -> bool:
    """Whether computers give this name to their own folders and files, in any case."""
    plain = name.lower()
    return plain in _JUNK or (plain.startswith("found.") and bool(_NUMBERED_JUNK.fullmatch(plain)))


def is_written_by_fluke(names: set[str]) -> bool:
    """Whether a folder with these entries is a data folder of fluke, or one with heat maps."""
    own = names & DATA_FOLDERS
    return HEAT_MAPS in names or len(own) > 2 or {"artifacts", "pools"} <= own or bool(own and ".in-use" in names)


def list_tree(root: Path) -> Tree:
    """List everything below a folder.

    A folder that several links lead to is listed once below each folder of the top level, so cyclic links end.

    Raises:
        OSError: The folder itself can't be listed.
    """
    tree = Tree(root)
    top = root.stat()
    entries, tree.is_own = _entries(str(root))
    seen: set[tuple[int, int]] = {(top.st_dev, top.st_ino)}
    pending: list[tuple[str, str, set[tuple[int, int]]]] = []
    for entry in entries:
        if not _add(tree, entry, entry.name):
            pending.append((entry.path, entry.name, set(seen)))
    while pending:
        path, name, seen = pending.pop()
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries, own = _entries(path)
        except OSError as error:
            tree.unreadable.append((name, error.strerror or str(error)))
            continue
        if own:
            tree.own.append(name)
            continue
        tree.folders.append(name)
        below = [entry for entry in entries if not _add(tree, entry, f"{name}/{entry.name}")]
        pending += [(entry.path, f"{name}/{entry.name}", seen) for entry in reversed(below)]
    tree.photos.sort(key=lambda photo: photo[0])
    for names in (tree.folders, tree.special, tree.own, tree.missing, tree.unreadable):
        names.sort()
    return tree


def _add(tree: Tree, entry: os.DirEntry[str], name: str) -> bool:
    """Add an entry that isn't a folder to list; return False if it is one."""
    try:
        is_folder = entry.is_dir()
    except OSError:  # a link that points to itself
        is_folder = False
    if is_junk_name(entry.name):
        if is_folder:
            tree.junk[name] = _count_photos(entry.path)
    elif entry.name.startswith("."):
        placeholder = _PLACEHOLDER.fullmatch(entry.name)
        if placeholder and is_photo_name(placeholder["name"]):
            tree.missing.append((name.removesuffix(entry.name) + placeholder["name"], "in iCloud only: download it"))
    elif is_folder:
        return False
    elif is_photo_name(entry.name) or _leads_nowhere(entry):
        _add_photo(tree, entry, name)
    else:
        tree.others[os.path.splitext(f"x{entry.name}")[1].lower()] += 1  # noqa: PTH122
    return True


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether this is a link without extension, so probably to a folder, and what it leads to isn't there."""
    try:
        return entry.is_symlink() and "." not in entry.name and not Path(entry.path).exists()
    except OSError:  # what it leads to can't be reached
        return True


def _add_photo(tree: Tree, entry: os.DirEntry[str], name: str) -> None:
    try:
        status = entry.stat()
    except OSError as error:
        tree.missing.append((name, "a link to nothing" if entry.is_symlink() else error.strerror or str(error)))
        return
    if is_file(status):
        tree.photos.append((name, LocalFile.of(entry.path, status)))
    else:
        tree.special.append(name)


def _entries(path: str) -> tuple[list[os.DirEntry[str]], bool]:
    """Return the entries of a folder in the order of their names, and whether fluke has written the folder."""
    with os.scandir(path) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    return entries, is_written_by_fluke({entry.name for entry in entries})


def _count_photos(path: str) -> int:
    """Count the photos below a folder, as far as it can be read; links aren't followed."""
    return sum(is_photo_name(name) and not name.startswith(".") for _, _, names in os.walk(path) for name in names)

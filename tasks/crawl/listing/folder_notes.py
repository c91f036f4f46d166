"""The lines that say what of a folder of photos is not used, or not as it is given."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tasks.crawl.listing.files import utf8_name
from tasks.crawl.listing.folder_split import FolderSplit, Names
from tasks.crawl.listing.given_split import PARTS
from tasks.crawl.listing.tree import Tree
from tasks.images.photos import EXTENSIONS
from tasks.names import visible
from tasks.text import first_few, photos_are

# fmt: off
_BESIDE_PHOTOS = frozenset({
    ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".yaml", ".yml", ".toml", ".ini",
    ".cfg", ".html", ".htm", ".css", ".js", ".py", ".ipynb", ".sh", ".m", ".log", ".db", ".sqlite", ".lock", ".pkl",
    ".npy", ".npz", ".h5", ".hdf5", ".mat", ".parquet", ".xls", ".xlsx", ".aae", ".xmp", ".thm", ".md5", ".sha1",
    ".sha256", ".names", ".lnk", ".url", ".bak", ".tmp",
})
# fmt: on
"""Files that usually lie beside photos; other files that aren't photos are worth a line."""


def passed_over(root: Path, tree: Tree) -> list[str]:
    """Say what is passed over: folders of systems and of fluke, special files, and files that aren't photos."""
    notes = []
    junk = {name: count for name, count in tree.junk.items() if count}
    if junk:
        notes.append(
            f"{root}: {photos_are(sum(junk.values()))} in folders of the system and passed over: {few(sorted(junk))}; "
            "rename a folder if it is a class"
        )
    if tree.own:
        notes.append(f"{root}: data and heat maps of fluke are passed over: {few(tree.own)}")
    if tree.special:
        notes.append(
            f"{root}: {len(tree.special):,} pipes, sockets or devices named like photos are passed over: "
            f"{few(tree.special)}"
        )
    odd = Counter({extension: count for extension, count in tree.others.items() if extension not in _BESIDE_PHOTOS})
    if odd:
        shown = [f"{count:,} {extension or 'without extension'}" for extension, count in odd.most_common()]
        notes.append(
            f"{root}: {odd.total():,} files are left out, because their names don't end like a photo's: "
            f"{first_few(shown, 6)}; convert or rename them if they are photos ({' '.join(sorted(EXTENSIONS))})"
        )
    return notes


def not_placed(
    root: Path, tree: Tree, layout: FolderSplit, stray: Iterable[Names], undecided: Sequence[str]
) -> list[str]:
    """Say which photos of a folder that is split have no class or no part, and which folders are empty.

    Args:
        root: The folder.
        tree: Its content.
        layout: How it is split.
        stray: The photos without a class.
        undecided: The names of the photos with a class that are in no part.
    """
    top, depth = root.joinpath(*layout.above), len(layout.above)
    notes = [
        f"{top / name}: {photos_are(count)} in no class folder and left out; `fluke predict {top / name}` answers them"
        for name, count in sorted(layout.unlabelled.items())
    ]
    notes += [
        f"{top / name}: {photos_are(count)} left out, because the folder is no part of the split"
        for name, count in sorted(layout.extra.items())
    ]
    known = {*layout.unlabelled, *layout.extra}
    loose = ["/".join(names) for names in stray if len(names) <= depth + 1 or names[depth] not in known]
    if loose:
        notes.append(f"{root}: {photos_are(len(loose))} in no class folder and left out: {few(loose)}")
    if undecided:
        notes.append(
            f"{top}: {photos_are(len(undecided))} in no folder {names_of(layout.parts)} of their class, and assigned "
            f"to a split anew: {few(undecided)}"
        )
    above = "/".join((*layout.above, ""))
    folders = {name for name in tree.folders if name.startswith(above) and name.count("/") == depth}
    full = {"/".join(name.split("/")[: depth + 1]) for name, _ in tree.photos}
    return notes + left_out(root, sorted(folders - full), "contain no photos")


def in_part_only(root: Path, layout: FolderSplit, counts: Mapping[str, Counter[str]]) -> list[str]:
    """Say which classes are missing in a part of the split.

    Args:
        root: The folder.
        layout: How it is split.
        counts: The number of photos of each class by part.
    """
    present = [part for part in PARTS if part in set(layout.parts.values())]
    effects = {
        "train": "they are never trained on, so the filter rejects them unless filter.unseen_classes names them",
        "val": "they are not validated",
        "test": "they are never tested",
    }
    notes = []
    for part in present if len(present) > 1 else ():
        lacking = [label for label, found in counts.items() if not found[part] and not found[""]]
        if lacking:
            folders = names_of(name for name, of in layout.parts.items() if of == part)
            notes.append(
                f"{root}: {len(lacking):,} of {len(counts):,} classes have no photos in {folders}: {few(lacking)}; "
                f"{effects[part]}"
            )
    return notes


def same_inside(root: Path, photos: Iterable[str]) -> list[str]:
    """Say that all classes have the same sub-folders: they may be the parts of a split, whose sub-folders are classes.

    Args:
        root: The folder.
        photos: The names of the photos of all classes.
    """
    inside: dict[str, set[str]] = {}
    for label, *folders, _ in (photo.split("/") for photo in photos):
        inside.setdefault(label, set()).update(folders[:1])
    common = set[str].intersection(*inside.values()) if len(inside) > 1 else set[str]()
    if len(common) < 2:
        return []
    return [
        f"{root}: all classes ({few(sorted(inside))}) contain the same sub-folders ({few(sorted(common))}), whose "
        "names are not used; if these are the classes, and those the parts of a split, name them train, val, test"
    ]


def left_out(root: Path, names: list[str], what: str) -> list[str]:
    """Say that sub-folders contain nothing; no line without a folder."""
    return [f"{root}: {len(names):,} sub-folders {what}: {few(names)}"] if names else []


def names_of(names: Iterable[str]) -> str:
    """Return all names, sorted, as people can read them."""
    return ", ".join(visible(utf8_name(name)) for name in sorted(names))


def few(names: Iterable[str]) -> str:
    """Return the first few names, as people can read them."""
    return first_few([visible(utf8_name(name)) for name in names])

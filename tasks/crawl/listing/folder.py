"""What a folder of photos brings: its classes, its split, and what in it is not used, in one line for each kind."""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tasks.crawl.listing.archive import is_archive, list_archive
from tasks.crawl.listing.files import LocalFile, utf8_name
from tasks.crawl.listing.folder_notes import (
    few,
    in_part_only,
    left_out,
    names_of,
    not_placed,
    passed_over,
    same_inside,
)
from tasks.crawl.listing.folder_split import FolderSplit, Names, find_split
from tasks.crawl.listing.given_split import GivenSplit
from tasks.crawl.listing.tree import Tree, list_tree
from tasks.crawl.result import require_two_classes
from tasks.images.photos import EXTENSIONS
from tasks.names import nfc
from tasks.store.errors import UserError
from tasks.text import photos_are

SplitSetting: TypeAlias = Literal["auto", "folders", "ignore"]
"""The values of `crawl.split`."""


@dataclass(frozen=True, slots=True)
class FolderPhoto:
    """A photo of a class, not read yet."""

    name: str
    """Its path below the folder, as UTF-8 text in the form NFC."""
    file: LocalFile
    split: GivenSplit | None = None


@dataclass
class FolderListing:
    """The content of a folder with one sub-folder per class."""

    root: Path
    tree: Tree
    classes: dict[str, list[FolderPhoto]] = field(default_factory=dict)
    """The photos of each class, sorted by class and name."""
    split: FolderSplit | None = None
    """How the folder is split already; None if it isn't, or if `crawl.split` is `ignore`."""
    stray: int = 0
    """Number of photos without a class."""
    notes: list[str] = field(default_factory=list)
    """What is not used as it is given: one line for each kind."""

    @property
    def photos(self) -> list[FolderPhoto]:
        """All photos of all classes."""
        return [photo for photos in self.classes.values() for photo in photos]

    @property
    def missing(self) -> list[str]:
        """The photos that are named, but aren't there, with the reason."""
        return [f"{nfc(utf8_name(name))} ({reason})" for name, reason in self.tree.missing]

    @property
    def other_files(self) -> int:
        """Number of files that are not photos of a class; hidden files don't count."""
        return self.tree.others.total() + len(self.tree.special) + self.stray

    def split_counts(self) -> dict[str, Counter[str]]:
        """The number of photos of each class by the given split; "" is none."""
        return {label: Counter(photo.split or "" for photo in photos) for label, photos in self.classes.items()}


def list_folder(root: Path, split: SplitSetting = "auto", *, to_train: bool = True) -> FolderListing:
    """List a folder of photos with one sub-folder per class, which may be split already. Nothing is read or logged.

    Args:
        root: The folder, or a zip or tar file of it.
        split: See `crawl.split`.
        to_train: Whether the photos are to be trained on, which needs two classes.

    Raises:
        UserError: It is no such folder, a sub-folder can't be listed, or it isn't clear which folders are the classes.
    """
    notes: list[str] = []
    if root.is_dir():
        tree = list_photos_below(root)
    elif is_archive(root):
        tree, notes = list_archive(root)
    else:
        raise UserError(
            f"{root} is a file; set crawl.path to a folder with one sub-folder per class or a zip or tar file of it, "
            "or set crawl.sources=csv"
        )
    for name, reason in tree.unreadable:
        raise UserError(f"{root / name}: can't be read ({reason.lower()}); make it readable or remove it")
    listing = FolderListing(root, tree, notes=[*notes, *passed_over(root, tree)])
    layout = _layout(listing, split, to_train=to_train)
    stray = _place(listing, layout, split)
    listing.stray = len(stray)
    if layout:
        undecided = [photo.name for photo in listing.photos if photo.split is None and split != "ignore"]
        listing.notes += not_placed(root, tree, layout, stray, undecided)
        listing.split = None if split == "ignore" else layout
        listing.notes += in_part_only(root, layout, listing.split_counts()) if listing.split else []
    else:
        listing.notes += left_out(root, _empty_folders(tree), "contain no photos: these classes are left out")
        if split == "auto":
            listing.notes += same_inside(root, [photo.name for photo in listing.photos])
        if stray and not listing.classes:
            raise UserError(
                f"{root} contains {len(stray):,} photos, but no sub-folders with photos; move them to one sub-folder "
                "per class, named after the class, or list them in a CSV and set crawl.sources=csv; to give each "
                f"a class by keyboard: fluke label {shlex.quote(str(root))}"
            )
        if stray:
            listing.notes.append(f"{root}: {photos_are(len(stray))} not in the sub-folder of a class and left out")
    if to_train or not listing.classes:
        _require_classes(listing)
    return listing


def list_photos_below(root: Path) -> Tree:
    """List what is below a folder.

    Raises:
        UserError: The folder can't be listed, or it is fluke's own data folder.
    """
    try:
        tree = list_tree(root)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{root}: can't be read ({reason}); make it readable or remove it") from error
    if tree.is_own:
        raise UserError(
            f"{root} is a data folder of fluke, or one with heat maps: put the photos in a folder of their own, or set "
            "FLUKE_DATA to another folder"
        )
    return tree


def _empty_folders(tree: Tree) -> list[str]:
    """Return the folders of the top level that contain no photos."""
    return sorted({name for name in tree.folders if "/" not in name} - {name.split("/")[0] for name, _ in tree.photos})


def _layout(listing: FolderListing, split: SplitSetting, *, to_train: bool) -> FolderSplit | None:
    """Return how the folder is split, with a note if it may be but isn't; raise UserError where that isn't clear."""
    root = listing.root
    found = find_split([tuple(name.split("/")) for name, _ in listing.tree.photos])
    if not found or (found.doubt == "few classes" and split != "folders"):
        if split == "folders":
            raise UserError(
                f"crawl.split=folders, but {root} has no folders train, val or test with the same class folders in "
                "each; create them, or set crawl.split=auto"
            )
        if found:
            listing.notes.append(
                f"{root}: few class folders contain folders {names_of(found.parts)}, so these are not taken as a "
                "split; set crawl.split=folders if they are one"
            )
        return None
    if found.doubt in ("several splits", "split folders") and split == "ignore":
        return None
    if found.doubt == "several splits":
        raise UserError(
            f"{root}: its folders {names_of(found.parts)} are named like the parts of several splits; move the photos "
            "to one folder train and one folder test, with one sub-folder per class in each, or set crawl.split=ignore "
            "if these folders are the classes"
        )
    if found.doubt == "split folders" and split == "auto":
        raise UserError(
            f"{root}: below {names_of(found.extra)}, the folders {names_of(found.parts)} have the same class folders, "
            "so each looks like a dataset of its own; set crawl.path to one of them, or set crawl.split=folders if "
            "their names are the classes"
        )
    named = names_of({**found.parts, **found.unlabelled})
    if found.doubt == "no classes" or (found.doubt == "nothing in common" and split == "auto"):
        why = "hold no class folders" if found.doubt == "no classes" else "have no class folder in common"
        why += f" ({names_of(found.alike)} look alike, but are different names)" if found.alike else ""
        if found.extra and split != "folders":
            listing.notes.append(
                f"{root}: {named} are taken as classes, not as the parts of a split, because they {why}; "
                "rename them if they are no classes"
            )
            return None
        raise UserError(
            f"{root}: its folders {named} are named like the parts of a split, but {why}; create one sub-folder per "
            "class in each (a CSV of labels: set crawl.sources=csv), or rename the folders if they are the classes"
            + ("" if found.doubt == "no classes" else "; crawl.split=folders takes them as a split nevertheless")
        )
    if found.doubt == "others beside" and split == "auto":
        raise UserError(
            f"{root}: its folders {named} contain the same class folders, as the parts of a split do, but "
            f"{names_of(found.extra)} is beside them; move it away, or set crawl.split=folders to leave it out"
        )
    if to_train and set(found.parts.values()) == {"test"}:
        raise UserError(f"{root}: only {names_of(found.parts)} has class folders, so there is nothing to train on")
    return found


def _place(listing: FolderListing, layout: FolderSplit | None, split: SplitSetting) -> list[Names]:
    """Put each photo in its class; return the names of those that have none."""
    stray: list[Names] = []
    for raw, file in listing.tree.photos:
        names = tuple(raw.split("/"))
        label, part = layout.place(names) if layout else (names[0] if len(names) > 1 else None, None)
        if label is None:
            stray.append(names)
            continue
        photo = FolderPhoto(nfc(utf8_name(raw)), file, None if split == "ignore" else part)
        listing.classes.setdefault(nfc(utf8_name(label)), []).append(photo)
    for photos in listing.classes.values():
        photos.sort(key=lambda photo: photo.name)
    listing.classes = dict(sorted(listing.classes.items()))
    return stray


def _require_classes(listing: FolderListing) -> None:
    remedy = f"create one sub-folder per class, with photos ({' '.join(sorted(EXTENSIONS))}) in each"
    if len(listing.classes) == 1 and not listing.split:
        only = next(iter(listing.classes))
        inside = {photo.name.split("/")[1] for photo in listing.photos if photo.name.count("/") > 1}
        if len(inside) > 1:
            folder = listing.photos[0].name.split("/")[0]
            remedy += (
                f"; if the classes are its sub-folders ({few(sorted(inside))}), set crawl.path={listing.root / folder}"
            )
        require_two_classes([only], str(listing.root), remedy)
    require_two_classes(listing.classes, str(listing.root), remedy)

"""Find out whether a folder of photos is split already: `train/CLASS`, `test/CLASS`, or `CLASS/train`, `CLASS/test`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tasks.crawl.listing.given_split import CONTAINERS, PARTS, GivenSplit, given_splits, several_splits
from tasks.names import alike, alike_key, nfc

Names: TypeAlias = tuple[str, ...]
"""The folders of a photo and its own name, from the top."""

Doubt = Literal["no classes", "nothing in common", "others beside", "few classes", "several splits", "split folders"]
"""The parts have no class folders; or none in common; or other folders are beside them; or few classes are split; or
the folders are the parts of several splits; or each folder is one that is split, with class folders in its parts."""

_MIN_SHARED = 2


@dataclass
class FolderSplit:
    """How a folder is split."""

    above: Names
    """The folders above the parts, or above the classes: wrappers such as `dataset`."""
    parts: dict[str, GivenSplit]
    """The parts of the split, by the name of their folder."""
    class_first: bool = False
    """Whether the folders of the classes contain those of the parts."""
    below: dict[str, Names] = field(default_factory=dict)
    """The folders between a part and its classes, such as `images`, by the name of the part's folder."""
    unlabelled: dict[str, int] = field(default_factory=dict)
    """The folders whose photos have no class, with the number of photos."""
    extra: dict[str, int] = field(default_factory=dict)
    """The folders beside the parts that are none, with the number of photos."""
    alike: list[str] = field(default_factory=list)
    """The class folders of different parts that look alike, if none is in common."""
    doubt: Doubt | None = None
    """Why it may be no split after all."""

    def place(self, names: Names) -> tuple[str | None, GivenSplit | None]:
        """Return the class and the part of a photo; no class if it has none."""
        inner = names[len(self.above) :]
        if names[: len(self.above)] != self.above or len(inner) < 2:
            return None, None
        if self.class_first:
            return inner[0], self.parts.get(inner[1]) if len(inner) > 2 else None
        part, below = self.parts.get(inner[0]), self.below.get(inner[0], ())
        inner = inner[1 + len(below) :] if inner[1 : 1 + len(below)] == below else ()
        return (inner[0] if part and len(inner) > 1 else None), part


def find_split(photos: Sequence[Names]) -> FolderSplit | None:
    """Find the split of a folder; None if its folders aren't named like the parts of one.

    The result has a `doubt` where the names are those of a split, but the folders in them aren't: photos that are of
    the classes `train` and `plane`, or parts without any class in common.

    Args:
        photos: The names of all photos.
    """
    above: Names = ()
    while True:
        level = _group(photos, above)
        found = _parts_first(photos, above, level) or _classes_first(photos, above, level)
        if found or len(level) != 1 or "" in level:
            return found
        above = (*above, next(iter(level)))


def _parts_first(photos: Sequence[Names], above: Names, level: dict[str, list[Names]]) -> FolderSplit | None:
    folders = {name: inside for name, inside in level.items() if name}
    if several := several_splits(folders):
        return FolderSplit(above, dict.fromkeys(several, "train"), doubt="several splits")
    parts = given_splits(folders)
    if len(set(parts.values())) < 2:
        return None
    split = FolderSplit(above, parts)
    split.below = {name: _wrappers(folders, parts, (*above, name), name) for name in parts}
    inside = {name: _group(folders[name], (*above, name, *split.below[name])) for name in parts}
    classes = {name: {nfc(label) for label in found if label} for name, found in inside.items()}
    trained = set[str]().union(*(labels for name, labels in classes.items() if parts[name] == "train"))
    for name, labels in classes.items():
        others = set[str]().union(*(found for other, found in classes.items() if parts[other] != parts[name]))
        others = trained if len(trained) >= _MIN_SHARED else others  # val/images and test/images are no common class
        no_class = parts[name] != "train" and len(labels) == 1 and not labels & others and len(others) >= _MIN_SHARED
        if not labels or no_class:
            split.unlabelled[name] = len(folders[name])
            labels.clear()
    split.parts = {name: part for name, part in parts.items() if name not in split.unlabelled}
    split.extra = {name: len(found) for name, found in folders.items() if name not in parts}
    shared = _shared(classes, parts)
    if len(set[str]().union(*classes.values())) < _MIN_SHARED:
        split.doubt = "no classes"
    elif len(set(split.parts.values())) > 1 and not shared:
        split.doubt = "nothing in common"
        split.alike = next(iter(alike(set[str]().union(*classes.values()))), [])
    elif set(split.extra) - _flat(split.extra, folders, above, len(shared)):
        split.doubt = "others beside"
    return split


def _classes_first(photos: Sequence[Names], above: Names, level: dict[str, list[Names]]) -> FolderSplit | None:
    folders = {name: inside for name, inside in level.items() if name}
    found: dict[str, GivenSplit] = {}
    splits = 0
    with_classes: list[str] = []
    for name, inside in folders.items():
        below = _group(inside, (*above, name))
        parts = given_splits(label for label in below if label)
        splits += len(set(parts.values())) > 1
        found |= parts
        classes = {part: set(_group(below[part], (*above, name, part)).keys() - {""}) for part in parts}
        if len(_shared(classes, parts)) >= _MIN_SHARED:
            with_classes.append(name)
    if not splits or len(folders) < _MIN_SHARED:
        return None
    if with_classes:
        return FolderSplit(above, found, class_first=True, extra=dict.fromkeys(with_classes, 0), doubt="split folders")
    return FolderSplit(above, found, class_first=True, doubt="few classes" if 2 * splits < len(folders) else None)


def _group(photos: Iterable[Names], above: Names) -> dict[str, list[Names]]:
    """Return the photos below a folder by the name of the next folder; by "" those directly in it."""
    depth = len(above)
    groups: dict[str, list[Names]] = {}
    for names in photos:
        if names[:depth] == above:
            groups.setdefault(names[depth] if len(names) > depth + 1 else "", []).append(names)
    return groups


def _wrappers(folders: dict[str, list[Names]], parts: dict[str, GivenSplit], start: Names, name: str) -> Names:
    """Return the folders between a part and its classes: a single one with the part's own name, or `images`."""
    above = start
    while True:
        level = _group(folders[name], above)
        only = next(iter(level)) if len(level) == 1 else ""
        deeper = only and any(_group(folders[name], (*above, only)).keys() - {""})
        own = only and (alike_key(only) == alike_key(name) or given_splits([only]).get(only) == parts[name])
        if not (own or (deeper and only.casefold() in CONTAINERS)):
            return above[len(start) :]
        above = (*above, only)


def _shared(classes: dict[str, set[str]], parts: dict[str, GivenSplit]) -> set[str]:
    """Return the classes that are in two different parts."""
    by_part = {part: set[str]().union(*(classes[name] for name in parts if parts[name] == part)) for part in PARTS}
    counts = Counter(label for labels in by_part.values() for label in labels)
    return {label for label, count in counts.items() if count > 1}


def _flat(extra: Iterable[str], folders: dict[str, list[Names]], above: Names, shared: int) -> set[str]:
    """Return the folders beside the parts whose photos have no class, where the classes of the parts leave no doubt."""
    if shared < _MIN_SHARED:
        return set()
    return {
        name
        for name in extra
        if all(len(names) <= len(above) + 2 or alike_key(names[-2]) == alike_key(name) for names in folders[name])
    }

r"""Find the file that a name in a user's list means, although the list writes it differently.

Other programs write `glass\g0.jpg`, `./glass/g0.jpg`, `glass/g0`, `glass/g0.JPG` or `glass/g%200.jpg`; macOS writes é
as two characters. Such a name is found if only one file can be meant. A name that could only be found by its last part,
such as an absolute path of another machine, is not: many folders have a `1.jpg`.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from configs.suggest import did_you_mean
from tasks.names import nfc
from tasks.store.formulas import guard
from tasks.text import first_few

_MOST_NEIGHBOURS = 2000
"""With so many names, comparing a misspelt one with each still takes a moment only."""

_SAME_EXTENSION = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}


class NameMatch(NamedTuple):
    """What a name in a list means."""

    names: tuple[str, ...] = ()
    """The known name; none if there is no such file; several if the name can mean any of them."""
    how: str = ""
    """How the list's spelling differs from it; empty if it doesn't."""
    near: str = ""
    """If there is no such file: a known name with the same last part."""


class NameIndex:
    """Known names of files, to find the names of a list among them."""

    def __init__(self, names: Iterable[str], *, folder: str = "") -> None:
        """Index the names.

        Args:
            names: Paths of photos below a folder, separated by `/`.
            folder: The path of this folder; a list may repeat the end of it before its names.
        """
        parts = nfc(folder).strip("/").split("/")
        self._prefixes = [
            "/".join(parts[-count:]) + "/" for count in range(1, len(parts) + 1) if parts[-count:] != [""]
        ]
        self._exact = dict.fromkeys(names)
        self._spelt: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        for name in self._exact:
            spelt = nfc(name)
            self._spelt.setdefault(spelt, []).append(name)
            self._folded.setdefault(_folded(spelt), []).append(name)
            stem = posixpath.splitext(spelt)[0].casefold()
            self._stems.setdefault(stem, []).append(name)
            for last in {posixpath.basename(_folded(spelt)), posixpath.basename(stem)}:
                self._last.setdefault(last, []).append(name)

    def find(self, name: str) -> NameMatch:
        """Find the file that a list means by a name."""
        if name in self._exact:
            return NameMatch((name,))
        for spelling, how in self._spellings(name):
            for index, key, further in (
                (self._spelt, spelling, ""),
                (self._folded, _folded(spelling), "in other case or with another extension"),
                (self._stems, spelling.casefold(), "without the extension"),
            ):
                if found := index.get(key):
                    return NameMatch(tuple(found), further or how or "with other code points of the same text")
        tail = posixpath.basename(_slashes(nfc(name)))
        near = self._last.get(_folded(tail)) or self._last.get(tail.casefold()) or [""]
        return NameMatch(near=near[0] if len(near) == 1 else "")

    def _spellings(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield ways to write a name, with what is different, from the least to the most different."""
        text = nfc(name)
        yield text, ""
        path = _slashes(text)
        if path != text:
            yield path, "with back-slashes or ./"
        decoded = nfc(_slashes(unquote(path)))
        if decoded != path:
            yield decoded, "URL-encoded"
        for prefix in self._prefixes:
            if decoded.startswith(prefix):
                yield decoded.removeprefix(prefix), "with the folder's own name before it"
        if guard(text) != text:
            yield f"'{text}", "without the apostrophe before it"


class FoundNames(NamedTuple):
    """The names of a list, and what they mean."""

    found: dict[str, str]
    """Per name in the list: the known name."""
    missing: dict[str, str]
    """Names that mean no file; with a file that has the same last part, or an empty text."""
    notes: list[str]
    """One line about names that were found although they are written differently, if there are any."""
    ambiguous: dict[str, tuple[str, ...]]
    """Names that can mean several files, and these."""


def find_names(names: Iterable[str], index: NameIndex, what: str) -> FoundNames:
    """Find each name of a list.

    Args:
        names: The names.
        index: The known names.
        what: The list, for the notes.
    """
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    differing: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        match = index.find(name)
        if len(match.names) > 1:
            ambiguous[name] = match.names
        elif match.names:
            found[name] = match.names[0]
            if match.how:
                differing.setdefault(match.how, []).append(name)
        else:
            missing[name] = match.near
    notes = []
    if differing:
        total = sum(map(len, differing.values()))
        parts = [
            f"{len(listed):,} {how} ({listed[0]} is {found[listed[0]]})" for how, listed in sorted(differing.items())
        ]
        notes.append(f"{what}: {total:,} names are written differently and were found: {', '.join(parts)}")
    return FoundNames(found, missing, notes, ambiguous)


def shown_missing(missing: dict[str, str]) -> str:
    """Return the first missing names, for messages, each with the file that may be meant."""
    shown = [f"{name} ({near} is there)" if near else name for name, near in missing.items()]
    return first_few(shown)


def missing_path(path: Path) -> str:
    """Say that a path of the user doesn't exist, and which name in the same folder is probably meant.

    A name in other code points, such as a Korean one of a Mac, looks the same, but Linux takes it for another.
    """
    path = path.expanduser()
    wrong = next((part for part in (path, *path.parents) if os.path.lexists(part.parent)), path)
    try:
        with os.scandir(wrong.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_NEIGHBOURS)]
    except OSError:
        names = []
    if any(nfc(name) == nfc(wrong.name) for name in names if name != wrong.name):
        return (
            f"{path}: no such file or folder; {wrong.name} is there in other code points of the same text, as macOS "
            "writes them: complete the name with the Tab key"
        )
    return f"{path}: no such file or folder{did_you_mean(wrong.name, names, 0.6)}"


def _slashes(name: str) -> str:
    """Return a path with `/` as separator, without `./` and repeated slashes."""
    return re.sub(r"/+", "/", re.sub(r"(^|/)(\./+)+", r"\1", name.replace("\\", "/")))


def _folded(name: str) -> str:
    """Return a name so that case doesn't matter, nor which of the equal extensions it has."""
    stem, extension = posixpath.splitext(name.casefold())
    return stem + _SAME_EXTENSION.get(extension, extension)

"""Compare and show names that people and computers write differently: Unicode forms, case, spaces, look-alikes."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from tasks.store import hashing

_LOOK_ALIKES = str.maketrans(
    "АВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧаеорсухіјѕһԁԛԝαορνυικɑɡϲ‐‑‒–—―−’‘ʼ`´“”",
    "ABEKMHOPCTXIJSABEZHIKMNOPTYXaeopcyxijshdqwaopvuikagc-------'''''\"\"",
)
"""Cyrillic and Greek letters, dashes and quotes, and the ASCII ones that they look like."""
_COPY = re.compile(r"^copy of | (copy|kopie|copie|copia)( \d+| \(\d+\))?$| \(\d+\)$")
"""What Windows, macOS, Linux and cloud drives add to the name of a copy, in the form of `alike_key`."""
_VISIBLE = {" ": "␣", "\N{NO-BREAK SPACE}": "⍽"}
_MAX_FOLDER_NAME = 120


def nfc(text: str) -> str:
    """Return a name in Unicode's form NFC, as keyboards type it; macOS stores file names in NFD."""
    return unicodedata.normalize("NFC", text)


def folder_name(name: str) -> str:
    """Return a valid name of a folder for any text; different texts give different names."""
    quoted = quote(nfc(name), safe="", errors="backslashreplace")
    quoted = f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
    return quoted if len(quoted) <= _MAX_FOLDER_NAME else f"{quoted[:_MAX_FOLDER_NAME]}-{hashing.of_value(name)[:24]}"


def alike_key(name: str) -> str:
    """Return the same text for names that people take for the same.

    Case, widths, spaces and underscores, invisible letters and letters of other alphabets that look the same don't
    matter.
    """
    folded = _skeleton(name).casefold()
    seen = "".join(letter for letter in folded if letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc"))
    plain = unicodedata.normalize("NFC", seen.translate(_LOOK_ALIKES))
    return re.sub(r"[\s_-]+", " ", plain).strip()


def alike(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of two or more different names that look alike, or that are copies of one, each sorted."""
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(alike_key(name), set()).add(name)
    for key in list(groups):
        original = _COPY.sub("", key)
        if original != key and original in groups:  # what a file manager calls a copy of a folder
            groups[original] |= groups.pop(key)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def visible(name: str) -> str:
    """Show what can't be seen in a name: spaces at its ends or in a row, invisible letters, other spaces.

    `GLASS ` becomes `GLASS␣`, a zero-width space becomes `\\u200b`; a plain name stays as it is.
    """
    marked = re.sub(r"^ +| +$| {2,}", lambda spaces: "␣" * len(spaces[0]), name)
    return "".join(
        letter if letter == " " or _is_seen(marked, i) else _shown(letter) for i, letter in enumerate(marked)
    )


def warn_of_alike(photos: Mapping[str, int]) -> str | None:
    """Return one line that names the classes which look alike, with their numbers of photos; None if there are none.

    Args:
        photos: The number of photos of each class.
    """
    groups = alike(photos)
    if not groups:
        return None
    shown = "; ".join(
        ", ".join(
            f"{distinct(name, group)} ({photos[name]:,} {'photo' if photos[name] == 1 else 'photos'})" for name in group
        )
        for group in groups[:3]
    )
    more = f"; and {len(groups) - 3:,} more such groups" if len(groups) > 3 else ""
    return f"classes whose names look alike stay separate: {shown}{more}; if they are one class, give them one name"


def distinct(name: str, others: Iterable[str]) -> str:
    """Return a name in quotes, with code points if it looks the same as one of the others."""
    plain = {_skeleton(other) for other in others if other != name}
    text = repr(visible(name)) if "'" in name else f"'{visible(name)}'"
    if _skeleton(name) not in plain or visible(name) != name:
        return text
    codes = " ".join(f"U+{ord(letter):04X}" for letter in name if not letter.isascii())
    return f"{text} [{codes}]" if codes else text


def _skeleton(name: str) -> str:
    """Return a name as it looks, with its case."""
    return unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES)


def _is_seen(name: str, position: int) -> bool:
    """Whether a letter can be seen; a joiner between two other letters (emoji, Persian) belongs to them."""
    letter = name[position]
    if letter in "\u200c\u200d\ufe0f":
        return position > 0 and (letter == "\ufe0f" or position < len(name) - 1)
    return letter.isprintable()


def _shown(letter: str) -> str:
    return _VISIBLE.get(letter) or letter.encode("unicode_escape").decode()

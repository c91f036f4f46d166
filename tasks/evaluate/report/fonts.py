"""The fonts of the figures: DejaVu Sans, and for other scripts any font that is installed on this machine.

A PNG uses these fonts; a browser has its own ones for an SVG.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font

_BASE = "DejaVu Sans"
"""Part of matplotlib."""
_PREFERRED = (
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Microsoft YaHei",
    "Arial Unicode MS",
)
"""Plain fonts for many characters; they are tried before the others."""
SCRIPTS: Mapping[str, tuple[str, str]] = {
    "Hangul": ("\ud55c", "fonts-noto-cjk"),
    "Chinese characters": ("\u6c49", "fonts-noto-cjk"),
    "kana": ("\u3042", "fonts-noto-cjk"),
    "Thai": ("\u0e01", "fonts-noto-core"),
    "Devanagari": ("\u0915", "fonts-noto-core"),
    "Bengali": ("\u0995", "fonts-noto-core"),
    "Tamil": ("\u0b95", "fonts-noto-core"),
    "Telugu": ("\u0c15", "fonts-noto-core"),
    "Ethiopic": ("\u12a0", "fonts-noto-core"),
    "Khmer": ("\u1780", "fonts-noto-core"),
}
"""Script -> one of its characters, and the package of Debian and Ubuntu with a font for it."""
_PLAIN_WEIGHTS = (400, "normal", "regular", "book")


@cache
def families() -> tuple[str, ...]:
    """List DejaVu Sans, and a font for each other script that an installed font has."""
    found = (font_with(character) for character, _ in SCRIPTS.values())
    return tuple(dict.fromkeys([_BASE, *filter(None, found)]))


def font_with(character: str) -> str | None:
    """Return the name of an installed font that has a character; None if there is none."""
    return next((name for name in _order() if _has(name, character)), None)


@cache
def font_file(characters: str) -> Path:
    """Return the file of the first font that has most of some characters."""

    def missing(name: str) -> int:
        return sum(not _has(name, each) for each in characters if each.isprintable())

    others = (name for name in map(font_with, characters) if name)
    return Path(_files()[min(dict.fromkeys([_BASE, *others]), key=missing)])


def advice(text: str) -> Iterator[str]:
    """Say, in a sentence for each script that a text has and no font, what to install."""
    for script, (sample, package) in SCRIPTS.items():
        block = [each for each in text if ord(each) >= 0x0590 and _script(each) == _script(sample)]
        if block and not any(font_with(each) for each in block):
            yield (
                f"no installed font has {script}, so figures saved as PNG show boxes for them: install a font, such as "
                f"the package {package} of Debian and Ubuntu"
            )


def _script(character: str) -> str:
    """Return the first word of a character's Unicode name, which is that of its script, such as HANGUL."""
    from unicodedata import name

    return name(character, "").partition(" ")[0].partition("-")[0]


@cache
def _order() -> tuple[str, ...]:
    """List the fonts in the order in which a character is looked for."""
    files = _files()
    return tuple(name for name in dict.fromkeys([_BASE, *_PREFERRED, *sorted(files)]) if name in files)


@cache
def _has(name: str, character: str) -> bool:
    with suppress(KeyError, OSError, RuntimeError):  # a font that was uninstalled, or is damaged
        return bool(_face(name).get_char_index(ord(character)))
    return False


@cache
def _face(name: str) -> FT2Font:
    return FT2Font(_files()[name])


@cache
def _files() -> dict[str, str]:
    """List the files of all fonts by name; a plain face, if a name has one."""
    known = {font.fname for font in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):  # matplotlib's own list is older than the last installed fonts
        with suppress(OSError, RuntimeError):
            fontManager.addfont(path)
    # matplotlib's "Last Resort" fonts have a box for each character.
    fonts = [font for font in fontManager.ttflist if not font.name.startswith("Last Resort")]
    fonts.sort(key=lambda font: font.style == font.stretch == "normal" and font.weight in _PLAIN_WEIGHTS)
    return {font.name: font.fname for font in fonts}  # of a name's faces, the last one counts

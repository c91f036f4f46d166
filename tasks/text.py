"""Format text, percentages and durations for messages and reports."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

SPACE = "\N{NO-BREAK SPACE}"


_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Parts of emoji and of words in some scripts."""

_ONE_OF = {
    "photos": "photo",
    "classes": "class",
    "other files": "other file",
    "tiles": "tile",
    "recipes": "recipe",
    "test photos": "test photo",
}
"""How counts are named that are 1."""


def show_controls(text: str) -> str:
    r"""Show what a terminal would obey and what nobody sees: control characters, line breaks, changes of direction.

    A file may be called ESC [2J, which clears the screen: it is shown as \x1b[2J. Bytes of a name that are not UTF-8
    are shown as \udcff. No-break spaces become spaces, since not every terminal has them.
    """
    if text.isprintable():
        return text
    text = text.replace(SPACE, " ")
    return "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter) in _INVISIBLE and letter not in _JOINERS else letter
        for letter in text
    )


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names for a message: `a.jpg, b.jpg, c.jpg ...`."""
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")


def photos_are(count: int) -> str:
    """Begin a sentence about a number of photos: `1 photo is`, `12 photos are`."""
    return "1 photo is" if count == 1 else f"{count:,} photos are"


def markdown(text: str) -> str:
    """Escape everything in a text that Markdown or HTML would interpret; line breaks become spaces."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\`*_\[\]<>#|~&$!])", r"\\\1", " ".join(plain.split()))


def percent(share: float, digits: int = 1) -> str:
    """Format a share, 0..1, as a percentage: 0.9637 -> 96.4 %. Only a share of exactly 1 gives 100.0 %."""
    rounded = round(share * 100, digits)
    if rounded == 100 and share < 1:
        rounded -= 10**-digits
    return f"{rounded:.{digits}f}{SPACE}%"


def duration(seconds: float) -> str:
    """Format a duration: 0.8 s, 42 s, 3 min 10 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest}{SPACE}s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counts_text(counts: Mapping[str, float]) -> str:
    """Return a stage's counts on one line: `900 kept, 31 rejected`, `accuracy 0.970 (0.950 to 0.990)`."""
    return ", ".join(_counted(counts)) or "nothing to do"


def _counted(counts: Mapping[str, float]) -> Iterator[str]:
    """Yield each count before its name, and each score behind it; the ends of an interval follow their number."""
    for name, value in counts.items():
        if isinstance(value, int):
            yield f"{value:,} {_ONE_OF.get(name, name) if value == 1 else name}"
        elif {f"{name} from", f"{name} to"} <= counts.keys():
            yield f"{name} {_score(value)} ({_score(counts[f'{name} from'])} to {_score(counts[f'{name} to'])})"
        elif name.removesuffix(" from").removesuffix(" to") == name:
            yield f"{name} {_score(value)}"


def _score(value: float) -> str:
    """Return a share with three decimals, so that `1.000` isn't taken for a count; others with three digits."""
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) <= 1 else f"{value:.3g}"

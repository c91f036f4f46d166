"""Format text, percentages and durations for messages and reports."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

SPACE = "\N{NO-BREAK SPACE}"


_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Parts of emoji and of words in some scripts."""


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


def is_percentage(name: str) -> bool:
    """Return whether a score is written as a percentage: accuracy, balanced_accuracy, accuracy on validation ..."""
    return "accuracy" in name


def number_text(name: str, value: float) -> str:
    """Write a number of a stage by its name: photos as 1,234, an accuracy as 95.8 %, another number as 0.953."""
    if is_percentage(name):
        return percent(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def score_text(name: str, value: float) -> str:
    """Write a score by its name: an accuracy as 95.8 %, another one, such as macro F1, as 0.950."""
    return percent(value) if is_percentage(name) else f"{value:.3f}"


def change_text(name: str, change: float) -> str:
    """Write a change of a score by its name: +0.9 points of accuracy, +0.010 of another one; never -0.0."""
    scale, digits, unit = (100, 1, " points") if is_percentage(name) else (1, 3, "")
    return f"{round(change * scale, digits) + 0.0:+.{digits}f}{unit}"


def score_with_interval(name: str, value: float, low: float, high: float) -> str:
    """Write a score with its name and interval: accuracy 97.5 % (96.0–98.8), macro F1 0.950 (0.932–0.981)."""
    return f"{name} {score_text(name, value)} ({interval_text(name, low, high)})"


def interval_text(name: str, low: float, high: float) -> str:
    """Write the interval of a score by its name: 94.1–98.2 for an accuracy, 0.932–0.981 for another one."""
    return interval({"low": low, "high": high}, percentage=is_percentage(name))


def interval(score: Mapping[str, float], *, percentage: bool) -> str:
    """Write the interval of a score, its `low` and `high`: 94.1–98.2 or 0.932–0.981."""
    scale, digits = (100, 1) if percentage else (1, 3)
    return f"{score['low'] * scale:.{digits}f}–{score['high'] * scale:.{digits}f}"


def duration(seconds: float) -> str:
    """Format a duration: 0.8 s, 42 s, 3 min 10 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest}{SPACE}s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

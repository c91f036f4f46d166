"""What is written above a photo with a heat map: its true class, if it is known, and the predicted one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.score.photos import match_classes
from tasks.names import visible
from tasks.text import percent

_MOST_LETTERS = 60


def true_classes(
    photos: Sequence[tuple[str, Path]], labels: Mapping[str, str], known: Sequence[str]
) -> list[str | None]:
    """Find the true class of each photo.

    Args:
        photos: Names and paths.
        labels: Classes by name, as a CSV gives them.
        known: The model's classes.

    Returns:
        The class that the CSV gives, or that of the folder in which the photo lies, if the model knows one of that
        name; None if neither.
    """
    folders = [path.absolute().parent.name for _, path in photos]
    matched, _ = match_classes({*folders, *labels.values()}, known)
    return [
        matched.get(labels[name], labels[name]) if labels.get(name) else matched.get(folder)
        for (name, _), folder in zip(photos, folders, strict=True)
    ]


def lines(true: str | None, predicted: str, probability: float) -> list[str]:
    """Return the lines above a picture."""
    known = [] if true is None else [f"true: {_short(true)}"]
    return [*known, f"predicted: {_short(predicted)} ({percent(probability)})"]


def font_for(text: str) -> Path:
    """Return the file of a font that has the characters of a text, or as many as the fonts of this machine have."""
    from tasks.evaluate.report.fonts import font_file

    return font_file("".join(sorted(set(text))))


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= _MOST_LETTERS else f"{shown[: _MOST_LETTERS - 1]}…"

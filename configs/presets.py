"""The presets that come with fluke: YAML files beside this module, each with a comment that says what it is for."""

from itertools import takewhile
from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def purposes() -> dict[str, str]:
    """Return what each preset is for, by its name: the first clause of its file."""
    return {name: _first_clause((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in names()}


def _first_clause(text: str) -> str:
    """Return the first paragraph of the comment at the beginning, up to a semicolon or full stop."""
    lines = (line.removeprefix("#").strip() for line in text.splitlines())
    return " ".join(takewhile(bool, lines)).partition("; ")[0].partition(". ")[0].removesuffix(".")

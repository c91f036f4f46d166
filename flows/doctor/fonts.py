"""The fonts of the report's figures as PNG; in a browser, which has its own fonts, nothing is missing."""

from collections.abc import Iterator
from pathlib import Path

from flows.doctor.finding import Finding

_NEEDED = ("Hangul",)
"""The scripts that class names are known to be in, and that matplotlib's own font lacks."""


def examine(root: Path) -> Iterator[Finding]:
    """Look for a font for each script."""
    from tasks.evaluate.report.fonts import SCRIPTS, font_with

    for script in _NEEDED:
        character, package = SCRIPTS[script]
        if font := font_with(character):
            yield Finding("fonts", f"{font} has {script}")
        else:
            yield Finding(
                "fonts",
                f"none has {script}",
                f"in figures saved as PNG, class names in {script} would be boxes: install a font, such as the package "
                f"{package} of Debian and Ubuntu",
            )

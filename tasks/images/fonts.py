"""A font with Hangul that a package brings, for machines on which none is installed."""

from importlib import metadata
from pathlib import Path

_PACKAGE, _FILE = "koreanize-matplotlib", "koreanize_matplotlib/fonts/NanumGothic.ttf"
"""The package holds NanumGothic (SIL Open Font License); it is not imported."""


def packaged() -> Path | None:
    """Return the file of the font; None if the package is not installed."""
    try:
        path = Path(str(metadata.distribution(_PACKAGE).locate_file(_FILE)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None

"""What all sections of the settings have in common, and types of settings that several sections use."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, SerializationInfo

from configs.redact import strip_login

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31, description="Seed of this stage's random numbers.")]
Filters = Annotated[int, Field(ge=1, le=4096)]
"""Filters of a convolution."""
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Xla = Literal["auto", "on", "off"]


class Section(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


def _expand_home(path: Path) -> Path:
    """Replace ~ and ~user at the beginning of a path, which a shell leaves as they are behind an equals sign."""
    path = Path(strip_login(str(path)))  # a URL is no path, but the run's record has what was given
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user: a file's name begins with ~
        return path


UserPath = Annotated[Path, AfterValidator(_expand_home)]

WHOLE_PATHS = {"whole_paths": True}
"""The context of `model_dump` in cache keys and records of runs: which folder is meant counts, not how it was typed."""


def _as_text(path: Path, info: SerializationInfo) -> str:
    """Return a path as given; with `WHOLE_PATHS` the whole path, without `..`."""
    if info.context != WHOLE_PATHS:
        return str(path)
    parts = path.absolute().parts
    up = len(parts) - parts[::-1].index("..") if ".." in parts else 0
    return str(Path(*parts[:up]).resolve().joinpath(*parts[up:]) if up else Path(*parts))


SourcePath = Annotated[UserPath, PlainSerializer(_as_text, when_used="json")]
"""Where a crawl's photos are. The same folder has the same cache key, from whichever working directory it is given."""

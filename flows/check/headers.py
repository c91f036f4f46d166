"""Read the format and the size of photos from the beginnings of their files."""

from collections.abc import Iterator
from typing import NamedTuple

from configs.schema import Config
from tasks.crawl.listing.files import LocalFile, utf8_name
from tasks.crawl.losses import require_few_lost
from tasks.images import formats, photos
from tasks.store.errors import UserError
from tasks.text import first_few

_BEGINNING_BYTES = 1 << 18
"""What is read of a file at first: the header of most photos is in it."""


class Header(NamedTuple):
    """What the beginning of a file says."""

    format: str
    """Extension of its content."""
    size_px: tuple[int, int] | None
    problem: str
    """Why it can't be used, or empty."""


def read_header(file: LocalFile, *, most_px: float) -> Header:
    """Read the format and the size of a photo from the beginning of its file.

    Args:
        file: The file.
        most_px: Photos with more pixels have a problem.
    """
    try:
        data = file.read(at_most=_BEGINNING_BYTES)
        if other := formats.foreign(data):
            return Header(formats.extension(data), None, other.description)
        try:
            size = photos.size_px(data)
        except ValueError:
            size = photos.size_px(file.read())  # some formats have their header at the end
    except OSError as error:
        return Header(formats.UNKNOWN, None, f"can't be read ({error.strerror or error})")
    except ValueError as problem:
        return Header(formats.extension(data), None, f"is rejected as {str(problem)!r}")
    large = f"has more pixels than crawl.max_photo_mpx={most_px / 1e6:g} (megapixels)"
    return Header(formats.extension(data), size, large if size[0] * size[1] > most_px else "")


def header_doubts(headers: dict[str, Header], config: Config) -> list[str]:
    """Return a line for each reason for which photos can't be used.

    Args:
        headers: By path.
        config: Has the limits.
    """
    problems: dict[str, list[str]] = {}
    for path, header in headers.items():
        name = utf8_name(path)
        if header.problem:
            problems.setdefault(header.problem, []).append(name)
        least = config.filter.min_side_px
        if header.size_px and least and min(header.size_px) < least:
            problems.setdefault(f"is rejected as too small (filter.min_side_px={least})", []).append(name)
    return [
        f"{len(names):,} of {len(headers):,} photos: {first_few(names)}; each {problem}"
        for problem, names in problems.items()
    ]


def too_many_lost(headers: dict[str, Header], missing: list[str], config: Config) -> Iterator[str]:
    """Yield the message with which the crawl would stop, if so much is lost."""
    unusable = [f"{utf8_name(path)} {header.problem}" for path, header in headers.items() if header.problem]
    try:
        require_few_lost(
            [*missing, *unusable],
            len(headers) + len(missing),
            max_loss=config.crawl.max_loss,
            what="photos can't be used",
            remedy="replace or remove them",
        )
    except UserError as error:
        yield f"the crawl would stop: {error}"

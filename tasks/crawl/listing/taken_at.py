"""The time at which a photo was taken, as a CSV gives it."""

import re
from collections.abc import Sequence
from datetime import datetime

_YEAR_OR_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?", re.ASCII)
_DATE = re.compile(r"(\d{4})[-:/.](\d{1,2})(?:[-:/.](\d{1,2}))?(?!\d)", re.ASCII)
_SHORT_HOUR = re.compile(r"(?<=[ T])(?=\d:)")


def parse_taken_at(text: str) -> str | None:
    """Return a time in the form of times.parquet, as exact as it is given: `2026`, `2026-11`, `2026-11-27` or
    `2026-11-27T19:30:00`.

    Args:
        text: A year, a month, a date or a moment in ISO 8601; also as in EXIF, `2026:11:27 19:30:00`, or with slashes
            or dots, if the year is first, and without zeros, `2026/3/7 9:30`. An offset from UTC is left out: the clock
            of the place counts.

    Returns:
        None if it is no such text, such as 27/11/2026, which may be read in two ways.
    """
    text = _SHORT_HOUR.sub("0", _DATE.sub(_with_dashes, text.strip(), count=1))
    if _YEAR_OR_MONTH.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= len("2026-11-27"):
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


def malformed(path: object, name: str, found: Sequence[tuple[int, str]]) -> list[str]:
    """Return a line about the values of a column that are no times: the number of the first line, and its value."""
    if not found:
        return []
    line, text = found[0]
    return [
        f"{path}, line {line:,}: {name} is {text!r}, no time such as 2026-11-27 or 2026-11-27 19:30 ({len(found):,} "
        "such rows, whose photos count without a time); correct it, or set crawl.columns.time to another column"
    ]


def _with_dashes(found: re.Match[str]) -> str:
    year, *others = found.groups()
    return "-".join([year, *(part.zfill(2) for part in others if part)])

"""Times of photos as people write them."""

import pytest

from tasks.crawl.listing.taken_at import parse_taken_at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", "2026"),
        ("2026-11", "2026-11"),
        ("2026/3/7", "2026-03-07"),
        ("20261127", "2026-11-27"),
        (" 2026-11-27 ", "2026-11-27"),
        ("2026-11-27 9:30", "2026-11-27T09:30:00"),
        ("2026:11:27 19:30:05", "2026-11-27T19:30:05"),
        ("2026-11-27T19:30:05.250Z", "2026-11-27T19:30:05"),
        ("2026-11-27T19:30:05+09:00", "2026-11-27T19:30:05"),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert parse_taken_at(text) == expected


@pytest.mark.parametrize(
    "text",
    ["27/11/2026", "2026-13", "2026-02-30", "0000:00:00 00:00:00", "yesterday", "２０２６", "19:30", "1764271800"],
)
def test_what_is_no_time_or_could_be_two(text: str) -> None:
    assert parse_taken_at(text) is None

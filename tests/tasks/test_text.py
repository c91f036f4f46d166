import pytest

from tasks.text import duration, percent


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "100.0 %"), (0.9999, "99.9 %"), (0.9637, "96.4 %"), (0.0, "0.0 %")]
)
def test_only_a_share_of_one_is_a_hundred_percent(share: float, expected: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (59.6, "1 min 0 s"), (190, "3 min 10 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == expected

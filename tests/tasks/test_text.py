import pytest

from tasks.text import duration, interval, percent, show_controls


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "100.0 %"), (0.9999, "99.9 %"), (0.9637, "96.4 %"), (0.0, "0.0 %")]
)
def test_only_a_share_of_one_is_a_hundred_percent(share: float, expected: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == expected


def test_an_interval_has_no_unit() -> None:
    assert interval({"low": 0.9412, "high": 1.0}, percentage=True) == "94.1–100.0"
    assert interval({"low": 0.9412, "high": 0.98}, percentage=False) == "0.941–0.980"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (59.6, "1 min 0 s"), (190, "3 min 10 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J.jpg", "\\x1b[2J.jpg"),
        ("a\nb\tc\rd\0", "a\\nb\\tc\\rd\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("\u2066x\u2069 \u200b\ufeff\u2028", "\\u2066x\\u2069 \\u200b\\ufeff\\u2028"),
        ("caf\udce9", "caf\\udce9"),
        ("\x7f", "\\x7f"),
        ("96.4\N{NO-BREAK SPACE}%", "96.4 %"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, expected: str) -> None:
    assert show_controls(text) == expected


@pytest.mark.parametrize("text", ["고양이 — naïve", "👩\u200d🔬 🏳️", "می\u200cخواهم", "a\\x1b"])
def test_text_that_can_be_read_stays_as_it_is(text: str) -> None:
    assert show_controls(text) == text

import pytest

from tasks.text import change_text, duration, interval, interval_text, number_text, percent, score_text, show_controls


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "100.0 %"), (0.9999, "99.9 %"), (0.9637, "96.4 %"), (0.0, "0.0 %")]
)
def test_only_a_share_of_one_is_a_hundred_percent(share: float, expected: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == expected


def test_an_interval_has_no_unit() -> None:
    assert interval({"low": 0.9412, "high": 1.0}, percentage=True) == "94.1–100.0"
    assert interval({"low": 0.9412, "high": 0.98}, percentage=False) == "0.941–0.980"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("photos", 1234, "1,234"),
        ("accuracy on validation", 1.0, "100.0 %"),
        ("nearest photo's balanced accuracy", 0.9583, "95.8 %"),
        ("error", 0.00100145, "0.001"),
    ],
)
def test_a_number_is_written_as_its_name_says(name: str, value: float, expected: str) -> None:
    assert number_text(name, value).replace("\N{NO-BREAK SPACE}", " ") == expected


def test_scores_that_are_no_shares_have_three_decimals() -> None:
    assert score_text("macro F1", 0.95) == "0.950"
    assert score_text("balanced accuracy", 0.95) == percent(0.95)
    assert interval_text("macro F1", 0.932, 1.0) == "0.932–1.000"
    assert interval_text("accuracy", 0.9414, 1.0) == "94.1–100.0"
    assert change_text("macro F1", 0.0102) == "+0.010"
    assert change_text("macro F1", -0.0001) == "+0.000"
    assert change_text("balanced accuracy", -0.0094) == "-0.9 points"


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

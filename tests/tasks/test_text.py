from collections.abc import Mapping

import pytest

from tasks.text import counts_text, duration, percent, show_controls


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


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            {"test photos": 1234, "accuracy": 0.98712, "error": 0.00100145},
            "1,234 test photos, accuracy 0.987, error 0.001",
        ),
        (
            {"test photos": 1, "accuracy": 1.0, "accuracy from": 0.875, "accuracy to": 1.0, "macro F1": 0.95},
            "1 test photo, accuracy 1.000 (0.875 to 1.000), macro F1 0.950",
        ),
        ({"log loss": 12.3456, "error": 0.00001234}, "log loss 12.3, error 1.23e-05"),
        ({}, "nothing to do"),
    ],
)
def test_counts_stand_before_their_name_and_scores_behind_it(counts: Mapping[str, float], expected: str) -> None:
    assert counts_text(counts) == expected

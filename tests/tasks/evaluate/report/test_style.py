"""Fonts of the figures."""

import pytest
from matplotlib.font_manager import FontEntry

from tasks.evaluate.report import style


class FakeFont:
    """Has a glyph for each character if its file is the one with Hangul, or one of boxes."""

    def __init__(self, file: str) -> None:
        self.has_all = "DejaVu" not in file

    def get_char_index(self, code: int) -> int:
        return 7 if self.has_all else 0


@pytest.mark.parametrize(
    ("installed", "used"),
    [
        (["DejaVu Sans", "Last Resort High-Efficiency"], ["DejaVu Sans"]),
        (["DejaVu Sans", "Last Resort High-Efficiency", "Nanum Gothic"], ["DejaVu Sans", "Nanum Gothic"]),
        (["DejaVu Sans", "Nanum Gothic", "Noto Sans KR"], ["DejaVu Sans", "Noto Sans KR"]),
    ],
)
def test_figures_use_any_installed_font_with_hangul(
    installed: list[str], used: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = [FontEntry(fname=f"{name}.ttf", name=name) for name in installed]
    monkeypatch.setattr(style, "FT2Font", FakeFont)
    monkeypatch.setattr(style.fontManager, "ttflist", fonts)
    style._fonts.cache_clear()
    try:
        assert style._fonts() == used
    finally:
        style._fonts.cache_clear()


@pytest.mark.parametrize("weight", [400, "normal"])
def test_the_plain_face_of_a_font_is_used_whatever_the_order(
    weight: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FontEntry(fname="plain.ttf", name="DejaVu Sans", weight=weight)
    others = [
        FontEntry(fname="bold.ttf", name="DejaVu Sans", weight=700),
        FontEntry(fname="oblique.ttf", name="DejaVu Sans", style="oblique", weight=weight),
    ]
    for fonts in ([plain, *others], [*others, plain], [others[0], plain, others[1]]):
        monkeypatch.setattr(style.fontManager, "ttflist", fonts)
        assert style._files()["DejaVu Sans"] == "plain.ttf"

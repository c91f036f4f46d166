"""Fonts of the figures: any installed one is found; if none has a script, one line says what to install."""

from collections.abc import Iterator

import pytest
from matplotlib.font_manager import FontEntry

from tasks.evaluate.report import fonts


class FakeFont:
    """Has a glyph for each character if its file is not DejaVu's."""

    def __init__(self, file: str) -> None:
        self.has_all = "DejaVu" not in file

    def get_char_index(self, code: int) -> int:
        return 7 if self.has_all or code < 0x590 else 0


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fonts are only those that a test sets."""
    cached = (fonts.families, fonts.font_file, fonts._order, fonts._has, fonts._face, fonts._files)
    for each in cached:
        each.cache_clear()
    monkeypatch.setattr(fonts, "FT2Font", FakeFont)
    monkeypatch.setattr(fonts, "findSystemFonts", list)
    yield
    for each in cached:
        each.cache_clear()


def known(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    entries = [FontEntry(fname=f"{name}.ttf", name=name) for name in names]
    monkeypatch.setattr(fonts.fontManager, "ttflist", entries)


@pytest.mark.parametrize(
    ("installed", "used"),
    [
        (["DejaVu Sans", "Last Resort High-Efficiency"], ("DejaVu Sans",)),
        (["DejaVu Sans", "Last Resort High-Efficiency", "Some Gothic"], ("DejaVu Sans", "Some Gothic")),
        (["DejaVu Sans", "A Gothic", "Noto Sans KR"], ("DejaVu Sans", "Noto Sans KR")),
    ],
)
def test_figures_use_any_installed_font_with_hangul(
    installed: list[str], used: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, *installed)
    assert fonts.families() == used
    assert fonts.font_file("\ud55c").stem == used[-1]


def test_a_font_that_matplotlibs_list_does_not_know_yet_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "DejaVu Sans")
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: ["New.ttf", "damaged.ttf"])

    def add(path: str) -> None:
        if path == "damaged.ttf":
            raise RuntimeError("not a font")
        fonts.fontManager.ttflist.append(FontEntry(fname=path, name="New"))

    monkeypatch.setattr(fonts.fontManager, "addfont", add)
    assert fonts.font_with("\ud55c") == "New"


def test_one_line_says_which_font_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "DejaVu Sans")
    (line,) = fonts.advice("cat \uace0\uc591\uc774 dog")
    assert "no installed font has Hangul" in line
    assert "fonts-noto-cjk" in line
    assert list(fonts.advice("Katze caf\xe9 \u2026")) == []


def test_no_line_if_a_font_has_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "DejaVu Sans", "Some Gothic")
    assert list(fonts.advice("\uace0\uc591\uc774")) == []


@pytest.mark.parametrize("weight", [400, "normal"])
def test_the_plain_face_of_a_font_is_used_whatever_the_order(
    weight: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FontEntry(fname="plain.ttf", name="DejaVu Sans", weight=weight)
    others = [
        FontEntry(fname="bold.ttf", name="DejaVu Sans", weight=700),
        FontEntry(fname="oblique.ttf", name="DejaVu Sans", style="oblique", weight=weight),
    ]
    for entries in ([plain, *others], [*others, plain], [others[0], plain, others[1]]):
        fonts._files.cache_clear()
        monkeypatch.setattr(fonts.fontManager, "ttflist", entries)
        assert fonts._files()["DejaVu Sans"] == "plain.ttf"

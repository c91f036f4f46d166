"""Style of the report's figures: colours, fonts, names, and saving. Doesn't use pyplot's global state.

Figures are drawn in the colours of the light theme. `svg` replaces the colours with CSS variables (`--accent` ...), so
that a figure inside a page follows its light or dark theme; `png` keeps the colours, on white. Figures are as wide as
half a page or a phone, so that they can be read on both.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from unicodedata import category, east_asian_width

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

from tasks.images.fonts import packaged
from tasks.names import visible

INK, MUTED, LINE = "#1c2330", "#667084", "#d9dee6"
ACCENT, AMBER, PLUM, RUST = "#2a6f97", "#d08a2e", "#8e5a9b", "#b5492e"
ON_FILL = "#fefefe"
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    ACCENT: "accent",
    AMBER: "amber",
    PLUM: "plum",
    RUST: "rust",
    ON_FILL: "on-fill",
}
WIDTH_IN = 4.8
"""Width of a figure in inches."""
MOST_NAMES = 40
"""With more classes, a figure shows their distribution instead of their names."""
_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans KR",
    "Noto Sans",
    *(f"Noto Sans {script}" for script in ("Thai", "Devanagari", "Bengali", "Tamil", "Telugu", "Ethiopic", "Khmer")),
    "Noto Emoji",
    "Malgun Gothic",
    "Microsoft YaHei",
    "Leelawadee UI",
    "Nirmala UI",
    "Segoe UI Emoji",
    "Arial Unicode MS",
)
"""Fonts for scripts that DejaVu Sans lacks; a PNG uses the installed ones. A browser has its own fonts for an SVG."""
_FIRST_MISSING = "\u0590"
"""DejaVu Sans, which is part of matplotlib, may lack characters from here on (Hebrew is the first)."""
_HANGUL = "\ud55c"
_JOINER = "\u200d"
_PLAIN_WEIGHTS = (400, "normal", "regular", "book")

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


@cache
def _fonts() -> list[str]:
    """List DejaVu Sans, the installed fonts for other scripts, and any with Hangul if none of these has it."""
    return list(dict.fromkeys([*_listed_fonts(), *filter(None, [font_with(_HANGUL)])]))


def _listed_fonts() -> list[str]:
    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FONTS if name in installed)]


def font_with(character: str) -> str | None:
    """Return the name of an installed font that has a character, if possible one of those that figures use anyway."""
    files = _files()
    for name in dict.fromkeys([*_listed_fonts(), *sorted(files)]):
        with suppress(KeyError, OSError, RuntimeError):  # a font that was uninstalled, or is damaged
            if FT2Font(files[name]).get_char_index(ord(character)):
                return name
    return None


@cache
def font_file(characters: str) -> Path:
    """Return the file of the first font that has most of some characters; figures use the same fonts."""
    files = _files()

    def missing(name: str) -> int:
        try:
            font = FT2Font(files[name])
        except (KeyError, OSError, RuntimeError):
            return len(characters) + 1
        return sum(not font.get_char_index(ord(each)) for each in characters if each.isprintable())

    return Path(files[min(_fonts(), key=missing)])


def _files() -> dict[str, str]:
    """List the files of all fonts by name, with the font that a package brings; a plain face, if a name has one."""
    brought = packaged()
    if brought and not any(font.fname == str(brought) for font in fontManager.ttflist):
        fontManager.addfont(brought)
    # matplotlib's "Last Resort" fonts have a box for each character.
    fonts = [font for font in fontManager.ttflist if not font.name.startswith("Last Resort")]
    fonts.sort(key=lambda font: font.style == font.stretch == "normal" and font.weight in _PLAIN_WEIGHTS)
    return {font.name: font.fname for font in fonts}  # of a name's faces, the last one counts


@contextmanager
def _style() -> Iterator[None]:
    style: Any = {
        "font.family": _fonts(),
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,  # so that a class "$5 or $6" isn't a formula
        "axes.facecolor": "none",
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "figure.constrained_layout.use": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "fluke",
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+")  # missing font: boxes, only in the PNG
        yield


def styled(draw: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Decorate a function that draws or saves figures, so that it uses the style."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with _style():
            return draw(*args, **kwargs)

    return drawn


@styled
def png(figure: Figure, dpi: int = 150) -> bytes:
    """Save a figure as PNG, on white, large enough for names in any font."""
    file = BytesIO()
    options: Any = {"bbox_inches": "tight", "facecolor": "white", "metadata": {"Software": None}}
    figure.savefig(file, format="png", dpi=dpi, **options)
    return file.getvalue()


@styled
def svg(figure: Figure) -> str:
    """Save a figure as an `<svg>` element, for a page that defines the CSS variables. Repeatable to the byte."""
    file = BytesIO()
    figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    text = file.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style type=\"text/css\">.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r" font-family: [^;\"]*;", "", text)  # use the page's fonts
    text = re.sub(r'<g id="[a-zA-Z_.]+\d+">', "<g>", text)  # ids must be unique in a page
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def short_name(name: str, most: int = 22) -> str:
    """Shorten a class name for a label: one line, at most `most` columns; what can't be seen is shown (`visible`)."""
    clean = visible(name)
    widths = np.cumsum([_columns(letter) for letter in clean])
    if not clean or widths[-1] <= most:
        return clean
    return clean[: int(np.searchsorted(widths, most - 1, side="right"))].rstrip(_JOINER) + "…"


def _columns(letter: str) -> int:
    """Return the width of a character: 2 for Chinese, Korean, emoji ..., 0 for combining marks, else 1."""
    if category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def name_ticks(figure: Figure, names: Mapping[Axis, Sequence[str]]) -> None:
    """Write names at the ticks of axes, and compute the layout of the figure. Call it after all other drawing.

    For the layout, characters that DejaVu Sans lacks are replaced by Latin letters of the same width. The browser that
    shows an SVG has other fonts than this machine, where a missing character would be much wider.
    """
    for axis, texts in names.items():
        axis.set_ticklabels([_measured(text) for text in texts])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis, texts in names.items():
        position = axis.label.get_transform().transform(axis.label.get_position())
        axis.set_label_coords(*axis.axes.transAxes.inverted().transform(position))
        axis.set_ticklabels(list(texts))


def _measured(text: str) -> str:
    return "".join(letter if letter < _FIRST_MISSING else "n" * _columns(letter) for letter in text)


def single(height_in: float, width_in: float = WIDTH_IN) -> tuple[Figure, Axes]:
    """Make a figure with one pair of axes."""
    figure = Figure(figsize=(width_in, height_in))
    return figure, figure.subplots()


def title(axes: Axes, text: str, keys: Sequence[tuple[str, str]] = ()) -> None:
    """Write a title at the left, and below it a legend of (name, colour)."""
    axes.set_title(text, loc="left", fontsize=9.5, pad=20 if keys else 12)
    x = 0.0
    for name, colour in keys:
        note(axes, f"■ {name}", (0, 1), (x, 8), colour, xycoords="axes fraction")
        x += 4.8 * len(name) + 20


def note(
    axes: Axes,
    text: str,
    position: tuple[float, float],
    shift: tuple[float, float],
    colour: str = MUTED,
    *,
    ha: str = "left",
    xycoords: Any = "data",
    fontsize: float = 8,
) -> None:
    """Write text at a distance of `shift` points from a position."""
    axes.annotate(
        text,
        position,
        xytext=shift,
        textcoords="offset points",
        xycoords=xycoords,
        ha=ha,
        va="center",
        color=colour,
        fontsize=fontsize,
        annotation_clip=False,
    )

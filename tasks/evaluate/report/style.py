"""What figures are drawn on: the look, the colours, and how one is saved, without pyplot's global state.

A figure is drawn in the colours of the light theme. `svg` puts CSS variables (`--accent` ...) in their place,
so that inline in a page it follows light and dark; `png` keeps them, on white. Figures are as wide as half a
page or a phone, and can therefore be read on both.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from io import BytesIO
from typing import Any, ParamSpec, TypeVar
from unicodedata import category, east_asian_width

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

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
MOST_NAMES = 40
"""With more classes than this, a figure shows their distribution instead of each by name."""
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
"""The first that are installed draw, in a PNG, what DejaVu Sans can't; a browser has its own."""
_FIRST_ELSEWHERE = "\u0590"
"""Letters from here on (Hebrew, the first) may be lacking in DejaVu Sans; matplotlib brings it along."""
_JOINER = "\u200d"

Drawing = Figure
"""A figure, for modules that leave matplotlib to this one and to `plots`."""

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


@cache
def _fonts() -> list[str]:
    """DejaVu Sans, then what is installed for scripts that it lacks."""
    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FONTS if name in installed)]


@contextmanager
def _style() -> Iterator[None]:
    style: Any = {
        "font.family": _fonts(),
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,  # a class called "$5 or $6" is no formula
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
        warnings.filterwarnings("ignore", message=r"Glyph \d+")  # a script without a font: boxes, in the PNG only
        yield


def styled(draw: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Run a function that draws or saves in our style."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with _style():
            return draw(*args, **kwargs)

    return drawn


@styled
def png(figure: Figure, dpi: int = 150) -> bytes:
    """A figure as PNG, on white, large enough for names in whatever fonts there are."""
    file = BytesIO()
    how: Any = {"bbox_inches": "tight", "facecolor": "white", "metadata": {"Software": None}}
    figure.savefig(file, format="png", dpi=dpi, **how)
    return file.getvalue()


@styled
def svg(figure: Figure) -> str:
    """A figure as an `<svg>` element, for a page that defines the CSS variables; repeatable to the byte."""
    file = BytesIO()
    figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    text = file.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style type=\"text/css\">.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r" font-family: [^;\"]*;", "", text)  # the page's, not those that are installed here
    text = re.sub(r'<g id="[a-zA-Z_.]+\d+">', "<g>", text)  # ids that figures on one page would share
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def shown(name: str, most: int = 22) -> str:
    """A class name fit for a label: one line, nothing unprintable but joiners, not wider than so many columns."""
    clean = "".join(letter if letter.isprintable() or letter == _JOINER else " " for letter in name)
    widths = np.cumsum([_columns(letter) for letter in clean])
    if not clean or widths[-1] <= most:
        return clean
    return clean[: int(np.searchsorted(widths, most - 1, side="right"))].rstrip(_JOINER) + "…"


def _columns(letter: str) -> int:
    """How wide a letter is: 2 for Chinese, Korean, emoji ..., 0 for marks that stand on another one, else 1."""
    if category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def name_ticks(figure: Figure, names: Mapping[Axis, Sequence[str]]) -> None:
    """Write names at the ticks of axes and lay the figure out; to be called when all else is drawn.

    Room is made for what DejaVu Sans lacks as if it were Latin letters as wide: the browser that shows an SVG has
    other fonts than this machine, on which a missing one would take up far more.
    """
    for axis, texts in names.items():
        axis.set_ticklabels([_measured(text) for text in texts])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis, texts in names.items():
        place = axis.label.get_transform().transform(axis.label.get_position())
        axis.set_label_coords(*axis.axes.transAxes.inverted().transform(place))
        axis.set_ticklabels(list(texts))


def _measured(text: str) -> str:
    return "".join(letter if letter < _FIRST_ELSEWHERE else "n" * _columns(letter) for letter in text)


def single(height_in: float, width_in: float = WIDTH_IN) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = Figure(figsize=(width_in, height_in))
    return figure, figure.subplots()


def title(axes: Axes, text: str, keys: Sequence[tuple[str, str]] = ()) -> None:
    """Title at the left, and below it what the colours mean, as (name, colour), instead of a legend's box."""
    axes.set_title(text, loc="left", fontsize=9.5, pad=20 if keys else 12)
    x = 0.0
    for name, colour in keys:
        note(axes, f"■ {name}", (0, 1), (x, 8), colour, xycoords="axes fraction")
        x += 4.8 * len(name) + 20


def note(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    shift: tuple[float, float],
    colour: str = MUTED,
    *,
    ha: str = "left",
    xycoords: Any = "data",
    fontsize: float = 8,
) -> None:
    """Text beside a place, `shift` points away from it."""
    axes.annotate(
        text,
        place,
        xytext=shift,
        textcoords="offset points",
        xycoords=xycoords,
        ha=ha,
        va="center",
        color=colour,
        fontsize=fontsize,
        annotation_clip=False,
    )

"""Style of the report's figures: colours, fonts, names, and saving. Doesn't use pyplot's global state.

Figures are drawn in the colours of the light theme. `svg` replaces the colours with CSS variables (`--accent` ...), so
that a figure inside a page follows its light or dark theme; `png` keeps the colours, on white. Figures are as wide as
half a page or a phone, so that they can be read on both.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec, TypeVar
from unicodedata import category, east_asian_width

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tasks.evaluate.report.fonts import families
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
_FIRST_MISSING = "\u0590"
"""DejaVu Sans, which is part of matplotlib, may lack characters from here on (Hebrew is the first)."""
_JOINER = "\u200d"

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


@contextmanager
def _style() -> Iterator[None]:
    style: Any = {
        "font.family": list(families()),
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
    _lay_out(figure)
    file = BytesIO()
    options: Any = {"bbox_inches": "tight", "facecolor": "white", "metadata": {"Software": None}}
    figure.savefig(file, format="png", dpi=dpi, **options)
    return file.getvalue()


@styled
def svg(figure: Figure) -> str:
    """Save a figure as an `<svg>` element, for a page that defines the CSS variables. Repeatable to the byte."""
    _lay_out(figure)
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


def _lay_out(figure: Figure) -> None:
    """Compute the layout of a figure, which would otherwise be computed again each time that it is saved."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


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

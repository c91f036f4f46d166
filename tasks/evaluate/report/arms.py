"""Figures of an ablation: the differences of its arms from the first one, and scores by train photos per class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.evaluate.metrics import Estimate
from tasks.evaluate.report.style import (
    ACCENT,
    AMBER,
    INK,
    MUTED,
    PLUM,
    RUST,
    short_name,
    styled,
    title,
)

_COLOURS = (INK, ACCENT, AMBER, PLUM, RUST, MUTED)
_WIDTH_IN = 6.4
_ROW_IN = 0.34
_LONGEST_NAME = 40
POINTS = 100
"""Points of a score of 1."""


class Difference(NamedTuple):
    """An arm's difference from the first one, of scores in 0..1."""

    name: str
    difference: Estimate
    text: str
    """The same as text."""
    is_measured: bool
    """Whether it is larger than chance explains."""


class Curve(NamedTuple):
    """The scores of an arm by train photos per class."""

    name: str
    scores: Sequence[Estimate]


@styled
def figure(
    rows: Sequence[Difference], curves: Sequence[Curve], sizes: Sequence[str], heading: str, metric: str
) -> Figure:
    """Draw the difference of each arm from the first one, and below it the scores by train photos per class.

    Args:
        rows: The differences, from top to bottom.
        curves: The scores of each arm, one for each of `sizes`; none: only the differences are drawn.
        sizes: The numbers of train photos per class, as text.
        heading: What the differences are from.
        metric: The name of the score.
    """
    heights = [0.9 + _ROW_IN * len(rows), *([2.8] if curves else [])]
    drawn = Figure(figsize=(_WIDTH_IN, sum(heights)))
    first, *others = drawn.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _differences(first, rows, heading, metric)
    for axes in others:
        _curves(axes, curves, sizes, metric)
    return drawn


def _differences(axes: Axes, rows: Sequence[Difference], heading: str, metric: str) -> None:
    axes.axvline(0, color=MUTED, linewidth=0.9)
    for i, (_, found, text, is_measured) in enumerate(rows):
        value, low, high = (POINTS * each for each in (found.value, found.low, found.high))
        colour = MUTED if not is_measured else ACCENT if value > 0 else RUST
        axes.plot([low, high], [i, i], color=colour, linewidth=2.2)
        axes.plot([value], [i], "o", color=colour, markersize=6)
        axes.annotate(
            text,
            (1, i),
            xytext=(8, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=8,
            annotation_clip=False,
        )
    axes.set_yticks(range(len(rows)), [short_name(row.name, _LONGEST_NAME) for row in rows])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.set_xlabel(f"difference of {metric}, points, with 95 % interval")
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    title(axes, heading, [("better", ACCENT), ("worse", RUST), ("not measurable", MUTED)])


def _curves(axes: Axes, curves: Sequence[Curve], sizes: Sequence[str], metric: str) -> None:
    at = np.arange(len(sizes))
    apart = 0.3 / len(curves)
    for i, (name, scores) in enumerate(curves):
        x = at + (i - (len(curves) - 1) / 2) * apart
        values, lows, highs = (
            [POINTS * number for number in numbers]
            for numbers in zip(*((score.value, score.low, score.high) for score in scores), strict=True)
        )
        colour = _COLOURS[i % len(_COLOURS)]
        axes.plot(x, values, "o-", color=colour, markersize=4, label=short_name(name, _LONGEST_NAME))
        axes.vlines(x, lows, highs, color=colour, linewidth=1.2)
    axes.set_xticks(at, sizes)
    axes.set_xlim(-0.4, len(sizes) - 0.6)
    axes.set_xlabel("train photos of each class, at most")
    axes.set_ylabel(f"{metric}, %")
    axes.grid(axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=8, labelcolor=INK)
    title(axes, f"{metric[0].upper()}{metric[1:]} by train photos")

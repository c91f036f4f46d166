"""The figures of the report; `canvas` has their look."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from tasks.evaluate.report.style import (
    ACCENT,
    AMBER,
    INK,
    LINE,
    MOST_NAMES,
    MUTED,
    PLUM,
    RUST,
    WIDTH_IN,
    name_ticks,
    note,
    shown,
    single,
    styled,
    title,
)
from tasks.inference.calibration import Bins

_LONG_TAIL = 20
"""How many times more photos than the middle class the commonest has, where a common scale would show it alone."""
_SUREST = 99.999
"""Per cent that are shown at most where the scale has no 100."""
_SPLITS = {"train": ("train", ACCENT), "val": ("validation", AMBER), "test": ("test", PLUM)}

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@styled
def curves(lines: Mapping[str, Sequence[float]], heading: str, *, best: int | None = None) -> Figure:
    """One line per series over epochs 1..n, named at its end; `best` marks the kept epoch (from 0)."""
    figure, axes = single(2.6)
    ends = []
    for (name, values), colour in zip(lines.items(), (ACCENT, AMBER, PLUM), strict=False):
        epochs = np.arange(1, len(values) + 1)
        axes.plot(epochs, values, color=colour, marker="o" if len(values) < 3 else None, markersize=4)
        ends.append((values[-1], name, len(values), colour))
    last = max(end[2] for end in ends)
    margin = 0.02 * last if last > 1 else 0.5
    axes.set_xlim(1 - margin, last + margin)
    axes.margins(y=0.08)
    if best is not None:
        axes.axvline(best + 1, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        side = ("right", -4) if best + 1 > last / 2 else ("left", 4)
        place = (best + 1, 1)
        coordinates = ("data", "axes fraction")
        note(axes, f"kept: epoch {best + 1}", place, (side[1], 4), ha=side[0], xycoords=coordinates)
    heights = _apart([end[0] for end in ends], axes.get_ylim())
    for (_, name, epoch, colour), height in zip(ends, heights, strict=True):
        note(axes, shown(name), (epoch, height), (8, 0), colour, fontsize=9)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.grid(axis="y")
    title(axes, heading)
    return figure


@styled
def photos_per_class(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Figure:
    """Photos of each class: a stacked bar with a part per split; with many classes, from common to rare.

    Where the commonest of many classes has far more photos than the middle one, the scale is a logarithm's.

    counts: train, val and test -> photos of each class, in the order of `classes`.
    """
    table = np.array([counts[split] for split in _SPLITS], dtype=np.int64)
    order = np.lexsort((-table[0], -table.sum(axis=0)))
    table = table[:, order]
    colours = [colour for _, colour in _SPLITS.values()]
    if len(classes) > MOST_NAMES:
        figure, axes = single(2.8)
        axes.stackplot(np.arange(1, len(classes) + 1), table, colors=colours, linewidth=0, step="mid")
        axes.set_xlabel("classes, from the commonest to the rarest")
        axes.set_ylabel("photos")
        axes.margins(x=0.01)
        totals = table.sum(axis=0)
        if totals[0] > _LONG_TAIL * np.median(totals):
            axes.set_yscale("log")
            axes.set_ylim(bottom=0.7)
            axes.yaxis.set_major_formatter("{x:,.0f}")
            axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
    else:
        figure, axes = _bars(len(order))
        for part, left, colour in zip(table, np.cumsum(table, axis=0) - table, colours, strict=True):
            axes.barh(range(len(classes)), part, 0.68, left, color=colour, linewidth=0)
        for i, total in enumerate(table.sum(axis=0)):
            note(axes, f"{total:,}", (total, i), (5, 0))
    title(axes, "Photos per class", list(_SPLITS.values()))
    if len(classes) <= MOST_NAMES:
        name_ticks(figure, {axes.yaxis: [shown(classes[i]) for i in order]})
    return figure


@styled
def recall_per_class(recall: Floats, support: Sequence[int], classes: Sequence[str]) -> Figure:
    """Recall of each class that has test photos, the worst on top; with many classes, how many have which.

    recall: (classes,) in 0..1, NaN where a class has no test photo.
    """
    there = [i for i in np.argsort(recall, kind="stable") if not np.isnan(recall[i])]
    if len(there) > MOST_NAMES:
        figure, axes = single(2.8)
        axes.hist(recall[there] * 100, bins=list(range(0, 101, 10)), color=ACCENT, rwidth=0.9)
        axes.set_xlabel("recall, %")
        axes.set_ylabel("classes")
        axes.grid(axis="y")
        title(axes, "How many classes have which recall")
        return figure
    figure, axes = _bars(len(there))
    axes.barh(range(len(there)), 100, 0.68, color=LINE, linewidth=0, alpha=0.5)
    axes.barh(range(len(there)), recall[there] * 100, 0.68, color=ACCENT, linewidth=0)
    for place, i in enumerate(there):
        note(axes, f"{recall[i] * 100:.0f} % of {support[i]:,}", (100, place), (5, 0))
    title(axes, "Recall: test photos recognised")
    name_ticks(figure, {axes.yaxis: [shown(classes[i]) for i in there]})
    return figure


@styled
def reliability(probability: Floats, right: NDArray[np.bool_], before: Floats | None = None) -> Figure:
    """How often answers are right beside how sure they are, in bins of equally many photos (see `Bins.of`).

    probability: `(n,)` of the answers, 0..1; n is 1 or more. right: `(n,)`. before: `(n,)`, the same answers'
    probabilities before they were calibrated.

    After DeGroot and Fienberg, "The comparison and evaluation of forecasters", 1983, with a 95 % interval for each bin.
    Where most bins are 99 % sure or more, they are spread by the logarithm of what they lack of 100 %.
    """
    figure, axes = single(WIDTH_IN * 0.85)
    bins = Bins.of(probability, right)
    low, high = bins.intervals()
    faint = bins if before is None else Bins.of(before, right)
    if np.median(bins.confidence) > 0.99:
        axes.set_xscale("function", functions=(_spread, _gather))
        axes.xaxis.set_major_locator(FixedLocator([0, 50, 80, 90, 95, 98, 99, 99.9, 99.99, 99.999]))
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    sure = np.append(bins.confidence, faint.confidence) * 100
    ends = max(0, sure.min() - 5), min(_SUREST, sure.max() + 5)
    line = _gather(np.linspace(_spread(ends[0]), _spread(ends[1]), 100))
    axes.plot(line, line, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    x, y = np.minimum(bins.confidence * 100, _SUREST), bins.accuracy * 100
    if before is not None:
        place = np.minimum(faint.confidence * 100, _SUREST), faint.accuracy * 100
        axes.plot(*place, color=AMBER, alpha=0.6, linewidth=1, marker="o", markersize=3)
    axes.vlines(x, bins.confidence * 100, y, color=RUST, alpha=0.4, linewidth=5)
    axes.vlines(x, low * 100, high * 100, color=ACCENT, linewidth=0.9)
    axes.plot(x, y, color=ACCENT, linestyle="none", marker="o", markersize=4.5)
    axes.margins(x=0.03, y=0.03)
    axes.set_xlabel(f"how sure, % (photos a point: {_range(bins.photos)})")
    axes.set_ylabel("how often right, %")
    axes.grid()
    named = [("answers", ACCENT)] if before is None else [("calibrated", ACCENT), ("before", AMBER)]
    title(axes, "How sure, and how often right", [*named, ("gap", RUST)])
    return figure


def _bars(count: int) -> tuple[Figure, Axes]:
    """Axes for so many horizontal bars, the first on top."""
    figure, axes = single(0.6 + 0.24 * max(2, count))
    axes.set_yticks(range(count))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(count - 0.4, -0.6)
    axes.xaxis.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _apart(values: Sequence[float], limits: tuple[float, float]) -> list[float]:
    """Heights for labels at these values, moved until they don't overlap."""
    least = 0.09 * (limits[1] - limits[0])
    order = np.argsort(values)
    places = [float(value) for value in values]
    for below, above in pairwise(order):
        lack = least - (places[above] - places[below])
        if lack > 0:
            places[below] -= lack / 2
            places[above] += lack / 2
    return places


def _spread(percent: Any) -> Any:
    """Per cent on a scale that spreads what is near 100; see `_gather`."""
    return -np.log10(np.maximum(100 - np.asarray(percent, dtype=np.float64), 1e-9))


def _gather(place: Any) -> Any:
    """The per cent behind a place on the scale of `_spread`."""
    return 100 - 10 ** -np.asarray(place, dtype=np.float64)


def _range(numbers: Ids) -> str:
    """`40`, or `39 to 40` where they differ."""
    return " to ".join(f"{number:,}" for number in sorted({int(numbers.min()), int(numbers.max())}))

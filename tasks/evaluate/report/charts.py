"""Charts of the report: learning curves, photos and recall per class, calibration."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from tasks.evaluate.findings import Compared
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
    short_name,
    single,
    styled,
    title,
)
from tasks.inference.arrays import Floats, Ids
from tasks.inference.calibration import Bins

_LONG_TAIL = 20
"""Ratio between the most frequent and the median class above which the scale is logarithmic."""
_SPLITS = {"train": ("train", ACCENT), "val": ("validation", AMBER), "test": ("test", PLUM)}


@styled
def curves(lines: Mapping[str, Sequence[float]], heading: str, *, best: int | None = None) -> Figure:
    """Draw one line per series over epochs 1..n, with its name at the end; `best` marks the kept epoch (from 0)."""
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
        position = (best + 1, 1)
        coordinates = ("data", "axes fraction")
        note(axes, f"best epoch: {best + 1}", position, (side[1], 4), ha=side[0], xycoords=coordinates)
    heights = _apart([end[0] for end in ends], axes.get_ylim())
    for (_, name, epoch, colour), height in zip(ends, heights, strict=True):
        note(axes, short_name(name), (epoch, height), (8, 0), colour, fontsize=9)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.grid(axis="y")
    title(axes, heading)
    return figure


@styled
def photos_per_class(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Figure:
    """Draw the photos of each class and split as stacked bars, or as areas if there are many classes.

    If the most frequent of many classes has far more photos than the median class, the scale is logarithmic.

    Args:
        counts: For each of train, val and test, the photos of each class.
        classes: The names of the classes.
    """
    table = np.array([counts[split] for split in _SPLITS], dtype=np.int64)
    order = np.lexsort((-table[0], -table.sum(axis=0)))
    table = table[:, order]
    colours = [colour for _, colour in _SPLITS.values()]
    if len(classes) > MOST_NAMES:
        figure, axes = single(2.8)
        axes.stackplot(np.arange(1, len(classes) + 1), table, colors=colours, linewidth=0, step="mid")
        axes.set_xlabel("classes, from the most to the least frequent")
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
        name_ticks(figure, {axes.yaxis: [short_name(classes[i]) for i in order]})
    return figure


@styled
def recall_per_class(recall: Floats, support: Sequence[int], classes: Sequence[str]) -> Figure:
    """Draw the recall of each class with test photos, the lowest on top, or a histogram if there are many classes.

    Args:
        recall: (classes,) in 0..1; NaN for a class without test photos.
        support: Test photos of each class.
        classes: The names of the classes.
    """
    tested = [i for i in np.argsort(recall, kind="stable") if not np.isnan(recall[i])]
    if len(tested) > MOST_NAMES:
        figure, axes = single(2.8)
        axes.hist(recall[tested] * 100, bins=list(range(0, 101, 10)), color=ACCENT, rwidth=0.9)
        axes.set_xlabel("recall, %")
        axes.set_ylabel("classes")
        axes.grid(axis="y")
        title(axes, "Histogram of the recall of the classes")
        return figure
    figure, axes = _bars(len(tested))
    axes.barh(range(len(tested)), 100, 0.68, color=LINE, linewidth=0, alpha=0.5)
    axes.barh(range(len(tested)), recall[tested] * 100, 0.68, color=ACCENT, linewidth=0)
    for position, i in enumerate(tested):
        note(axes, f"{recall[i] * 100:.0f} % of {support[i]:,}", (100, position), (5, 0))
    title(axes, "Recall per class, in % of its test photos")
    name_ticks(figure, {axes.yaxis: [short_name(classes[i]) for i in tested]})
    return figure


@styled
def drift(rows: Sequence[Compared]) -> Figure:
    """Draw how much new photos deviate from those trained on in each comparison, and the limit of chance.

    Args:
        rows: The comparisons; if there are many, those that deviate most are drawn.
    """
    shown = sorted(rows, key=lambda row: -row.deviation)[:MOST_NAMES]
    figure, axes = _bars(len(shown))
    colours = [RUST if row.drifted else ACCENT for row in shown]
    axes.barh(range(len(shown)), [max(0.0, row.deviation) for row in shown], 0.68, color=colours, linewidth=0)
    limit = shown[0].limit
    axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set_xlim(0, 1.15 * max(limit, shown[0].deviation))
    note(axes, f"limit: {limit:.1f}", (limit, -0.6), (0, 3), ha="center")
    for position, row in enumerate(shown):
        note(axes, f"{row.deviation:.1f}", (max(0.0, row.deviation), position), (4, 0))
    title(axes, "New photos against those trained on, in standard deviations of chance")
    name_ticks(figure, {axes.yaxis: [short_name(row.what) for row in shown]})
    return figure


@styled
def reliability(probability: Floats, right: NDArray[np.bool_], before: Floats | None = None) -> Figure:
    """Draw a reliability diagram: accuracy over confidence, in bins of equal size (see `Bins.of`).

    After DeGroot and Fienberg, "The comparison and evaluation of forecasters", 1983, with a 95 % interval for each bin.

    Args:
        probability: (n,) of the predicted classes, 0..1; n is 1 or more.
        right: (n,) whether the predictions are correct.
        before: (n,) the probabilities before calibration; not drawn if calibration changed none.
    """
    if before is not None and np.allclose(before, probability):
        before = None
    figure, axes = single(WIDTH_IN * 0.85)
    bins = Bins.of(probability, right)
    low, high = bins.intervals()
    bins_before = bins if before is None else Bins.of(before, right)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    confidence = np.append(bins.confidence, bins_before.confidence) * 100
    ends = max(0, confidence.min() - 5), 100
    axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    x, y = bins.confidence * 100, bins.accuracy * 100
    if before is not None:
        axes.plot(
            bins_before.confidence * 100,
            bins_before.accuracy * 100,
            color=AMBER,
            alpha=0.6,
            linewidth=1,
            marker="o",
            markersize=3,
        )
    axes.vlines(x, bins.confidence * 100, y, color=RUST, alpha=0.4, linewidth=5)
    axes.vlines(x, low * 100, high * 100, color=ACCENT, linewidth=0.9)
    axes.plot(x, y, color=ACCENT, linestyle="none", marker="o", markersize=4.5)
    axes.margins(x=0.03, y=0.03)
    axes.set_xlabel(f"confidence, % (photos per point: {_range(bins.photos)})")
    axes.set_ylabel("accuracy, %")
    axes.grid()
    keys = [("predictions", ACCENT)] if before is None else [("calibrated", ACCENT), ("before calibration", AMBER)]
    title(axes, "Accuracy over confidence", [*keys, ("gap", RUST)])
    return figure


def _bars(count: int) -> tuple[Figure, Axes]:
    """Make axes for horizontal bars, the first on top."""
    figure, axes = single(0.6 + 0.24 * max(2, count))
    axes.set_yticks(range(count))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(count - 0.4, -0.6)
    axes.xaxis.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _apart(values: Sequence[float], limits: tuple[float, float]) -> list[float]:
    """Move the heights of labels apart, so that they don't overlap."""
    least = 0.09 * (limits[1] - limits[0])
    order = np.argsort(values)
    heights = [float(value) for value in values]
    for below, above in pairwise(order):
        missing = least - (heights[above] - heights[below])
        if missing > 0:
            heights[below] -= missing / 2
            heights[above] += missing / 2
    return heights


def _range(numbers: Ids) -> str:
    """Write the range of numbers: `40`, or `39 to 40`."""
    return " to ".join(f"{number:,}" for number in sorted({int(numbers.min()), int(numbers.max())}))

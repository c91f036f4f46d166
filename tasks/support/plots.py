"""The figures of the report; `canvas` has their look."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tasks.support.canvas import (
    ACCENT,
    AMBER,
    INK,
    LINE,
    MUTED,
    ON_FILL,
    PLUM,
    RUST,
    WIDTH_IN,
    note,
    shown,
    single,
    styled,
    title,
)
from tasks.support.picture_plots import reconstructions as reconstructions  # noqa: PLC0414

MOST_NAMES = 40
"""With more classes than this, a figure shows their distribution instead of each by name."""
_MOST_NUMBERS = 15
_BLOCKS = 60
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

    counts: train, val and test -> photos of each class, in the order of `classes`.
    """
    table = np.array([counts[split] for split in _SPLITS], dtype=np.int64)
    order = np.argsort(-table.sum(axis=0), kind="stable")
    table = table[:, order]
    colours = [colour for _, colour in _SPLITS.values()]
    if len(classes) > MOST_NAMES:
        figure, axes = single(2.8)
        axes.stackplot(np.arange(1, len(classes) + 1), table, colors=colours, linewidth=0, step="mid")
        axes.set_xlabel("classes, from the commonest to the rarest")
        axes.set_ylabel("photos")
        axes.margins(x=0.01)
        axes.grid(axis="y")
    else:
        figure, axes = _bars([classes[i] for i in order])
        for part, left, colour in zip(table, np.cumsum(table, axis=0) - table, colours, strict=True):
            axes.barh(range(len(classes)), part, 0.68, left, color=colour, linewidth=0)
        for i, total in enumerate(table.sum(axis=0)):
            note(axes, f"{total:,}", (total, i), (5, 0))
    title(axes, "Photos per class", list(_SPLITS.values()))
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
    figure, axes = _bars([classes[i] for i in there])
    axes.barh(range(len(there)), 100, 0.68, color=LINE, linewidth=0, alpha=0.5)
    axes.barh(range(len(there)), recall[there] * 100, 0.68, color=ACCENT, linewidth=0)
    for place, i in enumerate(there):
        note(axes, f"{recall[i] * 100:.0f} % of {support[i]:,}", (100, place), (5, 0))
    title(axes, "Recall: test photos recognised")
    return figure


@styled
def confusion(matrix: Ids, classes: Sequence[str]) -> Figure:
    """Confusion matrix (classes, classes), rows the true classes; a cell's strength is its share of the row.

    Up to 15 classes the counts are written in, up to 40 the names; more are put together in blocks of
    neighbours, without names: order them from the commonest to the rarest.
    """
    count = len(classes)
    if count > MOST_NAMES:
        return _confusion_blocks(matrix)
    side = min(WIDTH_IN + max(0, count - _MOST_NUMBERS) * 0.14, 8.2)
    figure, axes = single(side, side)
    strength = _strength(matrix)
    for i, j in zip(*np.nonzero(matrix), strict=True):
        fill = {"color": ACCENT if i == j else RUST, "alpha": strength[i, j], "linewidth": 0}
        axes.add_patch(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, **fill))
        if count <= _MOST_NUMBERS:
            ink = ON_FILL if strength[i, j] > 0.6 else INK
            size = 9 if count < 9 else 7.5
            axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", color=ink, fontsize=size)
    names = [shown(name, 16) for name in classes]
    fits = max(map(len, names)) * count <= 45
    size = 9 if count < 9 else 8 if count <= _MOST_NUMBERS else 7
    axes.set_xticks(range(count), names, rotation=0 if fits else 90, fontsize=size)
    axes.set_yticks(range(count), names, fontsize=size)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    _frame(axes, "predicted", "true")
    return figure


def _confusion_blocks(matrix: Ids) -> Figure:
    block = -(-len(matrix) // _BLOCKS)
    starts = np.arange(0, len(matrix), block)
    blocks = np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)
    image = np.empty((*blocks.shape, 4))
    image[..., :3] = to_rgb(RUST)
    image[np.eye(len(blocks), dtype=bool), :3] = to_rgb(ACCENT)
    image[..., 3] = np.where(blocks > 0, _strength(blocks), 0)
    figure, axes = single(WIDTH_IN)
    axes.imshow(image, interpolation="none", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    each = f"blocks of {block} classes" if block > 1 else "a class a row"
    _frame(axes, f"predicted: common → rare ({each})", "true: rare ← common")
    return figure


def _strength(matrix: Ids) -> Floats:
    """How strongly to fill each cell, 0.12..1: the square root of its share of the row, so that few show."""
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    strength: Floats = 0.12 + 0.88 * np.sqrt(shares)
    return strength


def _frame(axes: Axes, below: str, beside: str) -> None:
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    for spine in axes.spines.values():
        spine.set_visible(True)
    title(axes, "Test photos by true and predicted class", [("right", ACCENT), ("wrong", RUST)])


def _bars(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Axes for a horizontal bar per name, the first on top."""
    figure, axes = single(0.6 + 0.24 * max(2, len(names)))
    axes.set_yticks(range(len(names)), [shown(name) for name in names])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
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

"""Figures of what was taken for what."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tasks.evaluate.report.style import (
    ACCENT,
    INK,
    MOST_NAMES,
    ON_FILL,
    RUST,
    WIDTH_IN,
    name_ticks,
    shown,
    single,
    styled,
    title,
)

MOST_NUMBERS = 15
"""Up to so many classes, a confusion matrix has its counts written in."""
_BLOCKS = 60
_CONFUSION = "Test photos by true and predicted class"

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@styled
def confusion(matrix: Ids, classes: Sequence[str]) -> Figure:
    """Confusion matrix (classes, classes), rows the true classes; a cell's strength is its share of the row.

    Up to 15 classes the counts are written in, up to 40 the names; more are put together in blocks of
    neighbours, without names: order them from the commonest to the rarest.
    """
    if len(classes) > MOST_NAMES:
        return _confusion_blocks(matrix)
    return _confusion_cells(matrix, classes, numbers=len(classes) <= MOST_NUMBERS)


@styled
def mistaken(matrix: Ids, classes: Sequence[str]) -> Figure:
    """The part of a confusion matrix (classes, classes) with the most mistakes in it, with names and counts.

    Up to 15 classes, those next to one another that are taken for one another; the last row and column are all the
    other classes together, but for what is among themselves.
    """
    chosen = most_mistaken(matrix, MOST_NUMBERS)
    others = np.setdiff1d(np.arange(len(classes)), chosen)
    part = np.zeros((len(chosen) + 1,) * 2, dtype=np.int64)
    part[:-1, :-1] = matrix[chosen][:, chosen]
    part[:-1, -1] = matrix[chosen][:, others].sum(axis=1)
    part[-1, :-1] = matrix[:, chosen][others].sum(axis=0)
    names = [*(classes[i] for i in chosen), "all others"]
    return _confusion_cells(part, names, numbers=True, heading="The classes most often mistaken")


def most_mistaken(matrix: Ids, most: int) -> list[int]:
    """The classes that a confusion matrix (classes, classes) has the most mistakes between, `most` or fewer.

    The pair that is most often mistaken for one another, either way, comes first; then always the class or pair behind
    the next worst confusion, and of equally bad ones one with a class that is there already. In the order of the leaves
    of their average-linkage tree, such that neighbours are mistaken for one another (Bar-Joseph et al.,
    "Fast optimal leaf ordering for hierarchical clustering", 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    true, predicted = np.nonzero(matrix)
    pairs = np.sort(np.stack([true, predicted]), axis=0)[:, true != predicted]
    wrong = matrix[true, predicted][true != predicted]
    pairs, place = np.unique(pairs, axis=1, return_inverse=True)
    photos = np.bincount(place.reshape(-1), wrong, pairs.shape[1])
    chosen: list[int] = []
    while photos.size:
        there = np.isin(pairs, chosen).sum(axis=0)
        worth = np.where((there < 2) & (len(chosen) + 2 - there <= most), photos + (there == 1) / 2, 0)
        worst = int(worth.argmax())
        if not worth[worst]:
            break
        chosen += [int(i) for i in pairs[:, worst] if i not in chosen]
    if len(chosen) < 3:
        return chosen
    both = matrix[chosen][:, chosen]
    alike = (both + both.T)[np.triu_indices(len(chosen), 1)]
    return [chosen[leaf] for leaf in leaves_list(linkage(1 / (1 + alike), "average", optimal_ordering=True))]


def _confusion_cells(matrix: Ids, classes: Sequence[str], *, numbers: bool, heading: str = _CONFUSION) -> Figure:
    """A cell for each pair of classes that has a photo."""
    count = len(classes)
    side = min(WIDTH_IN + max(0, count - MOST_NUMBERS - 1) * 0.14, 8.2)
    figure, axes = single(side, side)
    strength = _strength(matrix)
    for i, j in zip(*np.nonzero(matrix), strict=True):
        fill = {"color": ACCENT if i == j else RUST, "alpha": strength[i, j], "linewidth": 0}
        axes.add_patch(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, **fill))
        if numbers:
            ink = ON_FILL if strength[i, j] > 0.6 else INK
            size = 9 if count < 9 else 7.5
            axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", color=ink, fontsize=size)
    names = [shown(name, 16) for name in classes]
    axes.set_xticks(range(count))
    axes.set_yticks(range(count))
    axes.tick_params(labelsize=9 if count < 9 else 8 if numbers else 7)
    if max(map(len, names)) * count > 45:  # held at their ends, however long they are in another font
        axes.set_xticks(range(count), [""] * count, rotation=90, rotation_mode="anchor", ha="right", va="center")
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    _frame(axes, "predicted", "true", heading)
    name_ticks(figure, {axes.xaxis: names, axes.yaxis: names})
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
    right = "right, or wrong within the block" if block > 1 else "right"
    _frame(axes, f"predicted: common → rare ({each})", "true: rare ← common", right=right)
    return figure


def _strength(matrix: Ids) -> Floats:
    """How strongly to fill each cell, 0.12..1: the square root of its share of the row, so that few show."""
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    strength: Floats = 0.12 + 0.88 * np.sqrt(shares)
    return strength


def _frame(axes: Axes, below: str, beside: str, heading: str = _CONFUSION, *, right: str = "right") -> None:
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    for spine in axes.spines.values():
        spine.set_visible(True)
    title(axes, heading, [(right, ACCENT), ("wrong", RUST)])

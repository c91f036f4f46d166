"""Draw confusion matrices."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tasks.evaluate.report.style import (
    ACCENT,
    INK,
    MOST_NAMES,
    ON_FILL,
    RUST,
    WIDTH_IN,
    name_ticks,
    short_name,
    single,
    styled,
    title,
)
from tasks.inference.arrays import Floats, Ids

MOST_NUMBERS = 15
"""With more classes, the cells of a confusion matrix contain no counts."""
_BLOCKS = 60
"""Maximum number of rows. With more classes, a row stands for several classes."""
_CONFUSION = "Test photos by true and predicted class"


@styled
def confusion_matrix(matrix: Ids, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix. The opacity of a cell shows its share of the row.

    Up to 15 classes, the cells contain counts; up to 40, rows and columns have names. More classes are drawn in blocks
    without names; sort them from the most to the least frequent.

    Args:
        matrix: (classes, classes) counts; rows are true classes.
        classes: The names of the classes.
    """
    if len(classes) > MOST_NAMES:
        return _confusion_blocks(matrix)
    return _confusion_cells(matrix, classes, numbers=len(classes) <= MOST_NUMBERS)


@styled
def most_confused(matrix: Ids, classes: Sequence[str]) -> Figure:
    """Draw the part of a confusion matrix with the most confusions, with names and counts.

    It contains up to 15 classes; classes that are confused with each other are neighbours. The last row and column are
    the sum of all other classes, without the photos where both classes are other ones.

    Args:
        matrix: (classes, classes) counts; rows are true classes.
        classes: The names of the classes.
    """
    chosen = most_confused_classes(matrix, MOST_NUMBERS)
    others = np.setdiff1d(np.arange(len(classes)), chosen)
    part = np.zeros((len(chosen) + 1,) * 2, dtype=np.int64)
    part[:-1, :-1] = matrix[chosen][:, chosen]
    part[:-1, -1] = matrix[chosen][:, others].sum(axis=1)
    part[-1, :-1] = matrix[:, chosen][others].sum(axis=0)
    names = [*(classes[i] for i in chosen), "all others"]
    return _confusion_cells(part, names, numbers=True, heading="Classes with the most confusions")


def most_confused_classes(matrix: Ids, most: int) -> list[int]:
    """Choose the classes with the most confusions between them.

    The first pair is the one that is confused most often, in both directions together. Then the classes of the next
    most frequent confusion are added, and so on; on a tie, a pair with an already chosen class comes first.

    Args:
        matrix: (classes, classes) counts; rows are true classes.
        most: Maximum number of classes.

    Returns:
        Class numbers, sorted so that classes that are confused with each other are neighbours: the leaves of their
        average-linkage tree (Bar-Joseph et al., "Fast optimal leaf ordering for hierarchical clustering", 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    true, predicted = np.nonzero(matrix)
    pairs = np.sort(np.stack([true, predicted]), axis=0)[:, true != predicted]
    wrong = matrix[true, predicted][true != predicted]
    pairs, pair = np.unique(pairs, axis=1, return_inverse=True)
    photos = np.bincount(pair.reshape(-1), wrong, pairs.shape[1])
    chosen: list[int] = []
    while photos.size:
        known = np.isin(pairs, chosen).sum(axis=0)
        priority = np.where((known < 2) & (len(chosen) + 2 - known <= most), photos + (known == 1) / 2, 0)
        worst = int(priority.argmax())
        if not priority[worst]:
            break
        chosen += [int(i) for i in pairs[:, worst] if i not in chosen]
    if len(chosen) < 3:
        return chosen
    both = matrix[chosen][:, chosen]
    confusions = (both + both.T)[np.triu_indices(len(chosen), 1)]
    return [chosen[leaf] for leaf in leaves_list(linkage(1 / (1 + confusions), "average", optimal_ordering=True))]


def _confusion_cells(matrix: Ids, classes: Sequence[str], *, numbers: bool, heading: str = _CONFUSION) -> Figure:
    """Draw a cell for each pair of classes with photos."""
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
    names = [short_name(name, 16) for name in classes]
    axes.set_xticks(range(count))
    axes.set_yticks(range(count))
    axes.tick_params(labelsize=9 if count < 9 else 8 if numbers else 7)
    if max(map(len, names)) * count > 45:  # anchored at their ends, since other fonts have other widths
        axes.set_xticks(range(count), [""] * count, rotation=90, rotation_mode="anchor", ha="right", va="center")
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    _frame(axes, "predicted", "true", heading)
    name_ticks(figure, {axes.xaxis: names, axes.yaxis: names})
    return figure


def _confusion_blocks(matrix: Ids) -> Figure:
    """Draw blocks of neighbouring classes."""
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
    each = f"blocks of {block} classes" if block > 1 else "one class per row"
    right = "correct, or confused within a block" if block > 1 else "correct"
    _frame(axes, f"predicted: frequent → rare ({each})", "true: rare ← frequent", right=right)
    return figure


def _strength(matrix: Ids) -> Floats:
    """Compute the opacity of each cell, 0.12..1, from the square root of its share of the row, to show small shares."""
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    strength: Floats = 0.12 + 0.88 * np.sqrt(shares)
    return strength


def _frame(axes: Axes, below: str, beside: str, heading: str = _CONFUSION, *, right: str = "correct") -> None:
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    for spine in axes.spines.values():
        spine.set_visible(True)
    title(axes, heading, [(right, ACCENT), ("wrong", RUST)])

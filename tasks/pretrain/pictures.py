"""A picture of what an autoencoder does: tiles, their copies beside those of simpler codes, the code, and the loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from tasks.images.photos import shrink

_MOST_PX = 160
_MOST_CHANNELS = 8
_INCHES = 1.2
_LABELS = 4
"""Of the losses beside the curves."""


def as_colours(codes: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Scale the three channels of codes `(n, h, w, 3)` to 0..255, so that they can be shown as red, green and blue."""
    low, high = np.percentile(codes, [1, 99], axis=(0, 1, 2))
    shares = (codes - low) / np.where(high > low, high - low, 1)
    return np.asarray(np.clip(255 * shares, 0, 255), np.uint8)


def draw(
    examples: Mapping[str, NDArray[Any]],
    error: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
    dead: Sequence[int],
    path: Path,
) -> None:
    """Write a PNG.

    Args:
        examples: what `tables.pretrain.RECONSTRUCTIONS` contains.
        error: what `tables.pretrain.ERROR` contains.
        history: losses by epoch; empty if the autoencoder is untrained.
        dead: numbers of the channels that are the same everywhere.
        path: the file.
    """
    codes = examples["codes"]
    rows = [
        ("tiles", examples["originals"]),
        (f"autoencoder: mean squared error {error['autoencoder']:.3g}", examples["reconstructions"]),
        (f"shrunk to as many values and enlarged: {error['resize']:.3g}", examples["resized"]),
        (f"PCA of patches, as many values: {error['pca']:.3g}", examples["pca"]),
    ]
    if codes.shape[-1] == 3:
        rows.append(("the code's channels as red, green and blue", as_colours(codes)))
    for channel in range(min(codes.shape[-1], _MOST_CHANNELS)):
        rows.append((f"channel {channel} of the code{', dead' * (channel in dead)}", codes[..., channel]))
    columns = len(examples["originals"])
    curve = 2.4 if history else 0.0
    height = len(rows) * (_INCHES + 0.25) + curve
    figure = Figure(figsize=(max(columns, 4) * _INCHES, height), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[height - curve, curve]) if history else [figure]
    for part, (name, pictures) in zip(parts[0].subfigures(len(rows), 1), rows, strict=True):
        part.suptitle(name, x=0.01, ha="left", fontsize=9)
        low, high = np.percentile(pictures, [1, 99])  # one scale for a channel of all codes
        for axes, picture in zip(part.subplots(1, columns, squeeze=False)[0], pictures, strict=True):
            axes.set_axis_off()
            small = shrink(picture, _MOST_PX)
            if small.ndim == 3:
                axes.imshow(np.broadcast_to(small, (*small.shape[:2], 3)))
            else:
                axes.imshow(small, cmap="viridis", vmin=low, vmax=max(high, low + 1e-9))
    if history:
        _draw_curves(parts[1], history)
    figure.savefig(path, dpi=100)


def _draw_curves(part: Any, history: Mapping[str, Sequence[float]]) -> None:
    axes = part.subplots()
    for name, values in (("train", history["loss"]), ("validation", history.get("val_loss", []))):
        axes.plot(np.arange(1, len(values) + 1), values, label=name, marker="o" if len(values) < 3 else None)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylabel("mean squared error")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(labelled(*axes.get_ylim())))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.legend(frameon=False)


def labelled(low: float, high: float) -> list[float]:
    """Choose values on a logarithmic axis from low to high, evenly spread, whose labels don't overlap.

    Matplotlib's own labels lie on top of each other in some ranges, and are missing in others.
    """
    even = np.geomspace(low, high, 2 * _LABELS + 1)[1::2]
    return [float(f"{value:.{2 if high > 1.5 * low else 4}g}") for value in even]

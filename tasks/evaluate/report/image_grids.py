"""Figures that are grids of images: reconstructions, feature maps, and images that maximise activations."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.evaluate.report.style import INK, MUTED, WIDTH_IN, short_name, styled
from tasks.images.photos import shrink
from tasks.networks.explain.result import LayerImages, LayerInspection

_MOST_PX = 64
"""Larger images are shrunk, to keep pages small."""
_MOST_TILES = 8
_MOST_CODE_CHANNELS = 8
_LEAST_MAP = 5
"""Feature maps with fewer rows or columns of cells are not drawn: nobody sees a pattern in them."""
_CELLS = 16
"""Only the centre of an image of a channel is shown, as large as so many cells of the layer's map. The patterns of fine
layers repeat, and can't be seen in a shrunk image."""


@styled
def reconstructions(originals: NDArray[np.uint8], copies: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Draw tiles (n, side, side, 1 or 3), uint8, above their copies by an autoencoder and by simpler codes."""
    rows = {"tiles": originals, **copies}
    return _grid("What is left of tiles", [_Row(name, tiles[:_MOST_TILES]) for name, tiles in rows.items()])


@styled
def codes(originals: NDArray[np.uint8], found: NDArray[np.float32], dead: Sequence[int]) -> Figure:
    """Draw tiles (n, side, side, 1 or 3) above the first channels of their codes (n, h, w, c), from dark to bright."""
    rows = [_Row("tiles", originals[:_MOST_TILES])]
    for channel in range(min(found.shape[-1], _MOST_CODE_CHANNELS)):
        maps = found[:_MOST_TILES, ..., channel]
        rows.append(_Row(f"channel {channel} of {found.shape[-1]}{', dead' * (channel in dead)}", maps))
    return _grid("Codes", rows)


def readable_layers(inspection: LayerInspection) -> list[LayerImages]:
    """List the layers whose feature maps are large enough to see a pattern, and not the same everywhere."""
    return [layer for layer in inspection.layers if min(layer.shape[:2]) >= _LEAST_MAP and np.ptp(layer.maps) > 0]


@styled
def activations(inspection: LayerInspection) -> Figure:
    """Draw a tile, and below it its feature maps, from the lowest (dark) to the highest activation (bright).

    Args:
        inspection: With one readable layer or more; only those are drawn.
    """
    rows = [_Row(_name(layer), layer.maps, layer.channels) for layer in readable_layers(inspection)]
    return _grid(
        "Feature maps of one photo",
        [_Row("the photo; below: feature maps, bright where the activation is high", inspection.tile[None]), *rows],
    )


@styled
def responses(inspection: LayerInspection) -> Figure:
    """Draw images that maximise the activation of channels; of fine layers, the centre of each image."""
    rows = [_responses(layer, inspection.tile.shape[0]) for layer in inspection.layers]
    return _grid("Images that maximise the activation of a channel", rows)


@styled
def groups(rows: Sequence[tuple[str, NDArray[np.uint8]]]) -> Figure:
    """Draw groups of photos, one in each row: its name, and tiles `(k, side, side, 1 or 3)` of some of its photos."""
    return _grid("Proposed groups, the most central photo first", [_Row(name, tiles) for name, tiles in rows])


class _Row(NamedTuple):
    name: str
    pictures: NDArray[Any]
    """(k, h, w) or (k, h, w, 1 or 3)."""
    channels: Sequence[int] | NDArray[np.int64] = ()
    """(k,) channel numbers."""


def _responses(layer: LayerImages, tile_px: int) -> _Row:
    height, width = layer.pictures.shape[1:3]
    cells = min(layer.shape[:2]) * height / tile_px
    share = min(1, _CELLS / cells)
    top, left = (round(side * (1 - share) / 2) for side in (height, width))
    centre = layer.pictures[:, top : height - top, left : width - left]
    name = _name(layer) if share == 1 else f"{_name(layer)}; central {centre.shape[2]} px"
    return _Row(name, centre, layer.responsive)


def _name(layer: LayerImages) -> str:
    height, width, channels = layer.shape
    return f"{short_name(layer.name, 40)}: {height} × {width}, {channels:,} channels"


def _grid(heading: str, rows: Sequence[_Row]) -> Figure:
    """Draw rows of small images, each row below its name."""
    columns = max(len(row.pictures) for row in rows)
    figure = Figure(figsize=(WIDTH_IN, (WIDTH_IN / columns + 0.3) * len(rows) + 0.3))
    figure.suptitle(heading, x=0, ha="left", fontsize=9.5, color=INK)
    figure.set_layout_engine("constrained", w_pad=0, h_pad=0.03, wspace=0.06, hspace=0.02)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        part.suptitle(row.name, x=0, ha="left", fontsize=8, color=MUTED)
        cells = part.subplots(1, columns, squeeze=False)[0]
        for axes in cells:
            axes.set_axis_off()
        for axes, picture in zip(cells, row.pictures, strict=False):
            small = shrink(picture, _MOST_PX)
            if small.ndim == 3:
                small = np.broadcast_to(small, (*small.shape[:2], 3))
            axes.imshow(small, interpolation="none", cmap="viridis")
        for axes, channel in zip(cells, row.channels, strict=False):
            axes.text(
                0.5, -0.04, f"{channel}", transform=axes.transAxes, ha="center", va="top", fontsize=6.5, color=MUTED
            )
    return figure

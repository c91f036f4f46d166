"""Write contact sheets of photos and of pairs, to check what a tool reports."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_CELL_PX = 140
_TEXT_PX = 14
_COLUMNS = 10
_ROWS = 8


def write_photos(files: Sequence[str], photos: Path, out: Path) -> None:
    """Write sheets `out 1.jpg`, `out 2.jpg` ... of 80 photos each, with their names."""
    for start in range(0, len(files), _COLUMNS * _ROWS):
        cells = [_cell(photos, file) for file in files[start : start + _COLUMNS * _ROWS]]
        _write(cells, _COLUMNS, out.with_name(f"{out.name} {start // (_COLUMNS * _ROWS) + 1}.jpg"))


def write_pairs(pairs: Sequence[Sequence[str]], photos: Path, out: Path) -> None:
    """Write one sheet with the photos of each pair side by side."""
    _write([_cell(photos, file) for pair in pairs for file in pair], _COLUMNS, out)


def _cell(photos: Path, file: str) -> NDArray[np.uint8]:
    cell = np.full((_CELL_PX + _TEXT_PX, _CELL_PX, 3), 255, np.uint8)
    image = cv2.imread(str(photos / file))
    if image is not None:
        factor = (_CELL_PX - 4) / max(image.shape)
        size = tuple(max(1, int(side * factor)) for side in image.shape[1::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        cell[2 : 2 + small.shape[0], 2 : 2 + small.shape[1]] = small
    name = file.replace("/", " ")[-26:]
    cv2.putText(cell, name, (1, _CELL_PX + _TEXT_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 0, 1, cv2.LINE_AA)
    return cell


def _write(cells: Sequence[NDArray[np.uint8]], columns: int, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    blank = np.full_like(cells[0], 255)
    filled = [*cells, *[blank] * (-len(cells) % columns)]
    rows = [np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)]
    cv2.imwrite(str(out), np.vstack(rows))

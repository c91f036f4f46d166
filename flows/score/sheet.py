"""A sheet of scored photos, each below the name of its class, as one picture, such as for a slide."""

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from flows.predict.captions import font_for
from tasks.images import photos as decoding
from tasks.images.memory import PhotoTooLargeError
from tasks.names import visible

if TYPE_CHECKING:
    import pandas as pd

PHOTOS, COLUMNS = 48, 8
"""Most photos of a sheet, and how many are in a row."""
_SIDE_PX, _LETTER_PX, _GAP_PX = 144, 16, 8
_INK, _WRONG = (28, 35, 48), (181, 73, 46)


def draw(answered: "pd.DataFrame", photos: "pd.DataFrame") -> bytes:
    """Draw the sheet: photos of all classes in turn; a wrong answer is written below its photo.

    Args:
        answered: The columns of predictions.parquet, n rows.
        photos: The same n photos, with their paths.

    Returns:
        A PNG.
    """
    paths = dict(zip(photos["photo"], photos["path"], strict=True))
    rows = choose(answered)
    height = _SIDE_PX + 2 * (_LETTER_PX + _GAP_PX) + _GAP_PX
    width = _SIDE_PX + _GAP_PX
    columns = min(COLUMNS, len(rows))
    page = Image.new("RGB", (columns * width + _GAP_PX, -(-len(rows) // columns) * height + _GAP_PX), "white")
    pen = ImageDraw.Draw(page)
    for place, row in enumerate(rows):
        left, top = _GAP_PX + place % columns * width, _GAP_PX + place // columns * height
        _write(pen, (left, top), row["label"], _INK)
        below = top + _LETTER_PX + _GAP_PX
        if (pixels := _thumbnail(Path(paths[row["photo"]]))) is not None:
            page.paste(Image.fromarray(pixels), (left, below))
            below += pixels.shape[0]
        if row["predicted"] != row["label"]:
            _write(pen, (left, below + 2), f"not {row['predicted']}", _WRONG)
    return _png(page)


def choose(answered: "pd.DataFrame") -> list[dict[str, str]]:
    """Choose the photos of the sheet: the first of each class, then the second of each, and so on."""
    by_class = [rows.to_dict("records") for _, rows in answered.groupby("label", sort=True)]
    in_turn = [row for rank in zip_longest(*by_class) for row in rank if row is not None]
    return [{key: str(row[key]) for key in ("photo", "label", "predicted")} for row in in_turn[:PHOTOS]]


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], name: str, colour: tuple[int, int, int]) -> None:
    """Write a name, as much of it as fits above a photo."""
    text = visible(name)
    font = ImageFont.truetype(str(font_for(text)), _LETTER_PX)
    while len(text) > 1 and font.getlength(text) > _SIDE_PX:
        text = f"{text.removesuffix('…')[:-1]}…"
    pen.text(place, text, fill=colour, font=font)


def _thumbnail(path: Path) -> NDArray[np.uint8] | None:
    """Return a photo as RGB pixels, its longer side 144 px; None if it has vanished or can't be read."""

    def shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        image = Image.fromarray(pixels)
        scale = _SIDE_PX / max(image.size)
        return np.asarray(image.resize([max(1, round(scale * side)) for side in image.size]), np.uint8)

    try:
        return decoding.decode_to(shrunk, path.read_bytes(), at_least_px=_SIDE_PX)
    except (OSError, ValueError, PhotoTooLargeError):
        return None


def _png(page: Image.Image) -> bytes:
    from io import BytesIO

    file = BytesIO()
    page.save(file, format="PNG", optimize=True)
    return file.getvalue()

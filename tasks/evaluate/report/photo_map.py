"""The map of the features as HTML: a dot for each photo, and its thumbnail when one points at it; without scripts."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.evaluate.report.data import EvaluationFiles
from tasks.images import thumbnails

_COLOURS = 10
"""Most classes with a colour of their own: more can't be told apart."""
_THUMBNAIL_PX, _COLUMNS = 48, 20
_QUALITY = 70


def photo_map(files: EvaluationFiles) -> dict[str, Any]:
    """Return what the template needs for the map; empty if there is none.

    The thumbnails are in one image, of which each dot shows a part: that is a third of the size of single images.
    """
    rows = files.feature_map
    if rows is None or len(rows) < 2:
        return {}
    counts = rows["label"].value_counts()
    coloured = [str(label) for label in sorted(counts.index[:_COLOURS])]
    number = {label: i for i, label in enumerate(coloured)}
    has_photos = bool(files.view_settings["gallery"])
    dots = []
    for i, row in enumerate(rows.to_dict("records")):
        dots.append(
            {
                "left": round(2 + 96 * row["x"], 1),
                "top": round(2 + 96 * row["y"], 1),
                "class": number.get(row["label"], _COLOURS),
                "is_wrong": row["label"] != row["predicted"],
                "label": row["label"],
                "predicted": row["predicted"],
                "part": " ".join(str(px) for px in (*_corner(i), _THUMBNAIL_PX, _THUMBNAIL_PX)),
            }
        )
    sheet = _sheet([files.tile(photo) for photo in rows["photo"]]) if has_photos else None
    return {
        "dots": sorted(dots, key=lambda dot: dot["is_wrong"]),  # mistakes on top
        "classes": coloured,
        "others": len(counts) - len(coloured),
        "photos": len(rows),
        "sheet": sheet and {"uri": sheet[0], "width": sheet[1], "height": sheet[2]},
    }


def _sheet(tiles: list[NDArray[np.uint8]]) -> tuple[str, int, int]:
    """Put tiles (side, side, 1 or 3) into one WebP, in rows of `_COLUMNS`: its data URI, width and height in px."""
    side, height = _THUMBNAIL_PX, -(-len(tiles) // _COLUMNS) * _THUMBNAIL_PX
    sheet = Image.new("RGB", (_COLUMNS * side, height))
    for i, tile in enumerate(tiles):
        image = Image.fromarray(tile[..., 0] if tile.shape[-1] == 1 else tile)
        small = image.resize((side, side), Image.Resampling.BOX if min(image.size) > side else Image.Resampling.BICUBIC)
        sheet.paste(small, _corner(i))
    file = BytesIO()
    sheet.save(file, format="WEBP", quality=_QUALITY, method=2)
    return thumbnails.data_uri("image/webp", file.getvalue()), sheet.width, sheet.height


def _corner(number: int) -> tuple[int, int]:
    """Return where a thumbnail lies in the sheet: px from the left and from the top."""
    return number % _COLUMNS * _THUMBNAIL_PX, number // _COLUMNS * _THUMBNAIL_PX

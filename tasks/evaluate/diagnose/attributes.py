"""What is known of each test photo besides its class: where it comes from, its size, its brightness, its time."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.diagnose.times import exif_time, months_of_year, parts_of_day, periods

if TYPE_CHECKING:
    import pandas as pd

_GREY = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue for the grey level (ITU-R BT.601)."""


def attributes_of(
    photos: Sequence[str],
    crawled: "pd.DataFrame",
    brightness: NDArray[np.floating[Any]],
    root: Path,
    times: Mapping[str, str],
) -> dict[str, NDArray[np.object_]]:
    """Describe photos: by name of the attribute, the value of each photo `(n,)`, a string or None if it isn't known.

    Args:
        photos: Digests of n photos.
        crawled: Rows of photos.parquet. Of a photo that was found several times, the first one counts.
        brightness: (n,) grey level of each photo, 0..1, see `brightness_of`.
        root: The data folder.
        times: When photos were taken, as the source says, see `tasks.evaluate.diagnose.times`. Of the others, the files
            are read for it.
    """
    rows = crawled.drop_duplicates("photo").set_index("photo").reindex(list(photos))
    sides = np.fmax(rows["width_px"].to_numpy(np.float64), rows["height_px"].to_numpy(np.float64))
    taken = [times.get(photo) or exif_time(root, file) for photo, file in zip(photos, rows["file"], strict=True)]
    return {
        "engine": _texts(rows["engine"], str),
        "keyword": _texts(rows["keyword"], str),
        "folder": _texts(rows["name"].where(rows["url"].fillna("") == ""), _folder),
        "website": _texts(rows["url"], _host),
        "longer side": quarters(sides, "{:,.0f} px"),
        "brightness": quarters(np.asarray(brightness, np.float64) * 100, "{:.0f} %"),
        "time": _objects(periods(taken)),
        "month": _objects(months_of_year(taken)),
        "time of day": _objects(parts_of_day(taken)),
    }


def brightness_of(tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the mean grey level, 0..1, of the middle of tiles `(n, side, side, 1 or 3)`, as `(n,)`.

    Only the central half of the height and of the width counts: the padding around a photo says nothing about it.
    """
    quarter = tiles.shape[1] // 4
    middle = tiles[:, quarter : tiles.shape[1] - quarter, quarter : tiles.shape[2] - quarter].mean(axis=(1, 2))
    return np.asarray((middle @ _GREY if middle.shape[1] == len(_GREY) else middle[:, 0]) / 255, np.float64)


def quarters(values: NDArray[np.float64], unit: str) -> NDArray[np.object_]:
    """Divide values `(n,)` at their quartiles, and describe the part of each: `up to 300 px`, `300 px to 640 px` ...

    Args:
        values: Numbers; NaN where they aren't known.
        unit: Format of a number with its unit.

    Returns:
        (n,) the descriptions; None where the value is NaN, or if all values are about the same.
    """
    known = ~np.isnan(values)
    described = _objects([None] * len(values))
    edges = [] if not known.any() else sorted({float(edge) for edge in np.quantile(values[known], [0.25, 0.5, 0.75])})
    edges = [edge for edge in edges if edge < values[known].max()]
    names = [unit.format(edge) for edge in edges]
    if not edges or len(set(names)) < len(names):
        return described
    texts = [f"up to {names[0]}", *(f"{a} to {b}" for a, b in pairwise(names)), f"over {names[-1]}"]
    parts = np.searchsorted(edges, values[known], side="left")
    described[known] = [texts[part] for part in parts]
    return described


def _texts(column: "pd.Series[Any]", describe: Callable[[str], str]) -> NDArray[np.object_]:
    return _objects([describe(value) or None if isinstance(value, str) else None for value in column])


def _folder(name: str) -> str:
    folder = PurePosixPath(name).parent.as_posix()
    return "" if folder == "." else folder


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _objects(values: Sequence[str | None]) -> NDArray[np.object_]:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array

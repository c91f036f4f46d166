"""The preprocess stage: every kept photo becomes a square tile."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.support import digest, photos
from tasks.support.job import Job
from tasks.support.manifest import Result
from tasks.support.pool import INDEX, Pool, index_digest
from tasks.support.stage import Stage

VERSION = 1


def make_tile(photo: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """Turn a photo `(h, w, 3)`, RGB, uint8, into a tile `(side, side, 1 or 3)`, uint8.

    It is cropped, made grey if asked, shrunk by area (enlarged by cubic interpolation) until its longer side fits, and
    padded with bars to a square: its shape is kept, nothing is stretched.
    """
    import cv2

    height, width = photo.shape[:2]
    left, top, right, bottom = config.crop
    rows = slice(int(top * height), max(int(bottom * height), int(top * height) + 1))
    columns = slice(int(left * width), max(int(right * width), int(left * width) + 1))
    photo = photo[rows, columns]
    if config.colour == "grey":
        photo = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)
    side = config.side_px
    scale = side / max(photo.shape[:2])
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    resized = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    resized = np.asarray(resized, np.uint8).reshape(size[1], size[0], -1)
    tile = np.full((side, side, resized.shape[2]), config.pad_value, np.uint8)
    y, x = (side - size[1]) // 2, (side - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = resized
    return tile


def tile_of(data: bytes, config: PreprocessConfig) -> NDArray[np.uint8]:
    """The tile `(side, side, 1 or 3)`, uint8, of an encoded photo; raises ValueError with the reason if it is none.

    A JPEG is decoded at half of its size or less as long as a tile loses nothing by it: one of 64 px needs no more than
    an eighth of a large photo's resolution; a crop needs more of it.
    """
    width, height = config.crop[2] - config.crop[0], config.crop[3] - config.crop[1]
    at_least_px = int(np.ceil(2 * config.side_px / min(width, height)))
    return make_tile(photos.decode(data, at_least_px=at_least_px), config)


def build_tiles(config: PreprocessConfig, *, kept: Path, job: Job) -> Result:
    """Write `index.parquet`: where each kept photo's tile is; only tiles that no shard holds are made."""
    import pandas as pd

    table = pd.read_parquet(kept / "kept.parquet")
    files = dict(zip(table["photo"], table["file"], strict=True))

    def compute(chunk: Sequence[str]) -> NDArray[np.uint8]:
        return np.stack([tile_of((job.root / files[photo]).read_bytes(), config) for photo in chunk])

    key = digest.of_value([VERSION, config.model_dump(mode="json")])[:24]
    pool, new = Pool.open(job.pools / key, job).fill(list(files), compute, job, label="tiles")
    index = pool.index(files, job.root)
    index.to_parquet(job.out / INDEX, index=False)
    return Result(
        {"tiles": len(index), "new": new},
        digest=index_digest(index),
        refs=pool.refs(index, job.root),
    )


STAGE = Stage("preprocess", VERSION, build=build_tiles)

"""Measure preprocess against the decoder alone: photos per second, both with two threads.

    .venv/bin/python -m benchmarks.preprocess [--photos 512] [--sides 224 896] [--colours grey rgb] [--repeats 5]

The photos are generated JPEGs of 1050x600 pixels, about 130 KB each. The stage reads them, makes tiles, and writes
shards and indexes; OpenCV only decodes them, completely, to grey or RGB pixels. Both alternate, and the ratio is the
median of the repeats (with the range): of photos per second, and of CPU time per photo. The difference is that of tiles
from photos decoded completely to RGB.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple, cast

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measure import scratch
from configs.schema import PreprocessConfig
from tasks.images import photo_files, photos
from tasks.images.tiles import make_tile, tile_of
from tasks.preprocess.stage import build_tiles
from tasks.store.context import StageContext
from tasks.tables.filter import KEPT, REMOVED

WIDTH, HEIGHT, THREADS = 1050, 600, 2
COMPARED = 50


def generate(seed: int) -> bytes:
    """Make a JPEG with coarse and fine structures."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((HEIGHT, WIDTH, 3))
    for side, strength in ((5, 60), (25, 30), (120, 20), (400, 20)):
        rough = rng.normal(0, strength, (side * HEIGHT // WIDTH + 1, side, 3)).astype(np.float32)
        pixels += cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
    return cv2.imencode(".jpg", (pixels + 120).clip(0, 255).astype(np.uint8), quality)[1].tobytes()


class Speed(NamedTuple):
    per_second: float
    """Photos in a second."""
    cpu_ms: float
    """CPU time of a photo, which other processes disturb less."""


def speed(count: int, work: Callable[[], object]) -> Speed:
    """Process so many photos, and return how fast that was."""
    began, cpu_began = time.perf_counter(), time.process_time()
    work()
    return Speed(count / (time.perf_counter() - began), (time.process_time() - cpu_began) * 1000 / count)


def ratio(values: list[float]) -> str:
    """Return the median of ratios, with their range."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def measure(root: Path, table: pd.DataFrame, config: PreprocessConfig, repeats: int) -> None:
    """Print a row of the table."""
    files = [root / file for file in table["file"]]
    flag = cv2.IMREAD_GRAYSCALE if config.colour == "grey" else cv2.IMREAD_COLOR_RGB

    def decode(path: Path) -> int:
        return np.asarray(cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flag)).size

    def prepare() -> None:
        for folder in (root / "out", root / "pools"):
            shutil.rmtree(folder, ignore_errors=True)
        (root / "out").mkdir()

    def stage() -> None:
        build_tiles(
            config,
            kept=root / "kept",
            context=StageContext(root, root / "out", root / "pools", root / "photos", executor=executor),
        )

    alone, ours = [], []
    with ThreadPoolExecutor(THREADS) as executor:
        for _ in range(repeats):
            prepare()
            alone.append(speed(len(files), lambda: list(executor.map(decode, files))))
            ours.append(speed(len(files), stage))
    apart = np.stack([_difference(path.read_bytes(), config) for path in files[:COMPARED]])
    pairs = list(zip(alone, ours, strict=True))
    print(
        f"| {config.side_px} | {config.colour} | {median([each.per_second for each in alone]):,.0f} | "
        f"{median([each.per_second for each in ours]):,.0f} | "
        f"{ratio([our.per_second / other.per_second for other, our in pairs])} | "
        f"{median([each.cpu_ms for each in alone]):.2f} | {median([each.cpu_ms for each in ours]):.2f} | "
        f"{ratio([other.cpu_ms / our.cpu_ms for other, our in pairs])} | "
        f"{apart.mean():.2f} | {np.percentile(apart, 99):.0f} | {apart.max()} |",
        flush=True,
    )


def _difference(data: bytes, config: PreprocessConfig) -> NDArray[np.int16]:
    """Return the absolute differences, in grey levels, from the tile of the photo decoded completely."""
    complete = make_tile(photos.decode(data), config)
    return np.abs(tile_of(data, config).astype(np.int16) - complete.astype(np.int16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=512)
    parser.add_argument("--sides", nargs="+", type=int, default=[224, 896])
    parser.add_argument("--colours", nargs="+", default=["grey", "rgb"])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    print(
        "| side, px | colour | OpenCV, photos/s | ours, photos/s | ratio (range) | OpenCV, CPU ms | ours, CPU ms | "
        "ratio (range) | mean | 99 % | largest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with scratch() as root:
        stored = [photo_files.put(root / "photos", generate(seed)) for seed in range(given.photos)]
        table = pd.DataFrame([(sha256, path.relative_to(root).as_posix()) for sha256, path in stored])
        table.columns = ["photo", "file"]
        (root / "kept").mkdir()
        for schema, rows in ((KEPT, table), (REMOVED, table[:0])):
            empty = {name: pd.Series([None] * len(rows)) for name in schema.names if name not in rows}
            schema.write(rows.assign(**empty)[schema.names], root / "kept")
        for side in given.sides:
            for colour in given.colours:
                config = PreprocessConfig(side_px=side, colour=cast(Literal["rgb", "grey"], colour))
                measure(root, table, config, given.repeats)


if __name__ == "__main__":
    main()

"""Measure what a night costs when few photos are new: seconds by stage of a first run, and of runs with 0, 1 and 10 %.

    python -m benchmarks.new_photos ../shared/data [--photos 2500 25000]

Every photo is a piece of a photo of cats_dogs (a cut of 55 to 75 % of the sides at a random place, often mirrored, at
the size of the whole): as heavy to decode as the whole, and no near copy of another. Default settings; each run is a
process of its own, with `--fresh crawl` as the nightly deployment has it.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import FLUKE, run_tree, scratch, server
from configs.schema import STAGE_NAMES
from flows.run_records import RunRecord, read_records

_SHARES = (0.0, 0.01, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder with cats_dogs")
    parser.add_argument("--photos", nargs="+", type=int, default=[2500, 25_000])
    asked = parser.parse_args()
    print(f"| photos | new | {' | '.join(f'{name}, s' for name in STAGE_NAMES)} | stages, s | run, s | peak, MB |")
    print("|--:|--:|" + "--:|" * (len(STAGE_NAMES) + 3))
    for count in asked.photos:
        with scratch() as home:
            pieces = _pieces(asked.source / "cats_dogs", home / "photos")
            _take(pieces, count)
            data = home / "data"
            with server(data):
                _measure(data, home, count, "all")
                for share in _SHARES:
                    _take(pieces, round(share * count))
                    _measure(data, home, count, f"{100 * share:g} %")


def _measure(data: Path, home: Path, count: int, new: str) -> None:
    """Run fluke once, and print a row of the table."""
    log = home / "run.log"
    command = [FLUKE, "run", "default", f"crawl.path={home / 'photos'}", "--fresh", "crawl"]
    cost = run_tree(command, log, environment={"FLUKE_DATA": str(data)})
    if cost.status:
        sys.exit(f"the run failed:\n{log.read_text()}")
    record: RunRecord = max(read_records(data), key=lambda each: each.order)
    seconds = {each.artifact.stage: each.seconds for each in record.stages}
    stages = " | ".join(f"{seconds[name]:.1f}" for name in STAGE_NAMES)
    total = sum(seconds.values())
    print(f"| {count:,} | {new} | {stages} | {total:.1f} | {cost.seconds:.1f} | {cost.peak_mb:,.0f} |", flush=True)


def _take(pieces: Iterator[Path], count: int) -> None:
    for _ in range(count):
        next(pieces)


def _pieces(source: Path, folder: Path) -> Iterator[Path]:
    """Write different photos one after the other, without end; yields their paths."""
    rng = np.random.default_rng(0)
    photos = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    number = 0
    while True:
        for path in photos:
            whole = np.asarray(cv2.imread(str(path)))
            height, width = whole.shape[:2]
            share = rng.uniform(0.55, 0.75)
            top, left = (rng.integers(0, size - int(share * size) + 1) for size in (height, width))
            cut = whole[top : top + int(share * height), left : left + int(share * width)]
            if rng.random() < 0.5:
                cut = cv2.flip(cut, 1)
            home = folder / path.parent.name
            home.mkdir(parents=True, exist_ok=True)
            piece = home / f"{number:06d}.jpg"
            cv2.imwrite(str(piece), cv2.resize(cut, (width, height), interpolation=cv2.INTER_CUBIC))
            number += 1
            yield piece


if __name__ == "__main__":
    main()

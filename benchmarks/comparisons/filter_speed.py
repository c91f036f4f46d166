"""Compare the speed of fluke's whole filter stage with CleanVision's default checks, on the same photos.

    .venv/bin/python benchmarks/comparisons/filter_speed.py --cleanvision VENV [--sets trashnet cats_dogs] [--photos N]
        [--long-side 0 1600] [--repeats 3] [SETTING=VALUE ...]

README.md says how to make VENV. The photos are clean (CleanVision stops at the first file that cannot be decoded).
They are used as they are (0), or enlarged to a longer side of so many pixels, as crawled photos have. Each tool has
read them once before anything is timed. Each runs in its own process, alternately. "Process" is from start to end
with imports, for fluke including the look at the folder that finds the crawl cached. "Work" is the stage alone, with
an empty pool, or find_issues with the listing of files. CleanVision uses the number of jobs that is fastest on this
machine.
"""

import argparse
import json
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.comparisons.filter_tools import fluke_command
from benchmarks.comparisons.planted_flaws import clean_photos
from benchmarks.measure import TreeCost, run_tree, scratch

_JOBS = (1, 2, 4)


@dataclass(frozen=True)
class Figures:
    """The measurements of one run of a tool."""

    cost: TreeCost
    work_s: float


def lay_out(data_set: str, out: Path, *, photos: int | None, long_side_px: int) -> int:
    """Copy photos, evenly from all classes, into a folder for each class; returns their number."""
    clean = sorted(clean_photos(data_set).items())
    chosen = clean[:: max(1, len(clean) // photos)][:photos] if photos else clean
    for file, path in chosen:
        target = out / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if long_side_px:
            image = cv2.imread(str(path))
            assert image is not None, path
            factor = long_side_px / max(image.shape)
            large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(target), large, [cv2.IMWRITE_JPEG_QUALITY, 90])
        else:
            shutil.copyfile(path, target)
    return len(chosen)


def fluke(photos: Path, home: Path, settings: Sequence[str]) -> Figures:
    """Run the filter stage with a store that contains only the crawl."""
    store = home / "store"
    _finished(fluke_command("crawl", photos, store), home)
    cost = _finished(fluke_command("filter", photos, store, str(home / "answers.json"), *settings), home)
    shutil.rmtree(store)
    return Figures(cost, json.loads((home / "answers.json").read_text())["seconds"])


def cleanvision(venv: Path, photos: Path, home: Path, jobs: int) -> Figures:
    """Run all default checks of CleanVision."""
    peers = str(Path(__file__).with_name("peers.py"))
    command = [str(venv / "bin" / "python"), peers, "cleanvision", str(photos), str(home / "answers.json"), str(jobs)]
    cost = _finished(command, home)
    return Figures(cost, json.loads((home / "answers.json").read_text())["seconds"])


def _finished(command: Sequence[str], home: Path) -> TreeCost:
    cost = run_tree(command, home / "log")
    if cost.status:
        raise SystemExit(f"{' '.join(command)} failed:\n{(home / 'log').read_text()[-2000:]}")
    return cost


def _row(name: str, runs: Sequence[Figures], photos: int) -> str:
    process, work = (
        statistics.median(times) for times in zip(*((r.cost.seconds, r.work_s) for r in runs), strict=True)
    )
    cpu = statistics.median(run.cost.cpu_s for run in runs)
    peak = max(run.cost.peak_mb for run in runs)
    spread = f"{min(run.cost.seconds for run in runs):.1f}-{max(run.cost.seconds for run in runs):.1f}"
    return f"{name} | {process:.1f} ({spread}) | {work:.1f} | {photos / work:,.0f} | {cpu:.1f} | {peak:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cleanvision", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["trashnet", "cats_dogs"])
    parser.add_argument("--photos", type=int)
    parser.add_argument("--long-side", nargs="+", type=int, default=[0, 1600])
    parser.add_argument("--repeats", type=int, default=3)
    given, settings = parser.parse_known_args()
    print("| set | photos | long side, px | tool | process, s | work, s | photos/s | CPU, s | peak memory, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for data_set in given.sets:
        for side in given.long_side:
            with scratch() as home:
                photos = home / "photos"
                count = lay_out(data_set, photos, photos=given.photos, long_side_px=side)
                tried = {jobs: cleanvision(given.cleanvision, photos, home, jobs).work_s for jobs in _JOBS}
                jobs = min(tried, key=lambda number: tried[number])
                runs: dict[str, list[Figures]] = {"fluke": [], f"CleanVision, {jobs} jobs": []}
                for _ in range(given.repeats):
                    runs["fluke"].append(fluke(photos, home, settings))
                    runs[f"CleanVision, {jobs} jobs"].append(cleanvision(given.cleanvision, photos, home, jobs))
                for name, figures in runs.items():
                    print(f"| {data_set} | {count:,} | {side or 'as is'} | {_row(name, figures, count)}", flush=True)


if __name__ == "__main__":
    main()

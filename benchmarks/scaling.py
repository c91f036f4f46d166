"""Measure Dask's workers against threads: ratios on this machine, and the curve with work that only waits.

    .venv/bin/python -m benchmarks.scaling [--photos 2500] [--side 64] [--repeats 3] [--processes 1 2 4]
        [--only stages|shards|waits]

Stages: preprocess and extract of generated JPEGs of 256 px with EfficientNet-Lite0, with two threads, and with a local
cluster of some processes with one thread each. Every variant computes all shards anew, once before the clock starts
(a worker then imports its libraries and loads the network), and then once per repeat; the variants alternate. A ratio
is the time of the threads by that of Dask, the median of the repeats with the range: above 1, Dask is faster. All
variants must give the same digests.

Shards: what the way to a worker and back costs, per shard, with a function that does nothing: the time until the result
is here, which passes while the worker computes the next shard, and the CPU of this process and the scheduler in it.

Waits: 64 shards of 8 objects, each 50 ms away, with 1, 2, 4 and 8 processes. Efficiency is the time of one worker by
the time of n workers and by n.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from benchmarks.measure import make_photos, scratch
from configs.schema import ExtractConfig, FilterConfig, PreprocessConfig, PretrainConfig, WorkersConfig
from tasks.extract import stage as extract
from tasks.images import photo_files
from tasks.preprocess import stage as preprocess
from tasks.pretrain import stage as pretrain
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.stage import Run, Stage
from tasks.store.store import Store
from tasks.store.work import Threads, Workers, workers_of
from tasks.tables.filter import KEPT, REMOVED

THREADS, PHOTO_PX = 2, 256
SHARDS, OBJECTS, LATENCY_S, WAITING = 64, 8, 0.05, (1, 2, 4, 8)
EMPTY = 500


@contextmanager
def cluster(root: Path, processes: int) -> Iterator[Workers]:
    """Start a local cluster of processes with one thread each."""
    config = WorkersConfig(kind="dask", processes=processes, threads=processes)
    with ThreadPoolExecutor(1) as threads, workers_of(config, root, threads) as workers:
        yield workers


def keep(root: Path, count: int) -> Stage:
    """Make photos, and the stage that keeps them all."""
    make_photos(root / "made", count, side_px=PHOTO_PX)
    stored = [photo_files.put(root / "photos", path.read_bytes()) for path in sorted((root / "made").rglob("*.jpg"))]
    table = pd.DataFrame(
        [(name, path.relative_to(root).as_posix()) for name, path in stored], columns=["photo", "file"]
    )

    def build(config: FilterConfig, *, context: StageContext) -> Result:
        for schema, rows in ((KEPT, table), (REMOVED, table[:0])):
            empty = {name: pd.Series([None] * len(rows)) for name in schema.names if name not in rows}
            schema.write(rows.assign(**empty)[schema.names], context.out)
        return Result({"photos": len(table)})

    return Stage("filter", 1, build=build)


def stages(root: Path, count: int, side_px: int, repeats: int, counts: Sequence[int]) -> None:
    """Print a row for each stage and number of processes."""
    seconds: dict[tuple[str, str], list[float]] = {}
    digests: dict[str, set[str]] = {"preprocess": set(), "extract": set()}
    with ExitStack() as stack, ThreadPoolExecutor(THREADS) as threads:
        variants: dict[str, Workers] = {f"{THREADS} threads": Threads(threads)}
        for processes in counts:
            variants[f"Dask, {processes}"] = stack.enter_context(cluster(root, processes))
        first = Run(Store(root), threads)
        kept = first.get_or_build(keep(root, count), FilterConfig()).artifact
        for repeat in range(1 + repeats):
            for name, workers in variants.items():
                run = Run(first.store, threads, fresh=("preprocess", "extract"), workers=workers)
                began = time.perf_counter()
                tiles = run.get_or_build(preprocess.STAGE, PreprocessConfig(side_px=side_px), kept=kept).artifact
                made = time.perf_counter()
                parents = {"kept": kept, "tiles": tiles}
                encoder = run.get_or_build(pretrain.STAGE, PretrainConfig(encoder="efficientnet_lite0"), **parents)
                loaded = time.perf_counter()
                features = run.get_or_build(extract.STAGE, ExtractConfig(), **parents, encoder=encoder.artifact)
                digests["preprocess"].add(tiles.digest)
                digests["extract"].add(features.artifact.digest)
                if repeat:
                    seconds.setdefault(("preprocess", name), []).append(made - began)
                    seconds.setdefault(("extract", name), []).append(time.perf_counter() - loaded)
    assert all(len(each) == 1 for each in digests.values()), digests
    print(f"{count:,} photos, tiles of {side_px} px; digests equal\n")
    print("| stage | workers | seconds | threads by Dask (range) |\n|---|---|---|---|")
    for (stage, name), each in seconds.items():
        base = seconds[stage, f"{THREADS} threads"]
        ratios = [one / other for one, other in zip(base, each, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"| {stage} | {name} | {statistics.median(each):.1f} | {ratio} |")


def shards(root: Path) -> None:
    """Print what a shard costs on its way."""
    with cluster(root, THREADS) as dask, ThreadPoolExecutor(THREADS) as threads:
        for name, workers in (("threads", Threads(threads)), (f"Dask, {THREADS} processes", dask)):
            list(workers.map(abs, range(10), "warm"))
            began, before = time.perf_counter(), time.process_time()
            list(workers.map(abs, range(EMPTY), "empty"))
            took, cpu = time.perf_counter() - began, time.process_time() - before
            print(f"{name}: {1000 * took / EMPTY:.2f} ms per shard, {1000 * cpu / EMPTY:.2f} ms of CPU here")


def waits(root: Path) -> None:
    """Print the curve of work that waits."""
    print("| workers | seconds | efficiency |\n|---|---|---|")
    alone = 0.0
    for count in WAITING:
        with cluster(root, count) as workers:
            list(workers.map(_fetch, [0] * 4 * count, "warm"))
            took = timed(lambda: list(workers.map(_fetch, [OBJECTS] * SHARDS, "waits")))
        alone = alone or took
        print(f"| {count} | {took:.2f} | {alone / took / count:.2f} |", flush=True)


def _fetch(objects: int) -> None:
    for _ in range(objects):
        time.sleep(LATENCY_S)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2500)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--only", choices=("stages", "shards", "waits"))
    given = parser.parse_args()
    with scratch() as root:
        if given.only in (None, "stages"):
            stages(root, given.photos, given.side, given.repeats, given.processes)
        if given.only in (None, "shards"):
            shards(root)
        if given.only in (None, "waits"):
            waits(root)


if __name__ == "__main__":
    main()

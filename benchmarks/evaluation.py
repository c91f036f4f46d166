"""Measure the time and peak memory of the evaluate stage, with 2 classes and with 5,000.

    .venv/bin/python benchmarks/evaluation.py [--sizes 2:1000 5000:20000] [--top 30] [--keep FOLDER]

The stage itself runs, in its own process, on generated artifacts: classes of uneven size (of 5,000 classes with
20,000 photos, the largest has 3 % of them and half have one or two, as in the whale challenge); every tenth photo is
a near duplicate; tiles of 64 px whose blocks of 8 px encode the photo's position in 192 dimensions; no encoder; and a
classifier that reads this position. Groups of five classes are close together and are often confused. The last table
lists the time spent in each of fluke's functions, including the functions it calls, and the peak memory of the process
during that time, sampled every 20 ms.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measure import run, scratch
from configs.schema import Config, EvaluateConfig, StageName
from tasks import tables
from tasks.filter.splits import assign
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import Shard, ShardPool, index_digest
from tasks.store.store import Store
from tasks.store.table import Table

if TYPE_CHECKING:
    import keras

_SIDE_PX, _BLOCK_PX = 64, 8
_DIMENSIONS = (_SIDE_PX // _BLOCK_PX) ** 2 * 3
_FAMILY = 5
_SPREAD = 4.0
"""Standard deviation of a class's photos in each dimension; its centre differs by 0.5 from that of its family."""
_GREY, _STEP = 128, 12
_SHARD_PHOTOS = 256
_REJECTED = 400


def class_sizes(classes: int, photos: int) -> NDArray[np.int64]:
    """Return the number of photos of each class by Zipf's law, the largest first; each class has at least one."""
    shares = np.cumsum(np.arange(1, classes + 1) ** -0.8)
    others = np.rint(shares / shares[-1] * (photos - classes))
    sizes: NDArray[np.int64] = 1 + np.diff(others, prepend=0).astype(np.int64)
    return sizes


def lay_out(root: Path, classes: int, photos: int) -> dict[str, Artifact]:
    """Publish the artifacts that the stage reads in a data folder; returns them by the names of its parameters."""
    random, store = np.random.default_rng(0), Store(root)
    names = np.array([f"whale {number:04d}" for number in range(classes)])
    truth = np.repeat(np.arange(classes), class_sizes(classes, photos))
    alone = random.random(photos) < 0.9
    alone[np.flatnonzero(np.diff(truth, prepend=-1))] = True
    group = np.cumsum(alone)  # a photo that isn't alone is a near duplicate of the one before
    family = np.repeat(random.normal(0, 1, (-(-classes // _FAMILY), _DIMENSIONS)), _FAMILY, axis=0)[:classes]
    centres = family + random.normal(0, 0.5, family.shape)
    shas = [hashing.of_bytes(str(number).encode()) for number in range(photos)]
    splits = assign(names[truth].tolist(), group.tolist(), shas, {}, val_fraction=0.15, test_fraction=0.2, seed=0)
    files = [f"photos/{sha[:2]}/{sha}.jpg" for sha in shas]
    kept = pd.DataFrame(
        {"photo": shas, "file": files, "label": names[truth], "name": [f"{sha[:8]}.jpg" for sha in shas]}
        | {"group": [shas[number] for number in group - 1], "split": [splits[number] for number in group]}
    )
    parents: dict[str, Artifact] = {}

    def publish(name: str, stage: StageName, build: Callable[[Path], Result]) -> None:
        config = getattr(Config(), stage).model_dump(mode="json")
        cache_key = CacheKey(stage=stage, version=1, config=config, parents=dict(parents))
        parents[name] = store.publish(cache_key, "made up", build)

    def crawl(out: Path) -> Result:
        crawled = pd.concat([kept, _rejected(kept, root)])[["photo", "file", "label", "name"]]
        about: dict[str, Any] = {"url": "", "engine": "folder", "keyword": "", "rank": 0, "licence": "", "bytes": 1}
        _write(tables.crawl.PHOTOS, crawled.assign(**about), out)
        return Result({"photos": len(crawled), "classes": classes})

    def sort_out(out: Path) -> Result:
        tables.filter.KEPT.write(kept, out)
        _write(tables.filter.REJECTED, _rejected(kept, root), out)
        tables.filter.REMOVED.write_rows([], out)
        tables.filter.REVIEW.write_rows([], out)
        return Result({"kept": photos, "rejected": _REJECTED})

    def preprocess(out: Path) -> Result:
        home, shards = store.pools("preprocess") / "pool", []
        for start in range(0, photos, _SHARD_PHOTOS):
            part = slice(start, start + _SHARD_PHOTOS)
            positions = centres[truth[part]] + random.normal(0, _SPREAD, (len(truth[part]), _DIMENSIONS))
            shards.append(Shard.write(home, shas[part], _tiles(positions, random)))
        index = ShardPool(home, tuple(shards)).index(shas, root)
        tables.shared.INDEX.write(index, out)
        tables.shared.REMOVED_INDEX.write(index.iloc[:0], out)
        return Result({"tiles": photos}, digest=index_digest(index))

    def train(out: Path) -> Result:
        _classifier(centres).save(tables.train.CLASSIFIER.path(out))
        tables.train.LABELS.path(out).write_text(json.dumps(names.tolist()))
        lines = {name: np.linspace(3, 1, 50).tolist() for name in ("loss", "val_loss", "accuracy", "val_accuracy")}
        tables.shared.HISTORY.path(out).write_text(json.dumps(lines))
        _describe_training(out, kept, classes)
        return Result({"classes": classes})

    publish("photos", "crawl", crawl)
    publish("kept", "filter", sort_out)
    publish("tiles", "preprocess", preprocess)
    publish("encoder", "pretrain", _no_encoder)
    publish("features", "extract", _no_features)
    publish("classifier", "train", train)
    return parents


def _write(table: Table, frame: pd.DataFrame, out: Path) -> None:
    """Write a table; columns that the frame lacks have no value, or an empty one where there must be a value."""
    empty: dict[str, Any] = {"int64": 0, "float64": 0.0, "timestamp[s, UTC]": pd.Timestamp(0, tz="UTC")}
    blank = {each.name: None if each.nullable else empty.get(each.dtype, "") for each in table.columns}
    known = frame.astype(object).where(frame.notna(), None).to_dict("records")
    table.write_rows(({name: row.get(name, blank[name]) for name in table.names} for row in known), out)


def _no_encoder(out: Path) -> Result:
    write_json(tables.pretrain.ENCODER_INFO.path(out), {"kind": "none", "name": "none"})
    return Result({})


def _no_features(out: Path) -> Result:
    for table in (tables.shared.INDEX, tables.shared.REMOVED_INDEX, tables.extract.COPIES_INDEX):
        table.write_rows([], out)
    return Result({})


def _describe_training(out: Path, kept: pd.DataFrame, classes: int) -> None:
    """Write what the stage reads of a training besides the classifier."""
    chosen = {"metric": "accuracy", "chosen": "network", "recipe": "network", "infer_from": "network"}
    write_json(tables.train.RECIPE.path(out), chosen | {"frozen": False, "refitted": False, "candidates": []})
    nothing = np.empty((0, classes), np.float32)
    np.savez(tables.train.VALIDATION.path(out), allow_pickle=False, photos=np.empty(0, np.str_), logits=nothing)
    tables.train.TRAINED_ON.write(kept.loc[kept["split"] == "train", ["photo"]], out)
    tables.train.LABEL_ISSUES.write_rows([], out)


def _tiles(positions: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.uint8]:
    """Make tiles `(n, side, side, 3)` whose blocks encode positions `(n, dimensions)` as colours, with some noise."""
    blocks = (positions * _STEP + _GREY).reshape(len(positions), _SIDE_PX // _BLOCK_PX, -1, 3)
    grown = blocks.repeat(_BLOCK_PX, axis=1).repeat(_BLOCK_PX, axis=2)
    return np.clip(grown + random.normal(0, 8, grown.shape), 0, 255).astype(np.uint8)


def _classifier(centres: NDArray[np.float64]) -> "keras.Model":
    """Make a network that predicts the class with the nearest centre, with logits twice as large as calibrated ones."""
    import keras

    layers = keras.layers
    tile = keras.Input((_SIDE_PX, _SIDE_PX, 3), dtype="uint8", name="tiles")
    x = layers.Rescaling(1 / _STEP, -_GREY / _STEP, name="scaled")(tile)
    x = layers.Identity(name="features")(layers.AveragePooling2D(_BLOCK_PX)(x))
    x = layers.Flatten(name="pooled")(x)
    dense = layers.Dense(len(centres), name="logits")
    model = keras.Model(tile, dense(x), name="classifier")
    scale = 2 / _SPREAD**2
    dense.set_weights([scale * centres.T, -scale * (centres**2).sum(axis=1) / 2])
    return model


def _rejected(kept: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Make rejected photos, and write image files of 640 px for them and for the photos that they duplicate."""
    reasons = ("near duplicate", "too small", "blurred", "unreadable")
    rows = kept.iloc[:: max(1, len(kept) // _REJECTED)].head(_REJECTED).reset_index(drop=True)
    shas = [hashing.of_bytes(f"rejected {number}".encode()) for number in rows.index]
    files = [f"photos/{sha[:2]}/{sha}.jpg" for sha in shas]
    random = np.random.default_rng(1)
    for file in (*files, *rows["file"]):
        if not (root / file).exists():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            rough = random.integers(0, 255, (12, 16, 3), np.uint8)
            cv2.imwrite(str(root / file), cv2.resize(rough, (640, 480), interpolation=cv2.INTER_CUBIC))
    reason = [reasons[number % len(reasons)] for number in rows.index]
    twin = rows["photo"].where(pd.Series(reason) == "near duplicate", None)
    found = pd.DataFrame({"photo": shas, "file": files, "label": rows["label"], "name": rows["name"]})
    return found.assign(reason=reason, score=4.0, twin=twin)


@dataclass
class Watch:
    """A sampling profiler: records at intervals which functions the main thread is in, and the memory in use."""

    every_s: float = 0.02
    seconds: dict[str, float] = field(default_factory=dict)
    """Time in each function of fluke, including the functions that it calls."""
    peak_mb: dict[str, float] = field(default_factory=dict)

    def over(self, work: Callable[[], object]) -> None:
        """Run a function in this thread while another thread takes the samples."""
        done, frames = Event(), sys._current_frames
        worker = next(iter(frames()))  # the only thread so far

        def look() -> None:
            last = time.monotonic()
            while not done.wait(self.every_s):
                now, memory = time.monotonic(), _resident_mb()
                for function in set(_inside(frames().get(worker))):
                    self.seconds[function] = self.seconds.get(function, 0) + now - last
                    self.peak_mb[function] = max(self.peak_mb.get(function, 0), memory)
                last = now

        thread = Thread(target=look, daemon=True)
        thread.start()
        work()
        done.set()
        thread.join()


def _inside(frame: FrameType | None) -> Iterator[str]:
    while frame:
        path = Path(frame.f_code.co_filename)
        if "tasks" in path.parts and not frame.f_code.co_name.startswith("<"):
            yield f"{path.stem}.{frame.f_code.co_qualname}"
        frame = frame.f_back


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def evaluate(root: Path) -> None:
    """Run the stage on the artifacts of `lay_out`, and write the profile to costs.json."""
    from tasks.evaluate.stage import STAGE
    from tasks.store.stage import Run

    found = json.loads((root / "parents.json").read_text())
    parents = {name: Artifact(**fields) for name, fields in found.items()}
    watch, store = Watch(), Store(root)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        watch.over(lambda: Run(store, pool).get_or_build(STAGE, EvaluateConfig(), **parents))
    costs = {name: (seconds, watch.peak_mb[name]) for name, seconds in watch.seconds.items()}
    (root / "costs.json").write_text(json.dumps(costs))


def measured(classes: int, photos: int, top: int, keep: Path | None) -> str:
    """Run the stage on so many classes and photos, and describe what it cost in Markdown."""
    with scratch() as root:
        parents = lay_out(root, classes, photos)
        (root / "parents.json").write_text(json.dumps({name: vars(parent) for name, parent in parents.items()}))
        cost = run([sys.executable, __file__, "--run", str(root)], root)
        manifest = Store(root).manifests("evaluate")[0]
        if keep:
            shutil.copytree(Store(root).folder(manifest.artifact), keep / f"{classes}-classes")
        costs: dict[str, tuple[float, float]] = json.loads((root / "costs.json").read_text())
    counts = manifest.counts
    lines = [
        f"{classes:,} classes, {photos:,} photos, {counts['test photos']:,} of them tested, accuracy "
        f"{counts['accuracy']:.3f}: the stage takes {manifest.seconds:.1f} s, the process {cost.seconds:.1f} s and "
        f"{cost.peak_mb:,.0f} MB",
        "",
        "| file | MB |\n|---|---|",
    ]
    largest = sorted(manifest.files.items(), key=lambda file: -file[1].bytes)
    lines += [f"| {name} | {record.bytes / 1e6:.2f} |" for name, record in largest]
    lines += ["", "| function | s | peak memory, MB |\n|---|---|---|"]
    slowest = sorted(costs.items(), key=lambda cost: -cost[1][0])[:top]
    lines += [f"| {name} | {seconds:.2f} | {peak_mb:,.0f} |" for name, (seconds, peak_mb) in slowest]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["2:1000", "5000:20000"], help="classes:photos")
    parser.add_argument("--top", type=int, default=30, help="functions in the last table")
    parser.add_argument("--keep", type=Path, help="copy what the stage wrote into this folder")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)  # the stage, in a process of its own
    asked = parser.parse_args()
    if asked.run:
        evaluate(asked.run)
        return
    for size in asked.sizes:
        classes, photos = map(int, size.split(":"))
        print(f"\n{measured(classes, photos, asked.top, asked.keep)}", flush=True)


if __name__ == "__main__":
    main()

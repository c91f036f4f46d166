"""A run of many generated photos for a review: crawled and filtered by fluke; answers and features are invented."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from configs.load import load
from flows.run_records import RunRecord
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.filter import stage as filter
from tasks.store import counter
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store

_CLASSES = tuple(f"{name} {number:02}" for name in ("고양이", "강아지", "새", "dog") for number in range(1, 11))
_SIDES_PX = 160, 120
_FEATURES = 1280
_RIGHT = 0.8


def write_photos(folder: Path, count: int) -> None:
    """Write generated JPEG files of 160 x 120 px, in 40 classes; half of the names are Korean."""
    for number in range(count):
        path = folder / _CLASSES[number % len(_CLASSES)] / f"photo {number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        chance = np.random.default_rng(number)
        rough = chance.integers(0, 255, (6, 8, 3), np.uint8)
        photo = cv2.resize(rough, _SIDES_PX, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        photo += chance.integers(-20, 20, photo.shape, np.int16)
        path.write_bytes(cv2.imencode(".jpg", photo.clip(0, 255).astype(np.uint8))[1].tobytes())


def make(data: Path, photos: Path) -> None:
    """Crawl and filter a folder of photos, and add a run of an invented model."""
    config = load("default", [f"crawl.path={photos}"])
    store = Store(data)
    with ThreadPoolExecutor() as executor:
        run = Run(store, executor)
        crawled = run.get_or_build(crawl.STAGE, config.crawl).artifact
        filtered = run.get_or_build(filter.STAGE, config.filter, photos=crawled).artifact
    number = counter.next_number(data)
    record = RunRecord.start("default", "evaluate", config, number=number)
    record.add(_outcome(store, filtered), 1.0)
    key = CacheKey(stage="evaluate", version=1, config={}, external_inputs={"run": number})
    kept = tables.filter.KEPT.read(store.folder(filtered))
    record.add(_outcome(store, store.publish(key, "", lambda out: _evaluate(kept, out))), 1.0)
    record.end("done")
    record.save(data)


def _outcome(store: Store, artifact: Artifact) -> Outcome:
    return Outcome(artifact, cached=False, why="", manifest=store.manifest(artifact))


def _evaluate(kept: pd.DataFrame, out: Path) -> Result:
    """Write answers to the photos of validation and test, most of them right, and features of all kept photos."""
    chance = np.random.default_rng(0)
    asked = kept.loc[kept["split"] != "train", ["photo", "label", "split"]].reset_index(drop=True)
    is_right = chance.random(len(asked)) < _RIGHT
    answers = asked.assign(
        predicted=np.where(is_right, asked["label"], chance.choice(_CLASSES, len(asked))),
        probability=chance.beta(5, 1, len(asked)),
    )
    answers.to_parquet(tables.evaluate.PREDICTIONS.path(out), index=False)
    features = chance.standard_normal((len(kept), _FEATURES), np.float32)
    np.save(tables.evaluate.FEATURES.path(out), features)
    return Result({"kept": len(kept)})

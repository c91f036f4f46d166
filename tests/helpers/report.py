"""Files of an evaluation that were made without a classifier, for tests of the report."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.explanations import Explanations, Neighbour
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.summary import summarize
from tasks.evaluate.verdicts import set_verdicts
from tasks.evaluate.view_record import ViewRecord
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.predictions import table
from tasks.store.atomic import write_json
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import Shard, ShardPool
from tasks.store.store import Store
from tests.helpers import stored_tables

HOSTILE = '<script>alert("x")</script>'
NAMES = [HOSTILE, '"><img src=http://evil.example/a.png onerror=alert(1)>', "강아지 | `code` **b** {{ 7*7 }}"]
CONFIG = EvaluateConfig(bootstrap=100, gallery=5)


def png(value: int, size: tuple[int, int] = (30, 20)) -> bytes:
    """Encode a PNG of one colour."""
    file = BytesIO()
    Image.new("RGB", size, (value, 0, 0)).save(file, format="PNG")
    return file.getvalue()


def publish(store: Store, stage: str, build: Callable[[Path], None], **cache_key: Any) -> Artifact:
    def publish_files(out: Path) -> Result:
        build(out)
        return Result({"photos": 1})

    return store.publish(
        CacheKey(**({"stage": stage, "version": 1, "config": {}} | cache_key)), "source", publish_files
    )


def report_files(root: Path, names: list[str] = NAMES, wrong: int = 2, channels: int = 3) -> EvaluationFiles:
    """Publish an evaluation of ten photos of each class; `wrong` of the first class are predicted as the second."""
    rows = [
        {
            "photo": f"{i:02d}{j:02d}",
            "file": f"photos/{i}{j}.png",
            "label": label,
            "name": f"{label}/{j}",
            "split": "test",
        }
        for i, label in enumerate(names)
        for j in range(10)
    ]
    kept = pd.DataFrame(rows)
    truth = np.repeat(np.arange(len(names)), 10)
    probabilities = np.full((len(rows), len(names)), 0.1 / (len(names) - 1))
    probabilities[np.arange(len(rows)), truth] = 0.9
    probabilities[:wrong] = np.roll(probabilities[:wrong], 1, axis=1)
    answers = ScoredPredictions.of(truth, probabilities)
    counts = {split: np.bincount(truth) for split in ("train", "val", "test")}
    others = {
        "commonest": ScoredPredictions.majority_class(truth, counts["train"]),
        "nearest": ScoredPredictions.of(truth, np.roll(probabilities, 1, axis=1)),
    }
    tiles = np.arange(len(rows), dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8, channels), np.uint8)
    shard = Shard.write(root / "pool", list(kept["photo"]), tiles)
    index = ShardPool(root / "pool", (shard,)).index(kept["photo"], root)
    reasons = [("too small", 12.0, None), ("unreadable", 0.0, None), ("near duplicate", 4.0, "0000")]
    rejected = pd.DataFrame(
        [
            {"photo": f"r{k}", "file": f"photos/r{k}.png", "label": HOSTILE, "name": f"{HOSTILE}.png"}
            | {"reason": reason, "score": score, "twin": twin}
            for k, (reason, score, twin) in enumerate(reasons)
        ]
    )
    photos_home = root / "photos"
    photos_home.mkdir(parents=True, exist_ok=True)
    (photos_home / "r0.png").write_bytes(png(90))
    (photos_home / "r1.png").write_bytes(b"not an image")
    (photos_home / "r2.png").write_bytes(png(91))
    (photos_home / "00.png").write_bytes(png(92))
    crawled = pd.concat([kept, rejected]).assign(engine="duck", keyword=HOSTILE)
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5], "accuracy": [0.1, 0.2]}
    measured = summarize(answers, others, counts, names, CONFIG, groups=np.arange(len(rows)))
    set_verdicts(measured)

    def write_kept(out: Path) -> None:
        stored_tables.write(tables.filter.KEPT, kept, out)
        stored_tables.write(tables.filter.REJECTED, rejected, out)

    def write_evaluation(out: Path) -> None:
        write_json(
            tables.evaluate.METRICS.path(out), measured | {"val": {}, "nearest_by": "pixels", "commonest": names}
        )
        stored_tables.write(tables.evaluate.PREDICTIONS, table(kept, answers, probabilities, names, 3), out)
        np.savez(tables.evaluate.ANSWERS.path(out), truth=truth)

    store = Store(root)
    config = {"keywords": {HOSTILE: [HOSTILE]}}
    parents = {
        "photos": publish(
            store, "crawl", lambda out: stored_tables.write(tables.crawl.PHOTOS, crawled, out), config=config
        ),
        "kept": publish(store, "filter", write_kept),
        "tiles": publish(store, "preprocess", lambda out: stored_tables.write(tables.shared.INDEX, index, out)),
        "encoder": publish(
            store, "pretrain", lambda out: write_json(tables.pretrain.ENCODER_INFO.path(out), {"kind": "none"})
        ),
        "classifier": publish(store, "train", lambda out: write_json(tables.shared.HISTORY.path(out), history)),
    }
    evaluation = publish(store, "evaluate", write_evaluation, parents=parents, config={"bootstrap": 100})
    folder = store.folder(evaluation)
    Explanations(
        heat_maps={photo: np.eye(4, dtype=np.float32) for photo in kept["photo"][:9]},
        neighbours={photo: [Neighbour(kept["photo"].iloc[-1], names[-1], 0.87)] for photo in kept["photo"][:wrong]},
        layers=None,
    ).write(folder)
    ViewRecord.of(folder, [], {"gallery": 5, "layer_images": 0, "seed": 0}).write(
        tables.evaluate.EXPLAINED.path(folder)
    )
    return EvaluationFiles(folder, root)

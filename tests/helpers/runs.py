"""Runs of a small pipeline that are made in a moment, and files of a given age."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from configs.schema import Config
from flows.maintenance.prune import (
    Unneeded,
    delete,
    delete_item,
    find_unneeded,
)
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store import counter
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import ShardPool
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tests.helpers import stored_tables

DAY_S = 86400
STAGES = ("preprocess", "train", "evaluate")


class Runs:
    """Runs of three stages, each with a shard, a classifier and an evaluation of its own."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.count = 0

    def run(
        self,
        state: str = "done",
        preset: str = "demo",
        *,
        until: str = "evaluate",
        preset_file: str = "",
        previous: list[Artifact] | None = None,
        previous_key: str = "",
        days_ahead: int = 0,
        name: str | None = None,
    ) -> list[Artifact]:
        """Add a run; a run that isn't done stops before the last stage. Returns its artifacts."""
        self.count += 1
        record = RunRecord.start(
            preset,
            until,  # type: ignore[arg-type]
            Config(name=name),
            number=counter.next_number(self.store.root),
            preset_file=preset_file,
        )
        record.id = f"{self.count:03d}"
        record.started_at += timedelta(days=days_ahead)
        made = [self._tiles()]
        made.append(self._publish("train", {"tiles": made[0]}))
        if state == "done" and until == "evaluate":
            key = previous[-1].key if previous else previous_key
            measured = {"champion": {"key": key}} if key else {}
            made.append(self._publish("evaluate", {"classifier": made[1]}, measured))
        for artifact in made[1:] if self.count % 2 else made:
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end(state)  # type: ignore[arg-type]
        record.save(self.store.root)
        return made

    def fail_in_train(self) -> None:
        """Add a run that failed after its features were extracted."""
        record = RunRecord.start("demo", "evaluate", Config(), number=counter.next_number(self.store.root))
        tiles = self._tiles()
        for artifact in (tiles, self._publish("extract", {"tiles": tiles})):
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end("failed")
        record.save(self.store.root)

    def delete(self, run: str) -> None:
        """Delete the model of a run, as prune does."""
        record = next(record for record in read_records(self.store.root) if record.id == run)
        delete_item(self.store.root, self.store.folder(record.model[-1]))

    def prune(self, keep: int) -> list[Unneeded]:
        """Delete what is not needed; returns it."""
        unneeded = find_unneeded(self.store, keep)
        delete(self.store, unneeded, keep)
        assert find_unneeded(self.store, keep) == []
        return unneeded

    def intact(self, artifacts: list[Artifact]) -> bool:
        """Whether all artifacts are there, with their shards."""
        folders = [self.store.folder(artifact) for artifact in artifacts]
        return all(folder.exists() and self.store.valid(folder, verify=True) for folder in folders)

    def gone(self, artifacts: list[Artifact]) -> bool:
        """Whether all artifacts are gone."""
        return not any(self.store.folder(artifact).exists() for artifact in artifacts)

    def _tiles(self) -> Artifact:
        context = StageContext(self.store.root, self.store.root, self.store.pools("preprocess"), self.store.photos)
        photo = str(self.count)
        pool, _ = ShardPool.open(context.pools, context).compute_missing(
            {photo: None}, lambda chunk: np.full((1, 3), self.count), context, label="x"
        )
        index = pool.index([photo], context.root)

        def build(out: Path) -> Result:
            stored_tables.write(tables.shared.INDEX, index, out)
            return Result({"tiles": 1}, refs=pool.refs(index, context.root))

        return self.store.publish(CacheKey(stage="preprocess", version=1, config={"run": self.count}), "", build)

    def _publish(self, stage: str, parents: dict[str, Artifact], measured: dict[str, Any] | None = None) -> Artifact:
        def build(out: Path) -> Result:
            (out / tables.evaluate.METRICS.name).write_text(json.dumps(measured or {}))
            return Result({"accuracy": 0.9}, digest=f"{stage} {self.count}")

        return self.store.publish(CacheKey(stage=stage, version=1, config={}, parents=parents), "", build)


def age(path: Path, days: float) -> None:
    """Set the time of the last change of a file, or of a folder and of everything in it, to some days ago."""
    for each in [path, *path.rglob("*")]:
        changed = each.lstat().st_mtime - days * DAY_S
        os.utime(each, (changed, changed), follow_symlinks=False)


def write(path: Path, data: bytes = b"half a file", days: float = 0) -> Path:
    """Write a file that was last changed some days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    age(path, days)
    return path

"""Made-up artifacts of stages, added to the record of a run."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from configs.schema import Config
from flows.nights.checks import Checks
from flows.run_records import RunRecord
from tasks import tables
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers import stored_tables


def add_stage(
    store: Store,
    record: RunRecord,
    stage: Any,
    files: Mapping[tables.Table, pd.DataFrame],
    parents: dict[str, Artifact] | None = None,
) -> Artifact:
    """Publish an artifact with these tables as the result of a stage of this run."""

    def build(out: Path) -> Result:
        for table, frame in files.items():
            stored_tables.write(table, frame, out)
        return Result({})

    inputs = {"run": record.number}
    key = CacheKey(stage=stage, version=1, config={}, parents=parents or {}, external_inputs=inputs)
    artifact = store.publish(key, "", build)
    record.add(Outcome(artifact, cached=False, why="", manifest=store.manifest(artifact)), 1.0)
    return artifact


def check_last_stage(store: Store, record: RunRecord, config: Config, *, scheduled: bool) -> dict[str, list[Any]]:
    """Check a run after its last stage; returns what the report is told."""
    with ThreadPoolExecutor(1) as executor:
        run = Run(store, executor)
        Checks(run, config, record, scheduled=scheduled).after(record.stages[-1].artifact)
    return run.findings

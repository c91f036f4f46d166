"""Runs made of tables alone, up to a check between two stages."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from configs.schema import Config
from flows.nights.checks import Checks
from flows.run_records import RunRecord
from tasks.store import counter
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tasks.store.table import Table
from tests.helpers import stored_tables


class CheckedRuns:
    """A data folder, and what the runs of all tests of the checks have in common."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)

    def begin(self, preset: str, settings: Mapping[str, Any]) -> tuple[RunRecord, Config]:
        """Begin a run over a folder of photos, unless the settings say otherwise."""
        config = Config.model_validate({"crawl": {"path": "photos"}} | settings)
        return RunRecord.start(preset, "evaluate", config, number=counter.next_number(self.store.root)), config

    def publish(
        self, stage: Any, files: Mapping[Table, pd.DataFrame], record: RunRecord, **parents: Artifact
    ) -> Artifact:
        """Add a stage that has written some tables to a run."""

        def build(out: Path) -> Result:
            for table, frame in files.items():
                stored_tables.write(table, frame, out)
            return Result({})

        key = CacheKey(stage=stage, version=1, config={}, parents=parents, external_inputs={"run": record.number})
        artifact = self.store.publish(key, "", build)
        record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        return artifact

    def end(self, record: RunRecord) -> RunRecord:
        """End a run well."""
        record.end("done")
        record.save(self.store.root)
        return record

    def check_last_stage(self, record: RunRecord, config: Config, *, scheduled: bool = False) -> dict[str, list[Any]]:
        """Check what the last stage of a run has made; returns what the report is told."""
        with ThreadPoolExecutor(1) as executor:
            run = Run(self.store, executor)
            Checks(run, config, record, scheduled=scheduled).after(record.stages[-1].artifact)
        return run.findings

"""The checks of a run between its stages: they read artifacts, say what they find, and may end the run before training.

They change no result of a stage. A check that can't read the artifacts of an earlier run has nothing to compare with,
and says nothing.
"""

import logging
from collections.abc import Iterable

from configs.redact import redact
from configs.schema import Config
from flows import notify
from flows.dashboard import stages as shown_stages
from flows.models.registry import Registry
from flows.nights import changes, drift
from flows.nights.changes import Change, artifact_of
from flows.run_records import RunRecord, read_records
from tasks.evaluate.findings import BEFORE_TRAINING, DRIFT, Compared
from tasks.store.context import StageContext
from tasks.store.errors import DamagedFileError, UserError
from tasks.store.manifest import Artifact
from tasks.store.stage import Run

logger = logging.getLogger("fluke.run")


class Checks:
    """The checks of one run."""

    def __init__(self, run: Run, config: Config, record: RunRecord, *, scheduled: bool) -> None:
        """Set the run, its settings and its record, and whether a schedule started it.

        What is found is added to the record, and to the findings of the run, which the report shows.
        """
        self._findings = run.findings
        self._executor = run.executor
        self._store = run.store
        self._config = config
        self._record = record
        self._scheduled = scheduled

    def after(self, artifact: Artifact) -> None:
        """Check what a stage has made.

        Raises:
            UserError: The settings say that the run ends because of what is found.
        """
        if artifact.stage == "filter":
            self._check_changes(artifact)
        elif artifact.stage == "extract" and self._config.drift.action != "ignore":
            self._check_drift(artifact)

    def _check_changes(self, filtered: Artifact) -> None:
        crawl = artifact_of(self._record, "crawl")
        found: list[Change] = []
        try:
            found = changes.find_changes(self._store, self._config, self._record, crawl, filtered)
        except (OSError, DamagedFileError) as error:
            logger.info("the photos can't be compared with those of the last run: %s", error)
        self._say(change.text for change in found)
        if low := [change.text for change in found if change.is_low_yield]:
            notify.tell(self._config, "low_yield", f"{self._record.preset}: search engines give few photos", low)
        losses = [change.text for change in found if change.is_loss]
        if losses and self._scheduled and self._config.changes.action == "stop":
            raise UserError(
                f"stopped before training: {'; '.join(losses)}. Mount the disk, name the folder as before, or "
                f"look at the engine; or, if that is on purpose, run {self._record.preset} once by hand (`fluke run`, "
                "with the same settings), or set changes.action=warn"
            )

    def _check_drift(self, features: Artifact) -> None:
        """Compare the new photos with those that the champion was trained on, if there is a champion."""
        found: list[Compared] = []
        champion = ""
        try:
            champion = Registry(self._store.root, self._record.model_name).champion() or ""
            runs = (run for run in read_records(self._store.root) if run.id == champion)
            if run := next(runs, None):
                found = self._compare(run, features)
        except (OSError, DamagedFileError) as error:
            logger.info("the photos can't be compared with those that the model was trained on: %s", error)
        if not found:
            return
        self._record.drift = found
        self._findings[DRIFT] = [row.model_dump() for row in found]
        text = drift.sentence(found, champion)
        self._say([text] if text else [], drift.table(found))
        if text:
            notify.tell(self._config, "drift", f"{self._record.preset}: the new photos differ", [text])
        if text and self._config.drift.action == "stop":
            raise UserError(
                f"stopped before training: {text}. Look at the new photos; if they are as they should be, run once "
                "with drift.action=warn, or set a lower drift.level"
            )

    def _compare(self, champion: RunRecord, features: Artifact) -> list[Compared]:
        folder = self._store.folder
        filtered = folder(artifact_of(self._record, "filter"))
        pools = self._store.pools("filter")
        return drift.find_drift(
            trained=folder(artifact_of(champion, "train")),
            had=folder(artifact_of(champion, "filter")),
            crawl=folder(artifact_of(self._record, "crawl")),
            kept=filtered,
            features=folder(features),
            context=StageContext(self._store.root, filtered, pools, self._store.photos, executor=self._executor),
            level=self._config.drift.level,
        )

    def _say(self, lines: Iterable[str], table: str = "") -> None:
        """Log some lines, and add them to the record, the report and the dashboard, which also gets the table."""
        texts = [redact(line) for line in lines]
        for text in texts:
            logger.warning("%s", text)
        if texts:
            self._findings.setdefault(BEFORE_TRAINING, []).extend(texts)
            self._record.notes += texts
        if texts or table:
            self._record.save(self._store.root)
            shown_stages.show_findings(self._findings.get(BEFORE_TRAINING, []), table)  # it shows the last version

"""The checks of a run between its stages: they read artifacts, say what they find, and may end the run before training.

They change no result of a stage. A check that can't read the artifacts of an earlier run has nothing to compare with,
and says nothing.
"""

import logging
from collections.abc import Iterable
from typing import Any

from configs.redact import redact
from configs.schema import Config
from flows import dashboard
from flows.nights import changes
from flows.nights.changes import Change, artifact_of
from flows.run_records import RunRecord
from tasks.evaluate.findings import BEFORE_TRAINING
from tasks.store.errors import DamagedFileError, UserError
from tasks.store.manifest import Artifact
from tasks.store.store import Store

logger = logging.getLogger("fluke.run")


class Checks:
    """The checks of one run."""

    def __init__(
        self, store: Store, config: Config, record: RunRecord, findings: dict[str, list[Any]], *, scheduled: bool
    ) -> None:
        """Set the store, the settings and the record of the run, and whether a schedule started it.

        What is found is added to the notes of the record, and to `findings`, which the report shows.
        """
        self._findings = findings
        self._store = store
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

    def _check_changes(self, filtered: Artifact) -> None:
        crawl = artifact_of(self._record, "crawl")
        found: list[Change] = []
        try:
            found = changes.find_changes(self._store, self._config, self._record, crawl, filtered)
        except (OSError, DamagedFileError) as error:
            logger.info("the photos can't be compared with those of the last run: %s", error)
        self._say(change.text for change in found)
        losses = [change.text for change in found if change.is_loss]
        if losses and self._scheduled and self._config.changes.action == "stop":
            raise UserError(
                f"stopped before training: {'; '.join(losses)}. Bring them back; or, if they are gone on purpose, run "
                f"{self._record.preset} once by hand (`fluke run`, with the same settings), or set changes.action=warn"
            )

    def _say(self, lines: Iterable[str]) -> None:
        """Log some lines, and add them to the record, the report and the dashboard."""
        texts = [redact(line) for line in lines]
        for text in texts:
            logger.warning("%s", text)
        if texts:
            self._findings.setdefault(BEFORE_TRAINING, []).extend(texts)
            self._record.notes += texts
            self._record.save(self._store.root)
            dashboard.show_findings(texts)

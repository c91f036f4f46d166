"""What the Prefect dashboard shows of a run: a table per stage, progress of long work, the report.

Nothing here may fail a run: a dashboard that can't be written to is logged and passed over.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.store.progress import Advance
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tasks.tables import REPORT, SUMMARY

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.dashboard")

_SHOWN_AFTER_S = 3
_EVERY_S = 2


def show(outcome: Outcome, store: Store) -> None:
    """Put a stage's table on the dashboard, and what else it has to show there."""
    manifest = outcome.manifest
    had = f"cached: {outcome.why}" if outcome.cached else f"built in {manifest.seconds:.1f} s"
    folder = store.folder(outcome.artifact)
    _try(
        lambda: create_table_artifact(
            key=f"fluke-{outcome.artifact.stage}",
            table=[{"what": name, "count": count} for name, count in manifest.counts.items()],
            description=f"**{outcome.artifact.stage}** {had}  \n`{folder}`, made {manifest.made_at:%Y-%m-%d %H:%M} UTC",
        )
    )
    summary = SUMMARY.path(folder)
    if summary.exists():
        text = summary.read_text(encoding="utf-8")
        if (report := REPORT.path(folder)).exists():
            text += f"\n\nThe whole report: `{report}`\n"
        _try(lambda: create_markdown_artifact(key=f"fluke-{outcome.artifact.stage}-report", markdown=text))


def show_predictions(predictions: "pd.DataFrame", path: Path) -> None:
    """Put on the dashboard how many photos are likeliest of which class, and where their predictions are."""
    counted = predictions.loc[predictions["error"] == "", "class_1"].value_counts()
    rows = [{"what": name, "count": int(count)} for name, count in counted.items()]
    if unread := int((predictions["error"] != "").sum()):
        rows.append({"what": "can't be read", "count": unread})
    _try(lambda: create_table_artifact(key="fluke-predictions", table=rows, description=f"**predicted** `{path}`"))


@contextmanager
def progress(label: str, total: int) -> Iterator[Advance]:
    """Progress as a Prefect artifact, once the work has lasted a few seconds."""
    context = contextvars.copy_context()  # of the task: work may be reported from other threads
    lock = threading.Lock()
    began = shown_at = time.monotonic()
    done = 0
    artifact: Any = None

    def show_progress() -> None:
        nonlocal artifact
        share = 100 * done / max(total, 1)
        if artifact is None:
            artifact = create_progress_artifact(share, key="fluke-progress", description=f"{label}: {total:,} in all")
        else:
            update_progress_artifact(artifact, share)

    def advance(count: int) -> None:
        nonlocal done, shown_at
        with lock:
            done += count
            now = time.monotonic()
            if now - began >= _SHOWN_AFTER_S and now - shown_at >= _EVERY_S:
                shown_at = now
                _try(lambda: context.run(show_progress))

    yield advance
    if artifact is not None:
        done = total  # also where it ended early, as training may
        _try(lambda: context.run(show_progress))


def _try(action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception as error:
        logger.info("the dashboard could not be written to: %s", error)

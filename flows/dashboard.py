"""What the Prefect dashboard shows of a run: logs, a table per stage, the progress of long work, the report.

Nothing here makes a run fail: if the dashboard can't be updated, that is logged, and the run continues.
"""

import contextvars
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

from configs.redact import redact
from flows.recipes_tried import recipes_tried
from tasks.store.progress import Advance
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tasks.tables import REPORT, SUMMARY
from tasks.text import markdown, show_controls

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.dashboard")

_SHOW_AFTER_S = 3
_UPDATE_EVERY_S = 2


class _RunLogHandler(APILogHandler):
    """Sends log records to one flow run: its own, and those of worker threads, which know no flow run."""

    def __init__(self, flow_run_id: UUID) -> None:
        super().__init__(logging.INFO)
        self._flow_run_id = flow_run_id

    def emit(self, record: logging.LogRecord) -> None:
        current = _flow_run_id()
        record = copy(record)  # the terminal's handler prints it, too
        record.msg, record.args = show_controls(redact(record.getMessage())), None
        if current is None:
            record.flow_run_id = str(self._flow_run_id)
        if current is None or self.sends(current):
            super().emit(record)

    def sends(self, flow_run_id: UUID) -> bool:
        """Whether this handler sends the records of this flow run."""
        return flow_run_id == self._flow_run_id


@contextmanager
def logs() -> Iterator[None]:
    """Send the records of fluke's loggers (`fluke.*`, INFO and above) to the current flow run.

    Prefect's own setting for this, PREFECT_LOGGING_EXTRA_LOGGERS, is read when Prefect is imported, which is too early
    for a worker that knows nothing of fluke. So the flow adds the handler itself.
    """
    run_id = _flow_run_id()
    fluke = logging.getLogger("fluke")
    handlers = [each for each in fluke.handlers if isinstance(each, APILogHandler)]  # Prefect's own sends all records
    if run_id is None or any(not isinstance(each, _RunLogHandler) or each.sends(run_id) for each in handlers):
        yield
        return
    handler = _RunLogHandler(run_id)
    fluke.addHandler(handler)
    fluke.setLevel(logging.INFO)  # it stays: another run of this process may go on
    try:
        yield
    finally:
        fluke.removeHandler(handler)


def _flow_run_id() -> UUID | None:
    """Return the ID of the flow run that the current thread belongs to."""
    if task := TaskRunContext.get():
        return task.task_run.flow_run_id
    flow = FlowRunContext.get()
    return flow.flow_run.id if flow and flow.flow_run else None


def show(outcome: Outcome, store: Store) -> None:
    """Add a stage's table to the dashboard, and its summary if it has one."""
    manifest = outcome.manifest
    origin = f"cached: {outcome.why}" if outcome.cached else f"built in {manifest.seconds:.1f} s"
    folder = store.folder(outcome.artifact)
    made_at = f"{manifest.made_at:%Y-%m-%d %H:%M} UTC"
    counts: dict[str, int | float | str] = {**manifest.counts} or {"nothing to do": ""}
    _try(
        lambda: create_table_artifact(
            key=f"fluke-{outcome.artifact.stage}",
            table=[{"what": show_controls(name), "count": count} for name, count in counts.items()],
            description=f"**{outcome.artifact.stage}** {markdown(origin)}  \n{_code(folder)}, built at {made_at}",
        )
    )
    show_recipes(folder)
    summary = SUMMARY.path(folder)
    if summary.exists():
        text = _safe(summary.read_text(encoding="utf-8", errors="replace"))
        if (report := REPORT.path(folder)).exists():
            text += f"\n\nFull report: {_code(report)}\n"
        _try(lambda: create_markdown_artifact(key=f"fluke-{outcome.artifact.stage}-report", markdown=text))


def show_findings(lines: Sequence[str], table: str = "") -> None:
    """Add what was found before training to the dashboard: lines of text, and a table in Markdown."""
    text = "".join(f"- {markdown(line)}\n" for line in lines) + (f"\n{table}" if table else "")
    _try(lambda: create_markdown_artifact(key="fluke-before-training", markdown=text))


def show_recipes(training: Path) -> None:
    """Add a table to the dashboard: the recipes that a training has tried; `training` is the folder of its artifact."""
    if tried := recipes_tried(training):
        _try(
            lambda: create_table_artifact(
                key="fluke-recipes",
                table=[{name: show_controls(value) for name, value in each._asdict().items()} for each in tried],
                description="**recipes** that were tried; validation photos chose one",
            )
        )


def show_predictions(predictions: "pd.DataFrame", path: Path) -> None:
    """Add a table to the dashboard: for each class, how many photos have it as their most likely class.

    Args:
        predictions: The table that `flows.predict.predict.predict` returns.
        path: The file that contains the predictions.
    """
    counted = predictions.loc[predictions["error"] == "", "class_1"].value_counts()
    rows = [{"what": show_controls(str(name)), "count": int(count)} for name, count in counted.items()]
    if unreadable := int((predictions["error"] != "").sum()):
        rows.append({"what": "can't be read", "count": unreadable})
    _try(lambda: create_table_artifact(key="fluke-predictions", table=rows, description=f"**predicted** {_code(path)}"))


@contextmanager
def progress(label: str, total: int) -> Iterator[Advance]:
    """Show progress as a Prefect artifact, once the work has lasted a few seconds."""
    context = contextvars.copy_context()  # of the task: other threads may report progress
    lock = threading.Lock()
    started_at = shown_at = time.monotonic()
    done = 0
    artifact: Any = None

    def show_progress() -> None:
        nonlocal artifact
        percent = 100 * done / max(total, 1)
        if artifact is None:
            artifact = create_progress_artifact(percent, key="fluke-progress", description=f"{label}: {total:,} in all")
        else:
            update_progress_artifact(artifact, percent)

    def advance(count: int) -> None:
        nonlocal done, shown_at
        with lock:
            done += count
            now = time.monotonic()
            if now - started_at >= _SHOW_AFTER_S and now - shown_at >= _UPDATE_EVERY_S:
                shown_at = now
                _try(lambda: context.run(show_progress))

    yield advance
    if artifact is not None:
        done = total  # work may end before its total, such as training with early stopping
        _try(lambda: context.run(show_progress))


def _code(path: Path) -> str:
    """Return a path as code in Markdown, whatever characters it has."""
    return "`" + show_controls(str(path)).replace("`", "'") + "`"


def _safe(text: str) -> str:
    """Return Markdown of the data folder without HTML, and without images and links to other places.

    Stages escape the names in their summaries, but anybody may have changed the file. Escaped characters and images
    that are part of the text stay.
    """
    text = re.sub(r"(?<!\\)<", r"\\<", text)
    return re.sub(r"(?<!\\)\](?=\s*[\[(:])(?!\(data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]*\))", r"\\]", text)


def _try(action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception as error:
        logger.info("the dashboard could not be updated: %s", error)

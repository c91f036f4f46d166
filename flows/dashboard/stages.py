"""What the dashboard shows of each stage: its table, its summary, its recipes, and the progress of long work."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.settings import PREFECT_API_URL

from flows import server
from flows.dashboard import artifacts, sender
from flows.recipes_tried import recipes_tried
from flows.server import report_page
from tasks.store.progress import Advance
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tasks.tables.evaluate import REPORT
from tasks.tables.shared import SUMMARY
from tasks.text import markdown, number_text, show_controls

if TYPE_CHECKING:
    import pandas as pd

_SHOW_AFTER_S = 3
_UPDATE_EVERY_S = 2


def show(outcome: Outcome, store: Store) -> None:
    """Add a stage's table to the dashboard, and its summary if it has one."""
    manifest = outcome.manifest
    origin = f"cached: {outcome.why}" if outcome.cached else f"built in {manifest.seconds:.1f} s"
    folder = store.folder(outcome.artifact)
    made_at = f"{manifest.made_at:%Y-%m-%d %H:%M} UTC"
    counts = {name: number_text(name, count) for name, count in manifest.counts.items()} or {"nothing to do": ""}
    artifacts.table(
        outcome.artifact.stage,
        [{"what": show_controls(name), "count": count} for name, count in counts.items()],
        f"**{outcome.artifact.stage}** {markdown(origin)}  \n{code(folder)}, built at {made_at}",
    )
    show_recipes(folder)
    summary = SUMMARY.path(folder)
    if summary.exists():
        text = safe(summary.read_text(encoding="utf-8", errors="replace"))
        if REPORT.path(folder).exists():
            text += f"\n\n{report_line(store.root, folder)}\n"
        artifacts.page(f"{outcome.artifact.stage}-report", text, f"what **{outcome.artifact.stage}** found")


def show_findings(lines: Sequence[str], table: str = "") -> None:
    """Show what was found before training: lines of text, and a table in Markdown."""
    text = "".join(f"- {markdown(line)}\n" for line in lines) + (f"\n{table}" if table else "")
    artifacts.page("before-training", text)


def show_recipes(training: Path) -> None:
    """Add a table to the dashboard: the recipes that a training has tried; `training` is the folder of its artifact."""
    if tried := recipes_tried(training):
        artifacts.table(
            "recipes",
            [{name: show_controls(value) for name, value in each._asdict().items()} for each in tried],
            "**recipes** that were tried; validation photos chose one",
        )


def show_predictions(predictions: "pd.DataFrame", path: Path) -> None:
    """Add a table to the dashboard: for each class, how many photos have it as their most likely class.

    Args:
        predictions: The table that `flows.predict.predict.predict` returns.
        path: The file that contains the predictions.
    """
    counted = predictions.loc[predictions["error"] == "", "class_1"].value_counts()
    rows = [{"what": show_controls(str(name)), "count": int(count)} for name, count in counted.items()]
    if "unsure" in predictions:
        rows.append({"what": "of these, unsure", "count": int((predictions["unsure"] == True).sum())})  # noqa: E712
    if unreadable := int((predictions["error"] != "").sum()):
        rows.append({"what": "can't be read", "count": unreadable})
    artifacts.table("predictions", rows, f"**predicted** {code(path)}")


@contextmanager
def progress(label: str, total: int) -> Iterator[Advance]:
    """Show progress as a Prefect artifact, once the work has lasted a few seconds; the work never waits for it."""
    lock = threading.Lock()
    started_at = shown_at = time.monotonic()
    done = 0
    bar = artifacts.Bar(f"{label}: {total:,} in all")  # it belongs to this task, whichever thread reports progress
    to = sender.current()
    is_shown = False

    def show_progress() -> None:
        nonlocal is_shown
        if to:
            bar.percent = 100 * done / max(total, 1)
            to.put(bar)
            is_shown = True

    def advance(count: int) -> None:
        nonlocal done, shown_at
        with lock:
            done += count
            now = time.monotonic()
            if now - started_at >= _SHOW_AFTER_S and now - shown_at >= _UPDATE_EVERY_S:
                shown_at = now
                show_progress()

    yield advance
    if is_shown:
        done = total  # work may end before its total, such as training with early stopping
        show_progress()


def report_line(root: Path, evaluation: Path) -> str:
    """Return where a report is, in Markdown: its path, and a link if the dashboard's server can serve it.

    Args:
        root: The data folder; only its own server has its reports.
        evaluation: The folder of the evaluation's artifact.
    """
    path = code(REPORT.path(evaluation))
    if server.is_own(root, PREFECT_API_URL.value() or ""):
        return f"[The report]({report_page.address(root, evaluation.name)}): {path}"
    return f"Report: {path}"


def code(path: Path) -> str:
    """Return a path as code in Markdown, whatever characters it has."""
    return "`" + show_controls(str(path)).replace("`", "'") + "`"


def safe(text: str) -> str:
    """Return Markdown of the data folder without HTML, and without images and links to other places.

    Stages escape the names in their summaries, but anybody may have changed the file. Escaped characters and images
    that are part of the text stay.
    """
    text = re.sub(r"(?<!\\)<", r"\\<", text)
    return re.sub(r"(?<!\\)\](?=\s*[\[(:])(?!\(data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]*\))", r"\\]", text)

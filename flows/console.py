"""What a run shows in the terminal: bars for long work, warnings, and tables at the end."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from flows.maintenance.forget import Traces
from flows.run_records import RunRecord, StageRecord
from tasks.store.progress import Advance
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class _Messages(logging.Handler):
    """Prints fluke's warnings, and a line for each epoch of a training, above the progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            errors.print(f"[yellow]warning:[/] {escape(record.getMessage())}")
        elif record.name == "fluke.epochs":
            errors.print(f"[dim]{escape(record.getMessage())}[/]")


def show_messages() -> None:
    """Send to the terminal what a run has to say while it lasts."""
    logger = logging.getLogger("fluke")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Messages())


@contextmanager
def native_output(log: Path) -> Iterator[None]:
    """Send what C++ libraries print to a file: TensorFlow greets with lines that no setting of its own silences.

    What Python prints still goes to the terminal.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    stderr, terminal = sys.stderr, os.dup(2)
    with log.open("ab") as file, os.fdopen(os.dup(terminal), "w", buffering=1) as ours:
        os.dup2(file.fileno(), 2)
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = stderr
            os.dup2(terminal, 2)
            os.close(terminal)


class Bars:
    """Progress bars, one for each piece of work under way; on a terminal only."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("  {task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        )

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Advance]:
        """See `tasks.store.progress.Progress`."""
        bar = self._bars.add_task(label, total=total)
        try:
            yield lambda count: self._bars.advance(bar, count)
        finally:
            self._bars.remove_task(bar)


def stage_table(record: RunRecord) -> Table:
    """One row per stage: built or cached, what it holds, seconds."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, justify in (("stage", "left"), ("", "left"), ("holds", "left"), ("seconds", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for stage in record.stages:
        state = "[dim]cached[/]" if stage.cached else "[green]built[/]"
        table.add_row(stage.artifact.stage, state, escape(counts_text(stage)), f"{stage.seconds:.1f}")
    return table


def counts_text(stage: StageRecord) -> str:
    """What an artifact holds, on one line: `900 kept, 31 rejected`, `accuracy 0.97`."""
    return ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{name} {value:.3g}" for name, value in stage.counts.items()
    )


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a number above 1."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def runs_table(records: list[RunRecord], root: Path) -> Table:
    """One row per run, the newest first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("started (UTC)", "preset", "until", "state", "built", "result"):
        table.add_column(column)
    for record in records:
        built = [stage.artifact.stage for stage in record.stages if not stage.cached]
        scores = record.stages[-1].counts if record.stages else {}
        right = "accuracy {accuracy:.1%}, baseline {baseline accuracy:.1%}"
        result = record.error or (right.format(**scores) if "accuracy" in scores else "")
        table.add_row(
            f"{record.started_at:%Y-%m-%d %H:%M}",
            record.preset,
            record.until,
            record.fate(root),
            ", ".join(built) if built else "nothing",
            escape(result),
        )
    return table


def predictions_table(predictions: "pd.DataFrame") -> Table:
    """One row per photo: its likeliest classes, or why it can't be read."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("photo", "is likely", "or"):
        table.add_column(column)
    places = range(1, sum(column.startswith("class_") for column in predictions.columns) + 1)
    for row in predictions.to_dict("records"):
        named = [] if row["error"] else [f"{row[f'class_{i}']} {row[f'probability_{i}']:.1%}" for i in places]
        likely = escape(named[0]) if named else f"[yellow]{escape(row['error'])}[/]"
        table.add_row(escape(row["image"]), likely, f"[dim]{escape(', '.join(named[1:]))}[/]")
    return table


def traces_lines(traces: Traces, store: Store) -> list[str]:
    """What there is of a photo: its files, where it was found, and what was made with it."""
    lines = [f"{path}  {size(path.stat().st_size)}" for path in traces.files]
    if not lines:
        lines = [f"no photo here is or came from {traces.what}: there is nothing to delete, only to keep out"]
    lines += [f"found at {place}" for place in sorted(traces.places)]
    if traces.made:
        lines.append(f"made with it: {len(traces.made)} artifacts")
        lines += [
            f"  {made.artifact.stage:<10}  {made.made_at:%Y-%m-%d %H:%M} UTC  {store.folder(made.artifact)}"
            for made in traces.made
        ]
    lines += [f"  a row of    {path}" for path in traces.shards]
    return lines


def disk_table(sizes: Mapping[str, tuple[int, int]]) -> Table:
    """What is on disk: name -> (number of things, bytes)."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("what")
    table.add_column("number", justify="right")
    table.add_column("size", justify="right")
    for name, (count, total) in sizes.items():
        table.add_row(name, f"{count:,}", size(total))
    return table

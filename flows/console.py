"""What commands show in the terminal: progress bars, warnings, and tables at the end."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from configs.redact import redact, redacting
from tasks import names
from tasks.store.paths import open_log
from tasks.store.progress import Advance
from tasks.text import first_few, number_text, percent, score_with_interval, show_controls

if TYPE_CHECKING:
    import pandas as pd

    from flows.maintenance.forget import Traces
    from flows.recipes_tried import Tried
    from flows.run_records import RunRecord
    from tasks.store.store import Store

console = Console(highlight=False)
_WIDE = 1000
_MOST_CLASSES, _SMALLEST_CLASSES = 40, 10
"""Most rows of a table of classes, and how many of them are for the classes with the fewest photos."""
_ONE_OF = {
    "photos": "photo",
    "exact copies": "exact copy",
    "classes": "class",
    "other files": "other file",
    "tiles": "tile",
    "recipes": "recipe",
    "test photos": "test photo",
}
"""How counts are named that are 1."""
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def shown(text: str) -> str:
    """Return a text for rich that shows the control characters and the markup in names of files and classes."""
    return escape(show_controls(redact(text)))


class _Messages(logging.Handler):
    """Prints warnings, and one line per training epoch, above the progress bars; in a file, one per stage, too."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            errors.print(f"[yellow]warning:[/] {shown(record.getMessage())}")
        elif record.name == "fluke.epochs" or (record.name == "fluke.stages" and not errors.is_terminal):
            errors.print(f"[dim]{shown(record.getMessage())}[/]")


def show_messages() -> None:
    """Print the warnings and epochs of a run on the terminal."""
    logger = logging.getLogger("fluke")
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _Messages) for handler in logger.handlers):  # a notebook calls this for each run
        logger.addHandler(_Messages())


@contextmanager
def native_output(log: Path) -> Iterator[None]:
    """Redirect the stderr of C++ libraries to a file: TensorFlow can't silence its start-up lines.

    Python's own stderr still goes to the terminal.
    """
    stderr, terminal = sys.stderr, os.dup(2)
    encoding = getattr(stderr, "encoding", None) or "utf-8"
    python_output = os.fdopen(os.dup(terminal), "w", buffering=1, encoding=encoding, errors="backslashreplace")
    with _open_log(log) as file, python_output as python_stderr:
        os.dup2(file.fileno(), 2)
        sys.stderr = redacting(python_stderr)
        try:
            yield
        finally:
            sys.stderr = stderr
            os.dup2(terminal, 2)
            os.close(terminal)


def _open_log(log: Path) -> IO[bytes]:
    """Open a log to append to it; without the right to, what it would contain is lost, but nothing else."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return open_log(log)
    except OSError:
        return Path(os.devnull).open("ab")


class Bars:
    """Progress bars, one per running piece of work; shown only on a terminal."""

    def __init__(self, *, show: bool = True) -> None:
        self._bars = Progress(
            TextColumn("  {task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            disable=not (show and errors.is_terminal),
        )

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Advance]:
        """Show one bar; see `tasks.store.progress.Progress`."""
        bar = self._bars.add_task(shown(label), total=total)
        try:
            yield lambda count: self._bars.advance(bar, count)
        finally:
            self._bars.remove_task(bar)


def stage_table(record: "RunRecord") -> Table:
    """Return a table with one row per stage: built or cached, its counts, seconds."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, justify in (("stage", "left"), ("", "left"), ("result", "left"), ("seconds", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for stage in record.stages:
        state = "[dim]cached[/]" if stage.cached else "[green]built[/]"
        table.add_row(stage.artifact.stage, state, shown(counts_text(stage.counts)), f"{stage.seconds:.1f}")
    return table


def counts_text(counts: Mapping[str, float]) -> str:
    """Return an artifact's counts on one line: `900 kept, 31 rejected`, `accuracy 97.5 % (96.0–98.8)`."""
    return ", ".join(_counted(counts)) or "nothing to do"


def _counted(counts: Mapping[str, float]) -> Iterator[str]:
    """Yield each count as text; the ends of an interval follow its number: `accuracy 97.0 % (95.1–98.2)`."""
    for name, value in counts.items():
        if isinstance(value, int):
            yield f"{value:,} {_ONE_OF.get(name, name) if value == 1 else name}"
        elif {f"{name} from", f"{name} to"} <= counts.keys():
            yield score_with_interval(name, value, counts[f"{name} from"], counts[f"{name} to"])
        elif name.removesuffix(" from").removesuffix(" to") == name:
            yield f"{name} {number_text(name, value)}"


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of texts; all columns but the first are at the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, column in enumerate(columns):
        table.add_column(shown(column), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(shown, row))
    return table


def print_wide(table: Table) -> None:
    """Print a table; a file or a pipe gets one line for each row, however wide it is."""
    (console if console.is_terminal else Console(highlight=False, width=_WIDE)).print(table)


def recipe_table(tried: Sequence["Tried"]) -> Table:
    """Return a table with one row for each recipe that a training has tried."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("recipe")
    table.add_column("on validation photos", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("")
    for each in tried:
        table.add_row(*map(shown, each))
    return table


def preset_table(presets: Mapping[str, str]) -> Table:
    """Return a table with one row for each preset: its name and what it is for."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("preset", no_wrap=True)
    table.add_column("for")
    for name, purpose in presets.items():
        table.add_row(shown(name), shown(purpose))
    return table


def class_table(classes: Mapping[str, Mapping[str, int]]) -> Table:
    """Return a table with one row per class: its number of photos, in all and by given split.

    Args:
        classes: Number of photos of each class by split; "" is none.
    """
    parts = [part for part in ("train", "val", "test", "") if any(counts.get(part) for counts in classes.values())]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for part in ("photos", *(parts if parts != [""] else ())):
        table.add_column(part or "not given", justify="right")
    ordered = sorted(classes, key=lambda label: (-sum(classes[label].values()), label))
    omitted = ordered[_MOST_CLASSES - _SMALLEST_CLASSES : -_SMALLEST_CLASSES] if len(ordered) > _MOST_CLASSES else []
    for label in ordered:
        counts = classes[label]
        columns = [sum(counts.values()), *(counts.get(part, 0) for part in parts if parts != [""])]
        if label not in omitted:
            table.add_row(shown(names.visible(label)), *(f"{count:,}" for count in columns))
        elif label == omitted[0]:
            table.add_row(f"[dim]... {len(omitted):,} more ...[/]")
    return table


def predictions_table(predictions: "pd.DataFrame") -> Table:
    """Return a table with one row per photo: its most likely and its possible classes, or why it can't be read."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    says_possible = "possible_classes" in predictions
    for column in ("photo", "most likely", "then", *(["possible classes"] if says_possible else [])):
        table.add_column(column)
    ranks = range(1, sum(column.startswith("class_") for column in predictions.columns) + 1)
    for row in predictions.to_dict("records"):
        named = [] if row["error"] else [f"{row[f'class_{i}']} {percent(row[f'probability_{i}'])}" for i in ranks]
        likely = shown(named[0]) if named else f"[yellow]{shown(row['error'])}[/]"
        if named and row.get("unsure"):
            likely = f"[yellow]unsure:[/] {likely}"
        possible = [shown(first_few(row["possible_classes"]))] if named and says_possible else []
        table.add_row(shown(row["image"]), likely, f"[dim]{shown(', '.join(named[1:]))}[/]", *possible)
    return table


def traces_lines(traces: "Traces", store: "Store") -> list[str]:
    """List a photo's files, where it was found, and what was made from it."""
    lines = [f"{path}  {decimal(path.stat().st_size)}" for path in traces.files]
    lines += [f"{path}  only in the bucket" for path in traces.elsewhere]
    if not lines:
        lines = [f"no stored photo matches {traces.photo}: nothing to delete, but later crawls can exclude it"]
    lines += [f"found at {location}" for location in sorted(traces.locations)]
    if traces.artifacts:
        lines.append(f"made from it: {len(traces.artifacts)} artifacts")
        lines += [
            f"  {made.artifact.stage:<10}  {made.made_at:%Y-%m-%d %H:%M} UTC  {store.folder(made.artifact)}"
            for made in traces.artifacts
        ]
    lines += [f"  a row of    {path}" for path in traces.shards]
    return lines


def pruned_model_line(run: "RunRecord", others: int) -> str:
    """Name a run whose model will be deleted, and the number of other runs with the same model."""
    accuracy = run.stages[-1].counts.get("accuracy")
    score = f"accuracy {percent(accuracy)}" if accuracy is not None else f"no evaluation, {run.state}"
    also = f"; and of {others} other runs with the same model" if others else ""
    return f"the model of run {run.id} ({run.preset}, {run.started_at:%Y-%m-%d %H:%M} UTC, {score}{also})"


def disk_table(sizes: Mapping[str, tuple[int, int]]) -> Table:
    """Return a table of disk usage, from name -> (number of items, bytes)."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("what")
    table.add_column("number", justify="right")
    table.add_column("size", justify="right")
    for name, (count, total) in sizes.items():
        table.add_row(name, f"{count:,}", decimal(total))
    return table

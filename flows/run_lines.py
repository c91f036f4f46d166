"""Runs and models as lines of text that fit into 80 columns, for `fluke status` and `fluke models`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.text import Text

from flows import model_names
from flows.console import shown
from flows.models import find
from flows.models.decision import Headline
from flows.models.listing import Listed
from flows.models.registry import Registry
from flows.run_records import RunRecord
from tasks import names
from tasks.text import score_text, score_with_interval


def runs_lines(records: Sequence[RunRecord], root: Path) -> list[str]:
    """Return the lines of each run, in the order given, as rich markup.

    Raises:
        UserError: The file with the models' names, a history or the record of a run is damaged.
    """
    called = model_names.of_runs(root)
    used = {Registry(root, name).champion() for name in find.names(root)}
    titles = ("run", "preset", "state", "model", "decision")
    rows = [
        (
            record.id,
            record.preset if record.model_name == record.preset else f"{record.preset} as {record.model_name}",
            _state_text(record, root),
            _model_text(record, root, called, used),
            record.decision,
        )
        for record in records
    ]
    title, *lines = _aligned([titles, *rows])
    found = [f"[dim]{title}[/]"]
    for record, line in zip(records, lines, strict=True):
        found += [line, *(f"    {shown(each)}" for each in _details(record))]
    return found


def _details(record: RunRecord) -> Iterator[str]:
    """Yield what is said about a run below its first line: its photos and deployment, scores or error, decision."""
    built = [stage.artifact.stage for stage in record.stages if not stage.cached]
    deployment = f"; deployment: {record.deployment}" if record.deployment else ""
    yield f"photos: {_photos_text(record)}; built: {', '.join(built) or 'nothing'}{deployment}"
    if result := record.error or _result(record.stages[-1].counts if record.stages else {}):
        yield result
    if record.reason:
        yield f"{record.decision}: {record.reason}"


def _photos_text(record: RunRecord) -> str:
    """Say where the photos of a run are from: the path, or the search engines."""
    crawl = record.config.get("crawl", {})
    sources = ", ".join(crawl.get("sources") or ())
    return str(crawl.get("path") or sources or "unknown")


def _state_text(record: RunRecord, root: Path) -> str:
    state = record.current_state(root)
    return state if record.until == "evaluate" else f"{state}, until {record.until}"


def models_lines(listed: Sequence[Listed]) -> list[str]:
    """Return two lines per model or decision, below its name, as rich markup; the champion of each name is bold."""
    titles = ("  run", "date", "photos", "score on test photos", "")
    rows = [
        (
            f"  {each.decision.run or 'all models'}",
            f"{each.at:%Y-%m-%d}",
            f"{each.decision.photos:,}" if each.decision.photos else "",
            headline_text(each.decision.headline),
            each.state,
        )
        for each in listed
    ]
    title, *lines = _aligned([titles, *rows])
    found = [f"[dim]{title}[/]"]
    for i, (each, line) in enumerate(zip(listed, lines, strict=True)):
        if i == 0 or listed[i - 1].name != each.name:
            found.append(shown(names.visible(each.name)))
        found.append(f"[bold]{line}[/]" if each.is_champion else line)
        if each.outcome:
            found.append(f"    {shown(each.outcome)}")
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of texts as lines of rich markup with aligned columns; numbers are at the right."""
    shown_rows = [[shown(text) for text in row] for row in rows]
    widths = [max(map(cell_len, map(_plain, column))) for column in zip(*shown_rows, strict=True)]
    lines = []
    for row in shown_rows:
        cells = []
        for text, width in zip(row, widths, strict=True):
            blanks = " " * (width - cell_len(_plain(text)))
            cells.append(blanks + text if text.replace(",", "").isdigit() else text + blanks)
        lines.append("  ".join(cells).rstrip())
    return lines


def _plain(markup: str) -> str:
    return Text.from_markup(markup).plain


def headline_text(headline: Headline | None) -> str:
    """Write a headline metric with its interval: `accuracy 97.5 % (96.0–98.8)`."""
    if headline is None:
        return ""
    return score_with_interval(headline.metric, headline.value, headline.low, headline.high)


def _result(scores: Mapping[str, int | float]) -> str:
    """Write the headline metric of an evaluation, its baselines, and its value with removed photos."""
    name = next((name.removesuffix(" from") for name in scores if name.endswith(" from")), "")
    if not name:
        return ""
    parts, owned = [f"{name} {score_text(name, scores[name])}"], f"'s {name}"
    others = [each for each in scores if each.endswith(owned)]
    parts += [f"{each.removesuffix(owned)} {score_text(name, scores[each])}" for each in others]
    if f"{name} with them" in scores:
        removed = scores["removed from the test by the filter"]
        parts.append(f"with {removed:,} removed {score_text(name, scores[f'{name} with them'])}")
    return ", ".join(parts)


def _model_text(record: RunRecord, root: Path, called: Mapping[str, list[str]], used: Collection[str | None]) -> str:
    """Say whether a run's model is used, how people call it, and whether it is still there; empty if it has none."""
    if not record.model:
        return ""
    state = record.model_state(root)
    words = ["used"] if record.id in used else []
    words += called.get(record.id, ())
    words += [] if state == "intact" else ["deleted" if state == "gone" else state]
    return ", ".join(words) or "yes"

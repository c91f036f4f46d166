"""How a run is called in the dashboard, and the nights of a model: its last runs with their decisions and numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from flows.models.decision import Headline, headline
from flows.run_records import RunRecord, read_records
from tasks.store.manifest import ManifestHead
from tasks.store.store import Store
from tasks.text import change_text, interval_text, score_text, show_controls

SHOWN = 60
"""How many nights the trend has."""


@dataclass(frozen=True)
class Night:
    """The numbers of one run of the whole pipeline."""

    run: str
    """Its ID."""
    started_at: datetime
    outcome: str
    """The decision about its model, or how it ended."""
    score: Headline | None
    photos: int | None
    """Photos that the filter kept; None: the run didn't get so far."""
    rejected: int | None
    seconds: Mapping[str, float]
    """By stage."""
    bytes: int
    """Of the artifacts that the run used, as far as they are still in the store; without photos and shards."""

    @property
    def total_s(self) -> float:
        """Seconds of all stages together."""
        return sum(self.seconds.values())


def _bytes(folder: Path) -> int:
    try:
        return sum(record.bytes for record in ManifestHead.read(folder).files.values())
    except (OSError, ValueError):  # pruned, or damaged
        return 0


def night(record: RunRecord, store: Store, bytes_of: Callable[[Path], int] = _bytes) -> Night:
    """Return the numbers of a run, from its record and the sizes of its artifacts."""
    counts = {stage.artifact.stage: stage.counts for stage in record.stages}.get("filter", {})
    kept, rejected = counts.get("kept"), counts.get("rejected")
    return Night(
        run=record.id,
        started_at=record.started_at,
        outcome=record.decision or record.current_state(store.root),
        score=headline(record),
        photos=None if kept is None else int(kept),
        rejected=None if rejected is None else int(rejected),
        seconds={stage.artifact.stage: stage.seconds for stage in record.stages},
        bytes=sum(bytes_of(store.folder(stage.artifact)) for stage in record.stages),
    )


def nights(store: Store, name: str) -> list[Night]:
    """Return the last nights of a model, oldest first: its runs of the whole pipeline, also those that failed.

    Args:
        store: The store.
        name: The model's name.
    """
    runs = [run for run in read_records(store.root) if run.model_name == name and run.until == "evaluate"]
    bytes_of = cache(_bytes)  # nights without new photos share artifacts, and a manifest may have a million lines
    return [night(run, store, bytes_of) for run in reversed(runs[:SHOWN])]


def run_name(record: RunRecord, before: Sequence[Night]) -> str:
    """Return how a run is called in the dashboard, such as `demo 26 Nov: promoted 63.9 % (+0.9 points)`.

    Args:
        record: The run.
        before: Earlier nights of its model, oldest first; the change is that from the last promoted one, if it has the
            same metric.
    """
    name = f"{show_controls(record.model_name)} {record.started_at.astimezone():%-d %b}"
    parts = [] if record.until == "evaluate" else [f"until {record.until}"]
    if record.state != "running":
        parts.append(record.decision or record.state)
    if record.state == "done" and (scored := headline(record)):
        parts.append(score_text(scored.metric, scored.value))
        promoted = [each.score for each in before if each.score and each.outcome == "promoted"]
        if promoted and promoted[-1].metric == scored.metric:
            parts.append(f"({change_text(scored.metric, scored.value - promoted[-1].value)})")
    return f"{name}: {' '.join(parts)}" if parts else name


def tags(record: RunRecord) -> list[str]:
    """Return the tags of a run: the name of its model, its preset, and the decision about its model."""
    known = (record.model_name, record.preset, record.decision.replace(" ", "-"))
    return list(dict.fromkeys(show_controls(each) for each in known if each))


def table(shown: Sequence[Night]) -> list[dict[str, str]]:
    """Return the rows of the trend's table, the newest first; what matters most is on the left, as it is wide."""
    return [
        {
            "night": f"{each.started_at.astimezone():%Y-%m-%d %H:%M}",
            "outcome": each.outcome,
            "metric": each.score.metric if each.score else "",
            "value": score_text(each.score.metric, each.score.value) if each.score else "",
            "95 % interval": interval_text(each.score.metric, each.score.low, each.score.high) if each.score else "",
            "photos": _number(each.photos),
            "rejected": _number(each.rejected),
            "seconds": f"{each.total_s:.0f}",
            "MB": f"{each.bytes / 1e6:.1f}",
            "run": each.run,
            **{f"{stage} s": f"{seconds:.1f}" for stage, seconds in each.seconds.items()},
        }
        for each in reversed(shown)
    ]


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"

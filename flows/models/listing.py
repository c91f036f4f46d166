"""The list of models: each with its scores, what was decided about it, and whether it is on the disk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows import model_names
from flows.models.decision import Decision
from flows.models.find import before_champion, names
from flows.models.registry import BEFORE_HISTORY, Registry
from flows.run_records import RunRecord, read_records
from tasks.names import nfc


@dataclass(frozen=True)
class Listed:
    """One line of the list: a decision about a run's model, or a run about whose model nothing was decided."""

    name: str
    decision: Decision
    """Without a number: nothing was decided."""
    at: datetime
    state: str
    """Whether it is used and on the disk, and what people call it; empty or several of: champion, next for rollback,
    deleted, damaged, named ..."""
    is_champion: bool = False

    @property
    def outcome(self) -> str:
        """What was decided, and why, or that a person did: `promoted: by hand (REASON)`; empty if nothing was."""
        reason = self.decision.reason
        if not self.decision.number and not reason:
            return ""
        why = reason
        if self.decision.by == "person":
            why = f"by hand ({reason})" if reason else "by hand"
        return f"{self.decision.outcome}: {why}" if why else self.decision.outcome


def list_models(root: Path, name: str | None = None) -> Iterator[Listed]:
    """Yield the models of a data folder, the newest first for each name.

    Args:
        root: The data folder.
        name: The name of models: yield all decisions about them. None: of all names, only the last decision about each
            model.

    Raises:
        UserError: A history or the record of a run is damaged.
    """
    records = [run for run in read_records(root) if run.is_good]
    given = model_names.of_runs(root)
    for each in names(root) if name is None else [name]:
        runs = [run for run in records if nfc(run.model_name) == each]
        yield from _of_name(root, each, runs, given, every=name is not None)


def _of_name(
    root: Path, name: str, records: list[RunRecord], given: Mapping[str, Sequence[str]], *, every: bool
) -> Iterator[Listed]:
    registry = Registry(root, name)
    decisions, champion, before = registry.history(), registry.champion(), before_champion(root, name)
    runs = {run.id: run for run in records}
    decided = {decision.run for decision in decisions}
    rows = [(decision.number, decision, decision.made_at) for decision in decisions]
    for run in records:
        if run.id not in decided:
            reason = BEFORE_HISTORY if run.id == champion else ""
            nothing = Decision.about(run, "promoted" if reason else "kept", reason, by="gate")
            rows.append((run.number, nothing, run.started_at))
    listed: set[str] = set()
    for _, decision, at in sorted(rows, key=lambda row: row[0], reverse=True):
        run_id = decision.run
        if run_id in listed and not every:
            continue
        is_newest = run_id not in listed
        listed.add(run_id)
        model = runs[run_id].model_state(root) if run_id in runs else "gone"
        words = [
            "champion" if run_id == champion else "",
            "next for rollback" if before and run_id == before.id else "",
            {"gone": "deleted", "damaged": "damaged", "intact": ""}[model],
            f"named {', '.join(given[run_id])}" if run_id in given else "",
        ]
        state = ", ".join(word for word in words if word) if run_id and is_newest else ""
        yield Listed(name, decision, at, state, is_champion=is_newest and run_id == champion)

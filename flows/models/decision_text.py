"""What the terminal and the report say about the decision at the end of a run."""

from collections.abc import Iterator
from pathlib import Path

from flows.models.registry import Registry
from flows.run_records import RunRecord
from tasks.evaluate.report.decision import Decided

_BADGES = {
    "promoted": "champion",
    "unchanged": "same as the champion",
    "refused": "not the champion: refused",
    "undecided": "not the champion: undecided",
    "kept": "not the champion",
}


def badge(record: RunRecord) -> Decided | None:
    """Return what the heading of the report says about the decision; None if there was none."""
    if record.decision not in _BADGES:
        return None
    is_champion = record.decision in ("promoted", "unchanged")
    reason = "" if record.decision == "unchanged" else record.reason
    return Decided(title=_BADGES[record.decision], is_champion=is_champion, reason=reason)


def lines(record: RunRecord, root: Path) -> Iterator[str]:
    """Yield what the terminal says at the end of a run about the decision; nothing if there was none.

    Args:
        record: The record of the run.
        root: The data folder.
    """
    registry = Registry(root, record.model_name)
    name, champion = registry.name, registry.champion()
    stays = f"champion of {name}: run {champion} stays" if champion else f"{name} has no champion"
    anyway = f"`fluke promote {record.id}` uses it anyway"
    match record.decision:
        case "promoted":
            yield f"champion of {name}: run {record.id}, from now on: {record.reason}"
        case "unchanged":
            yield f"{stays}; the new run has the same classifier"
        case "refused":
            yield f"{stays}; the new model was refused: {record.reason}; {anyway}"
        case "undecided":
            yield f"{stays}; undecided: {record.reason}; {anyway}"
        case "kept":
            yield f"{stays}: {record.reason}; {anyway}"
    mine = [each for each in registry.history() if each.run == record.id and each.outcome == record.decision]
    yield from (f"also: {reason}" for each in mine[-1:] for reason in each.compared.get("also", ()))

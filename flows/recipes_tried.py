"""What a training has tried and chosen, for the dashboard and the terminal."""

from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from tasks.store.json_file import read_json
from tasks.tables.train import RECIPE
from tasks.text import score_text


class Tried(NamedTuple):
    """A recipe, in words."""

    name: str
    score: str
    """Its score on the validation photos."""
    seconds: str
    outcome: str
    """Whether it was chosen, or why it was not tried."""


class _Candidate(BaseModel):
    name: str
    score: float | None = None
    seconds: float | None = None
    chosen: bool = False
    skipped: str | None = None


class _Recipe(BaseModel):
    metric: str
    candidates: list[_Candidate]


def recipes_tried(training: Path) -> list[Tried]:
    """Read what a training has tried, in order of the costs; nothing if an earlier version of fluke made it.

    Args:
        training: The folder of an artifact of the train stage.
    """
    try:
        found = read_json(RECIPE.path(training), _Recipe)
    except (OSError, ValueError):  # damaged; the store reports that elsewhere
        return []
    metric = found.metric.replace("_", " ")
    return [
        Tried(
            each.name,
            "" if each.score is None else f"{metric} {score_text(metric, each.score)}",
            "" if each.seconds is None else f"{each.seconds:.1f}",
            f"not tried: {each.skipped}" if each.skipped else "chosen" if each.chosen else "",
        )
        for each in found.candidates
    ]

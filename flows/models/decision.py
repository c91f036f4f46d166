"""A decision about the model of one run, as the registry keeps it: what was decided, why, and by whom."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.run_records import RunRecord
from tasks.store.manifest import Name, now

Choice = Literal["promoted", "refused", "undecided", "kept", "rolled back", "retired", "unchanged"]

LIST_COUNTS = ("listed", "waiting", "gone")
"""What a decision says about the test list: photos that are on it, those that wait, and those that left the crawl."""


class Headline(BaseModel):
    """A model's most important metric on its test photos, with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    metric: str
    value: float
    low: float
    high: float


class Decision(BaseModel):
    """What was decided about the model of one run."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(0, ge=0)
    """`Registry.append` sets it. It comes first, where the counter reads it."""
    name: str = ""
    """The name of the models; `Registry.append` sets it."""
    run: Name | Literal[""]
    """The ID of the run; empty: all models of this name (retired)."""
    outcome: Choice
    """promoted: it is the champion from now on. refused, undecided, kept, unchanged: the champion stays. rolled back,
    retired: it is no longer used."""
    to: Name | Literal[""] = ""
    """rolled back, retired: the run whose model is the champion from now on; empty: the champion before, if any."""
    reason: str = ""
    """One sentence."""
    by: Literal["gate", "person"]
    made_at: AwareDatetime = Field(default_factory=now)
    """For people only."""
    headline: Headline | None = None
    photos: int = 0
    """Number of photos that the filter had kept in this run."""
    compared: dict[str, Any] = {}
    """The numbers behind the decision."""

    @classmethod
    def about(
        cls,
        record: RunRecord,
        outcome: Choice,
        reason: str,
        *,
        by: Literal["gate", "person"],
        to: str = "",
        compared: dict[str, Any] | None = None,
    ) -> "Decision":
        """Return a decision about a run's model, with its headline and photos from the run's record."""
        return cls(
            run=record.id,
            outcome=outcome,
            to=to,
            reason=reason,
            by=by,
            headline=headline(record),
            photos=kept_photos(record),
            compared=compared or {},
        )


def headline(record: RunRecord) -> Headline | None:
    """Return the headline metric of a run, from its record; None if it wasn't evaluated, or by an early version."""
    counts = next((stage.counts for stage in record.stages if stage.artifact.stage == "evaluate"), {})
    metric = next((name.removesuffix(" from") for name in counts if name.endswith(" from")), "")
    if metric not in counts or f"{metric} to" not in counts:
        return None
    return Headline(metric=metric, value=counts[metric], low=counts[f"{metric} from"], high=counts[f"{metric} to"])


def kept_photos(record: RunRecord) -> int:
    """Return how many photos the filter has kept in a run, from its record; 0 if it hasn't got so far."""
    counts = next((stage.counts for stage in record.stages if stage.artifact.stage == "filter"), {})
    return int(counts.get("kept", 0))

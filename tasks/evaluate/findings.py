"""What the checks before training find, as it is stored in a run's record and in `notes.json` for the report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

BEFORE_TRAINING = "before training"
"""The key in notes.json of what is not as in earlier runs: sentences."""
DRIFT = "drift"
"""The key in notes.json of the comparisons of new photos with those trained on: each as a `Compared`."""


class Compared(BaseModel):
    """One comparison of the new photos with those that a model was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["class", "all classes", "shares", "quality"]
    name: str
    """The class, or the quality; empty for the other kinds."""
    trained_on: int
    """Photos trained on that were compared, one of each group of near duplicates."""
    new: int
    """New photos that were compared, counted in the same way."""
    distance: float
    """0: the same distribution; about 1: nothing in common. For shares: Pearson's chi-squared."""
    limit: float
    """The largest distance that may be chance."""
    p: float
    """Probability that chance gives such a distance in any of the comparisons."""
    drifted: bool
    detail: str = ""
    """How the new ones differ, e.g. `median 0.31, was 0.52`."""

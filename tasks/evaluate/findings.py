"""What the checks before training find, as it is stored in a run's record and in `notes.json` for the report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.names import visible

BEFORE_TRAINING = "before training"
"""The key in notes.json of what is not as in earlier runs: sentences."""
RUN = "run"
"""The key in notes.json of the names of the model and of the preset: two strings."""
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
    deviation: float
    """How much they differ, in standard deviations of what chance gives."""
    limit: float
    """The largest deviation that may be chance; the same for all comparisons of a night."""
    p: float
    """Probability that chance gives such a deviation in any of the comparisons."""
    drifted: bool
    detail: str = ""
    """How the new ones differ, e.g. `median 0.31, was 0.52`."""

    @property
    def what(self) -> str:
        """What is compared, in words."""
        return {
            "class": f"class {visible(self.name)!r}",
            "all classes": "all classes together",
            "shares": "shares of the classes",
            "quality": self.name,
        }[self.kind]

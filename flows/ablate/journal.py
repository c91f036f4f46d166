"""What an ablation has done so far, in DATA/ablations/<id>/progress.json: so that it continues, and `prune` knows."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.json_file import read_json
from tasks.store.manifest import Artifact, ManifestHead
from tasks.store.stage import Outcome

FOLDER = "ablations"
"""The folder in the data folder."""
_NAME = "progress.json"


class Cost(BaseModel):
    """What it took to build an artifact."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    """Seconds of wall clock, without those in which it waited for the device."""
    devices: int
    """How many GPUs computed, or 1 for the CPU."""


class Rate(BaseModel):
    """What a photo costs in a stage that computes each photo once for all artifacts."""

    model_config = ConfigDict(frozen=True)

    photos: int
    """From so many photos it is known."""
    seconds: float
    """Seconds for each."""


class Journal(BaseModel):
    """The artifacts of an ablation, and what they cost."""

    id: str
    finished: bool = False
    artifacts: list[Artifact] = []
    costs: dict[str, Cost] = {}
    """By the artifact's stage and key."""
    rates: dict[str, Rate] = {}
    """What a photo costs in a stage with a pool, by the pool."""
    built: int = 0
    """How many artifacts were built since it was read."""
    measured: Cost | None = None
    """What the stage took that has just been built."""

    @classmethod
    def read(cls, root: Path, id_: str) -> "Journal":
        """Read it; an empty one if there is none, or if it is damaged: then the costs are those of the manifests."""
        try:
            return read_json(folder(root, id_) / _NAME, cls)
        except (OSError, ValueError):
            return cls(id=id_)

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Add the outcome of a stage; an artifact that was built before keeps its cost."""
        artifact = outcome.artifact
        if artifact not in self.artifacts:
            self.artifacts.append(artifact)
        if not outcome.cached:
            self.built += 1
            cost = self.measured or Cost(seconds=round(seconds, 3), devices=1)
            self.costs[_key(artifact)] = self._alone(outcome.manifest, cost)
        elif _key(artifact) not in self.costs:  # a run of the pipeline has built it, or a killed ablation
            cost = Cost(seconds=outcome.manifest.seconds, devices=1)
            self.costs[_key(artifact)] = self._alone(outcome.manifest, cost)
        self.measured = None

    def _alone(self, manifest: ManifestHead, cost: Cost) -> Cost:
        """Add what the photos would have cost that other artifacts have computed before."""
        counts, key = manifest.counts, manifest.cache_key
        photos, new = int(counts.get("photos", counts.get("tiles", 0))), counts.get("new")
        if new is None:
            return cost
        encoder = key.parents["encoder"].digest if "encoder" in key.parents else ""
        pool = hashing.of_value([key.stage, key.version, key.config, encoder])[:24]
        if new and new > self.rates.get(pool, Rate(photos=0, seconds=0)).photos:
            self.rates[pool] = Rate(photos=int(new), seconds=cost.seconds / new)
        rate = self.rates.get(pool)
        more_s = rate.seconds * max(photos - new, 0) if rate else 0
        return cost.model_copy(update={"seconds": round(cost.seconds + more_s, 3)})

    def cost(self, artifact: Artifact) -> Cost:
        """Return what it took to build one of its artifacts."""
        return self.costs[_key(artifact)]

    def save(self, root: Path) -> None:
        """Write it atomically."""
        text = self.model_dump_json(indent=1, exclude={"built", "measured"})
        atomic_write(folder(root, self.id) / _NAME, text.encode())


def folder(root: Path, id_: str) -> Path:
    """Return the folder of an ablation."""
    return root / FOLDER / id_


def under_way(root: Path) -> Iterator[Journal]:
    """Yield the journals of the ablations that aren't finished; damaged ones are left out."""
    for path in sorted((root / FOLDER).glob(f"*/{_NAME}")):
        try:
            found = read_json(path, Journal)
        except (OSError, ValueError, ValidationError):
            continue
        if not found.finished:
            yield found


def _key(artifact: Artifact) -> str:
    return f"{artifact.stage}/{artifact.key}"

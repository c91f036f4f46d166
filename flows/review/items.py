"""What there is to look at: the doubtful photos of a filter's artifact, as the filter left them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.schema import Config, Section
from flows.pipeline import stages
from tasks.filter.review_log import Subject
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey
from tasks.store.stage import Stage, find
from tasks.store.store import Store
from tasks.tables import KEPT, REJECTED, REVIEW


@dataclass(frozen=True)
class Doubt:
    """A photo of a class that somebody may want to look at, and why."""

    subject: Subject
    name: str
    kept: bool
    """What the filter did with it."""
    reason: str
    score: float | None
    threshold: float | None
    twin: str | None
    """SHA-256 of the photo that it resembles."""
    suggestion: str | None
    """The class that it may rather be."""


@dataclass(frozen=True)
class Sheet:
    """All doubts of one filter's artifact, by reason, the most doubtful first."""

    doubts: tuple[Doubt, ...]
    files: Mapping[str, str]
    """File below the data folder, of each photo that may be shown, twins included, by SHA-256."""
    places: Mapping[str, Sequence[tuple[str, str]]]
    """Classes and names under which each photo was found, by SHA-256."""
    classes: tuple[str, ...]
    """Every class there is, sorted."""


def artifact(store: Store, config: Config, preset: str) -> Artifact:
    """The filter's artifact that a run of this config would use now; raises UserError if there is none.

    One from before the latest decisions will do: who has decided ten photos and comes back goes on with the others.
    """

    def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        cache_key = stage.cache_key(store, section, parents)
        found, _ = find(store, stage, cache_key, section)
        if found is None and stage.name == "filter":
            found = _seen_earlier(store, cache_key)
        if found is None:
            raise UserError(
                f"the photos of {preset} have not been filtered yet: run `fluke stage filter {preset}` first"
            )
        return found

    return next(made for made in stages(config, get_or_build) if made.stage == "filter")


def _seen_earlier(store: Store, cache_key: CacheKey) -> Artifact | None:
    """The newest artifact whose recipe differs in nothing but in what the filter observed: decisions, moves."""
    for manifest in store.manifests(cache_key.stage):
        same = (
            manifest.cache_key.model_copy(update={"external_inputs": cache_key.external_inputs}).digest
            == cache_key.digest
        )
        if same and store.valid(store.folder(manifest.artifact)):
            return manifest.artifact
    return None


def read(folder: Path, preset: str) -> Sheet:
    """Read a filter's tables; raises UserError if it wrote no review.parquet, as older ones didn't."""
    import pandas as pd

    if not REVIEW.path(folder).exists():
        raise UserError(
            f"{folder} has no {REVIEW.name}, it was made by an older fluke: "
            f"run `fluke stage filter {preset} --fresh filter`"
        )
    review = REVIEW.read(folder)
    columns = ["photo", "file", "label", "name"]
    others = [table.read(folder, columns) for table in (KEPT, REJECTED)]
    everything = pd.concat([review[columns], *others])
    shown = everything[everything["photo"].isin({*review["photo"], *review["twin"].dropna()})]
    places: dict[str, list[tuple[str, str]]] = {}
    for photo, label, name in zip(shown["photo"], shown["label"], shown["name"], strict=True):
        if (label, name) not in places.setdefault(photo, []):
            places[photo].append((label, name))
    review["order"] = pd.factorize(review["reason"])[0]
    rows = review.sort_values("order", kind="stable").to_dict("records")
    suggested = {str(label) for label in review["suggestion"].dropna()}
    return Sheet(
        doubts=tuple(_doubt({str(column): value for column, value in row.items()}) for row in rows),
        files=dict(zip(shown["photo"], shown["file"], strict=True)),
        places=places,
        classes=tuple(sorted({str(label) for label in everything["label"]} | suggested)),
    )


def _doubt(row: Mapping[str, Any]) -> Doubt:
    return Doubt(
        subject=Subject(row["photo"], row["label"]),
        name=row["name"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        score=_number(row["score"]),
        threshold=_number(row["threshold"]),
        twin=_text(row["twin"]),
        suggestion=_text(row["suggestion"]),
    )


def _number(value: Any) -> float | None:
    """A finite number, or None: JSON has no others."""
    import math

    return float(value) if value is not None and math.isfinite(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None

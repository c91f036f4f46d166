"""The photos to review, read from an artifact of the filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from configs.schema import Config, Section
from flows.pipeline import stages
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey
from tasks.store.stage import Stage, find
from tasks.store.store import Store
from tasks.tables import KEPT, REJECTED, REVIEW


@dataclass(frozen=True)
class ReviewItem:
    """A photo in a class that a person should check, and why."""

    key: ReviewKey
    name: str
    kept: bool
    """Whether the filter kept it."""
    reason: str
    score: float | None
    threshold: float | None
    duplicate_of: str | None
    """SHA-256 of the photo that it duplicates or contradicts."""
    suggestion: str | None
    """The class that it may belong to instead."""
    decided_as: str | None = None
    """The class under which the log has its decision, if that class has been renamed since."""


@dataclass(frozen=True)
class ReviewList:
    """All items of one artifact of the filter, by reason, the most doubtful first."""

    items: tuple[ReviewItem, ...]
    files: Mapping[str, str]
    """Path below the data folder of each photo that can be shown, duplicates included; by SHA-256."""
    places: Mapping[str, Sequence[tuple[str, str]]]
    """Classes and names under which the crawl found each photo, by SHA-256."""
    classes: tuple[str, ...]
    """All classes, sorted."""

    @cached_property
    def renamed(self) -> dict[ReviewKey, ReviewKey]:
        """The item's key for each photo and class under which the log has a decision about a renamed class."""
        return {
            ReviewKey(item.key.photo, item.decided_as): item.key for item in self.items if item.decided_as is not None
        }

    def decisions(self, root: Path) -> dict[ReviewKey, Decision]:
        """Read the decisions in effect, by the keys of the items; the latest counts, if a class has been renamed."""
        return {self.renamed.get(key, key): decision for key, decision in review_log.read(root).items()}


def artifact(store: Store, config: Config, preset: str) -> Artifact:
    """Return the filter's artifact that a run of this config would use now.

    Decisions change which artifact that is. If none exists yet for the latest decisions, the newest one from before is
    returned, so that a reviewer can continue where they stopped.

    Args:
        store: The store of artifacts.
        config: The settings of the run.
        preset: The preset and its overrides, for the message.

    Raises:
        UserError: The photos have not been filtered yet.
    """

    def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        cache_key = stage.cache_key(store, section, parents)
        found, _ = find(store, stage, cache_key, section)
        if found is None and stage.name == "filter":
            found = _artifact_before_decisions(store, cache_key)
        if found is None:
            raise UserError(
                f"the photos of {preset} have not been filtered yet: run `fluke stage filter {preset}` first"
            )
        return found

    return next(made for made in stages(config, get_or_build) if made.stage == "filter")


def _artifact_before_decisions(store: Store, cache_key: CacheKey) -> Artifact | None:
    """Return the newest artifact whose cache key differs only in the external inputs: decisions, moves, files."""
    for manifest in store.manifests(cache_key.stage):
        same = (
            manifest.cache_key.model_copy(update={"external_inputs": cache_key.external_inputs}).digest
            == cache_key.digest
        )
        if same and store.valid(store.folder(manifest.artifact)):
            return manifest.artifact
    return None


def read(folder: Path, preset: str) -> ReviewList:
    """Read the photos to review from an artifact of the filter.

    Raises:
        UserError: The artifact has no review.parquet, because an older version wrote it.
    """
    import pandas as pd

    if not REVIEW.path(folder).exists():
        raise UserError(
            f"{folder} has no {REVIEW.name}, because an older version of fluke wrote it; "
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
    return ReviewList(
        items=tuple(_item({str(column): value for column, value in row.items()}) for row in rows),
        files=dict(zip(shown["photo"], shown["file"], strict=True)),
        places=places,
        classes=tuple(sorted({str(label) for label in everything["label"]} | suggested)),
    )


def _item(row: Mapping[str, Any]) -> ReviewItem:
    return ReviewItem(
        key=ReviewKey(row["photo"], row["label"]),
        name=row["name"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        score=_number(row["score"]),
        threshold=_number(row["threshold"]),
        duplicate_of=_text(row["twin"]),
        suggestion=_text(row["suggestion"]),
        decided_as=_text(row["decided_as"]),
    )


def _number(value: Any) -> float | None:
    """Return a finite number, or None: JSON has no NaN and no infinity."""
    import math

    return float(value) if value is not None and math.isfinite(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None

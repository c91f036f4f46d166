"""The photos to review, read from an artifact of the filter."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from configs.schema import Config, Section
from flows.pipeline import stages
from tasks.filter import review_log
from tasks.filter.review_keys import apply_decisions
from tasks.filter.review_log import Action, Log, Opinion, ReviewKey
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey
from tasks.store.stage import Stage, find
from tasks.store.store import Store
from tasks.tables.filter import KEPT, REJECTED, REVIEW

if TYPE_CHECKING:
    import pandas as pd

    from flows.review.similar import StoredFeatures


Row = TypeVar("Row")


@dataclass(frozen=True)
class Answer:
    """What the model in use answered to a photo of validation or test."""

    predicted: str
    """The most likely class."""
    probability: float
    """Its calibrated probability, 0..1."""
    is_wrong: bool


@dataclass(frozen=True)
class ReviewItem:
    """A photo in a class that a person can check, and why it is listed."""

    key: ReviewKey
    name: str
    kept: bool
    """Whether the filter kept it."""
    reason: str
    """Why it is doubtful; empty if it isn't."""
    score: float | None
    threshold: float | None
    duplicate_of: str | None
    """SHA-256 of the photo that it duplicates or contradicts."""
    suggestion: str | None
    """The class that it may belong to instead."""
    split: str | None = None
    """train, val, test, or rejected; None if it isn't known yet."""
    answer: Answer | None = None
    """What the model in use answers; None if it wasn't asked."""

    @classmethod
    def of_kept(cls, key: ReviewKey, name: str, reason: str, score: float, suggestion: str | None) -> Self:
        """Return the item of a photo that the filter keeps, and that something else doubts."""
        return cls(key, name, True, reason, score, None, None, suggestion)


@dataclass(frozen=True)
class Made:
    """A decision in effect about an item, and where the log has it."""

    action: Action
    to: str
    """The new class of a move, by its present name; empty for the other actions."""
    key: ReviewKey
    """Photo and class in the log; the class may have another name now."""
    row: str
    """Which row of the log made it: two decisions about one photo never have the same."""
    by: str = ""
    """The name of the reviewer; empty if the log doesn't say it."""
    differing: tuple[Opinion, ...] = ()
    """What other reviewers decided otherwise."""


@dataclass(frozen=True)
class ReviewList:
    """The doubtful photos of one artifact of the filter, by reason, the most doubtful first; and all its photos."""

    folder: Path
    """The folder of the artifact."""
    items: tuple[ReviewItem, ...]
    files: Mapping[str, str]
    """Path below the data folder of each photo that can be shown, duplicates included; by SHA-256."""
    places: Mapping[str, Sequence[tuple[str, str]]]
    """Classes and names under which the crawl found each photo, by SHA-256."""
    classes: tuple[str, ...]
    """All classes, sorted."""

    crawled: frozenset[ReviewKey]
    """All photos of the artifact, in the classes under which the crawl found them."""
    training: Path | None = None
    """The folder of the training whose doubtful labels are among the items."""
    photos: tuple[ReviewItem, ...] = ()
    """All photos, doubtful or not, by class and name."""
    photo_files: Mapping[str, str] = field(default_factory=dict)
    """Path below the data folder of each of these photos, by SHA-256."""
    features: "StoredFeatures | None" = None
    """What photos are compared by; None before the first model."""

    @cached_property
    def keys(self) -> frozenset[ReviewKey]:
        """The photos and classes of all items."""
        return frozenset(item.key for item in self.items)

    @cached_property
    def _labels(self) -> frozenset[str]:
        """The classes of the crawl, and the empty one of decisions that move nothing."""
        return frozenset(label for _, label in self.crawled) | {""}

    def in_effect(self, log: Log) -> dict[ReviewKey, Made]:
        """Return the decisions about the photos of this list, by the classes that they have in it.

        A decision made under another name of a class, before or since, counts as the filter would apply it.
        """
        decisions = {key: entry.decision for key, entry in log.items()}
        decided_as: Mapping[ReviewKey, ReviewKey] = {}
        if not all(key in self.crawled and decision.to in self._labels for key, decision in decisions.items()):
            applied = apply_decisions(decisions, self.crawled)
            decisions, decided_as = applied.by_key, applied.decided_as
        found = {}
        for key, decision in decisions.items():
            logged = decided_as.get(key, key)
            entry = log[logged]
            row = f"{entry.number} {logged.label}"
            found[key] = Made(decision.action, decision.to, logged, row, entry.by, entry.differing)
        return found

    def decisions(self, root: Path) -> dict[ReviewKey, Made]:
        """Read the decisions in effect; raises UserError if the log is damaged."""
        return self.in_effect(review_log.entries(root))


def first_undecided(
    rows: Iterable[tuple[ReviewKey, Row]], most: int, decided: Collection[ReviewKey]
) -> Iterator[tuple[ReviewKey, Row]]:
    """Yield the first `most` rows without a decision, and those with one that come before the next of these."""
    left = most
    for key, row in rows:
        if key not in decided:
            if not left:
                return
            left -= 1
        yield key, row


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


def newer(store: Store, config: Config, preset: str, than: Path) -> Path | None:
    """Return the folder of the artifact that a review would show now, if it was published after another one.

    Args:
        store: The store of artifacts.
        config: The settings of the run.
        preset: The preset and its overrides.
        than: The folder of the other artifact.
    """
    try:
        folder = store.folder(artifact(store, config, preset))
    except UserError:  # the photos have changed, and the filter has not run since
        return None
    return folder if published_after(store, "filter", folder, than) else None


def published_after(store: Store, stage: str, folder: Path, than: Path | None) -> bool:
    """Return whether the artifact in a folder was published after another one of its stage, or there is no other."""
    order = [store.folder(manifest.artifact) for manifest in store.manifests(stage)]
    return folder in order and (than is None or order.index(folder) < [*order, than].index(than))


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
        folder=folder,
        items=tuple(_item({str(column): value for column, value in row.items()}) for row in rows),
        files=dict(zip(shown["photo"], shown["file"], strict=True)),
        places=places,
        classes=tuple(sorted({str(label) for label in everything["label"]} | suggested)),
        crawled=_crawled(review, others),
    )


def _crawled(review: "pd.DataFrame", others: Sequence["pd.DataFrame"]) -> frozenset[ReviewKey]:
    """Return all photos, in the classes under which the crawl found them.

    The other tables have the new class of a photo that was moved by hand; the table for the review has the crawl's.
    """
    import pandas as pd

    listed = [*map(ReviewKey._make, zip(review["photo"], review["label"], strict=True))]
    moved = set(review.loc[review["decision"] == "move", "photo"])
    rest = pd.concat(others)
    rest = rest[~rest["photo"].isin(moved)]
    return frozenset(listed).union(map(ReviewKey._make, zip(rest["photo"], rest["label"], strict=True)))


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
    )


def _number(value: Any) -> float | None:
    """Return a finite number, or None: JSON has no NaN and no infinity."""
    import math

    return float(value) if value is not None and math.isfinite(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None

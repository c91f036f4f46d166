"""The labels that the newest training doubts, as photos to review.

Only photos that the present filter keeps for train or validation are listed: no classifier has judged the test photos,
because those that judge have learned from train and validation photos alone.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from flows.review.items import ReviewItem, ReviewList, first_undecided
from tasks.filter.review_log import ReviewKey
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store
from tasks.tables.filter import KEPT
from tasks.tables.train import LABEL_ISSUES

REASON = "label may be wrong"
HINTS = {
    REASON: "Classifiers that have not learned from these photos of train and validation expect another class. The "
    "photos of the test are not judged."
}
"""What people read below the heading of a reason."""


def newest_training(store: Store, filtered: Artifact) -> Path | None:
    """Return the folder of the newest training on photos that were crawled and split with the same settings.

    Args:
        store: The store of artifacts.
        filtered: The artifact of the filter that is reviewed.
    """
    wanted = _origin(store, filtered)
    for manifest in store.manifests("train"):
        folder = store.folder(manifest.artifact)
        kept = manifest.cache_key.parents.get("kept")
        if kept and wanted and _origin(store, kept) == wanted and LABEL_ISSUES.path(folder).exists():
            return folder
    return None


def add(listed: ReviewList, training: Path, most: int, decided: Collection[ReviewKey]) -> ReviewList:
    """Return a list that begins with the labels that a training doubts most.

    A photo that the filter lists as well is not listed twice, but gets the suggestion. A photo that was moved by hand
    is not listed, since a person chose its class. Photos with a decision don't count.

    Args:
        listed: What the filter lists.
        training: The folder of the training.
        most: How many photos without a decision to list.
        decided: The photos with a decision.

    Raises:
        UserError: The table of the training is damaged.
    """
    kept = KEPT.read(listed.folder, ["photo", "file", "label", "name", "split"])
    doubts = LABEL_ISSUES.read(training).merge(kept[kept["split"] != "test"], on=["photo", "label"])
    doubtful: dict[ReviewKey, ReviewItem] = {}
    files: dict[str, str] = {}
    rows = ((ReviewKey(row["photo"], row["label"]), row) for row in doubts.to_dict("records"))
    crawled = ((key, row) for key, row in rows if key in listed.crawled)
    for key, row in first_undecided(crawled, most, decided):
        doubtful[key] = ReviewItem.of_kept(key, row["name"], REASON, float(row["doubt"]), row["suggestion"])
        files[key.photo] = row["file"]
    both = [
        replace(item, suggestion=item.suggestion or doubtful[item.key].suggestion) if item.key in doubtful else item
        for item in listed.items
    ]
    own = [item for key, item in doubtful.items() if key not in listed.keys]
    suggested = {item.suggestion for item in doubtful.values() if item.suggestion}
    return replace(
        listed,
        items=(*own, *both),
        files={**files, **listed.files},
        classes=tuple(sorted({*listed.classes, *suggested})),
        training=training,
    )


def _origin(store: Store, filtered: Artifact) -> tuple[object, object] | None:
    """Return the settings of the crawl behind an artifact of the filter, and the filter's memory; None if deleted."""
    try:
        made = Manifest.read(store.folder(filtered)).cache_key
        crawl = Manifest.read(store.folder(made.parents["photos"])).cache_key
    except (OSError, ValueError, KeyError):
        return None
    return crawl.config, made.config.get("memory")

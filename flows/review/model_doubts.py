"""What the model in use gets wrong with confidence, and what it is least sure of, as photos to review.

These are photos of validation and test, because the model has learned the others by heart. A decision leaves them in
their split: a test photo whose class was corrected stays in the test, and nothing is trained on it.
"""

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.review.items import ReviewItem, ReviewList, first_undecided
from flows.run_records import RunRecord
from tasks.filter.review_log import ReviewKey
from tasks.store.store import Store
from tasks.tables.evaluate import PREDICTIONS
from tasks.tables.filter import KEPT

if TYPE_CHECKING:
    import pandas as pd

MISTAKE = "confident mistake"
UNSURE = "model is unsure"
HINTS = {
    MISTAKE: "The model in use is sure of another class. These are photos of validation and test: correct a label that "
    "is wrong, but keep what is only hard. Without the hard photos, the test would flatter the model.",
    UNSURE: "Of the photos of validation and test, these are in the tenth that the model in use is least sure of. More "
    "photos like them would help it most. Correct a label that is wrong, but keep what is only hard.",
}
"""What people read below the heading of a reason."""
_UNSURE = 0.1
"""The share of the answers that are called unsure, the least probable ones: a list of all photos would tell nothing."""


def evaluation_of(store: Store, champion: RunRecord) -> Path | None:
    """Return the folder of a run's evaluation; None if it has been deleted."""
    folder = store.folder(champion.stages[-1].artifact)
    return folder if PREDICTIONS.path(folder).exists() else None


def add(listed: ReviewList, evaluation: Path, most: int, decided: Collection[ReviewKey]) -> ReviewList:
    """Return a list that goes on with the most confident mistakes of a model, and the photos it is least sure of.

    Photos that are listed already, or that the filter doesn't keep any more in their class, are left out.

    Args:
        listed: What is listed so far.
        evaluation: The folder of the evaluation of the model.
        most: How many photos without a decision to list for each of the two reasons.
        decided: The photos with a decision.

    Raises:
        UserError: The table of the evaluation is damaged.
    """
    columns = ["photo", "label", "predicted", "probability"]
    kept = KEPT.read(listed.folder, ["photo", "file", "label", "name", "split"])
    answers = PREDICTIONS.read(evaluation, columns).merge(kept[kept["split"] != "train"], on=["photo", "label"])
    keys = map(ReviewKey._make, zip(answers["photo"], answers["label"], strict=True))
    answers = answers[[key in listed.crawled for key in keys]]
    wrong = answers[answers["predicted"] != answers["label"]].sort_values(
        ["probability", "photo"], ascending=[False, True]
    )
    unsure = answers.sort_values(["probability", "photo"]).head(math.ceil(_UNSURE * len(answers)))
    items: dict[ReviewKey, ReviewItem] = {}
    for reason, rows in ((MISTAKE, wrong), (UNSURE, unsure)):
        items |= _first(rows, reason, most, listed.keys | items.keys(), decided)
    photos = {key.photo for key in items}
    files = {row["photo"]: row["file"] for row in kept.to_dict("records") if row["photo"] in photos}
    suggested = {item.suggestion for item in items.values() if item.suggestion}
    return replace(
        listed,
        items=(*listed.items, *items.values()),
        files={**files, **listed.files},
        classes=tuple(sorted({*listed.classes, *suggested})),
    )


def _first(
    rows: "pd.DataFrame",
    reason: str,
    most: int,
    known: Collection[ReviewKey],
    decided: Collection[ReviewKey],
) -> dict[ReviewKey, ReviewItem]:
    """Return items of the first rows that aren't known yet, see `first_undecided`."""
    numbered = ((ReviewKey(row["photo"], row["label"]), row) for row in rows.to_dict("records"))
    new = ((key, row) for key, row in numbered if key not in known)
    found: dict[ReviewKey, ReviewItem] = {}
    for key, row in first_undecided(new, most, decided):
        suggestion = row["predicted"] if row["predicted"] != row["label"] else None
        found[key] = ReviewItem.of_kept(key, row["name"], reason, float(row["probability"]), suggestion)
    return found

"""All photos of the filter's artifact, beside the doubtful ones: with their split, and the answers of the model in use.

The answers are those of its evaluation: they are about photos of validation and test, because the model has learned
the others by heart.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.review.items import Answer, ReviewItem, ReviewList
from flows.review.similar import StoredFeatures
from tasks.filter.review_log import ReviewKey
from tasks.tables.evaluate import PREDICTIONS
from tasks.tables.filter import KEPT, REJECTED, REVIEW

if TYPE_CHECKING:
    import pandas as pd


def add(listed: ReviewList, evaluation: Path | None, features: StoredFeatures | None = None) -> ReviewList:
    """Return a list that also has all photos, by class and name; the doubtful ones get split and answer as well.

    Args:
        listed: What is listed so far.
        evaluation: The folder of the evaluation of the model in use; None if there is none.
        features: The stored features of its run; None if there are none.

    Raises:
        UserError: A table is damaged.
    """
    rows = _rows(listed)
    splits = {photo: split for photo, split in zip(rows["photo"], rows["split"], strict=True) if split}
    answers = _answers(evaluation)
    doubtful: dict[ReviewKey, ReviewItem] = {}

    def known(item: ReviewItem) -> ReviewItem:
        split = splits.get(item.key.photo, "train") if item.kept else "rejected"
        answer = answers.get((item.key.photo, item.key.label)) or answers.get((item.key.photo, ""))
        return replace(item, split=split, answer=answer)

    items = tuple(map(known, listed.items))
    for item in items:
        doubtful.setdefault(item.key, item)
    photos = []
    for row in rows.to_dict("records"):
        key = ReviewKey(row["photo"], row["label"])
        if key in doubtful:
            photos.append(doubtful[key])
        elif key in listed.crawled:
            photos.append(known(_item(key, row, answers)))
    unlisted = doubtful.keys() - {item.key for item in photos}
    photos += [doubtful[key] for key in unlisted]
    photos.sort(key=lambda item: (item.key.label.casefold(), item.key.label, item.name, item.key.photo))
    files = dict(zip(rows["photo"], rows["file"], strict=True))
    return replace(listed, items=items, photos=tuple(photos), photo_files={**files, **listed.files}, features=features)


def _rows(listed: ReviewList) -> "pd.DataFrame":
    """Return photo, file, label, name, kept, reason and split of all photos, each photo and class once."""
    import pandas as pd

    columns = ["photo", "file", "label", "name"]
    kept = KEPT.read(listed.folder, [*columns, "split"]).assign(kept=True, reason="")
    rejected = REJECTED.read(listed.folder, [*columns, "reason"]).assign(kept=False, split="")
    moved = REVIEW.read(listed.folder, [*columns, "kept"]).assign(reason="", split="")
    rows = pd.concat([kept, rejected, moved], ignore_index=True)
    return rows.drop_duplicates(["photo", "label"])


def _answers(evaluation: Path | None) -> Mapping[tuple[str, str], Answer]:
    """Return the answers by photo and true class, and by photo alone with an empty class."""
    if evaluation is None:
        return {}
    rows = PREDICTIONS.read(evaluation, ["photo", "label", "predicted", "probability"])
    found: dict[tuple[str, str], Answer] = {}
    for photo, label, predicted, probability in rows.itertuples(index=False):
        answer = Answer(predicted, float(probability), is_wrong=predicted != label)
        found[photo, label] = found[photo, ""] = answer
    return found


def _item(key: ReviewKey, row: Mapping[Any, Any], answers: Mapping[tuple[str, str], Answer]) -> ReviewItem:
    answer = answers.get((key.photo, key.label))
    return ReviewItem(
        key=key,
        name=str(row["name"]),
        kept=bool(row["kept"]),
        reason=str(row["reason"]),
        score=None,
        threshold=None,
        duplicate_of=None,
        suggestion=answer.predicted if answer and answer.is_wrong else None,
    )

"""The answers of two models to the same listed photos, none of which either of them has trained on.

The answers that a model gave in its own evaluation are used. Photos that it wasn't asked about then, such as those that
joined the list later, are predicted now, from the stored photos and with the decision rule of `fluke predict`.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flows.run_records import RunRecord
from tasks import tables
from tasks.inference.arrays import NO_ANSWER, ScoredPredictions
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.progress import Progress
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_LEAST = 0.5
"""Share of the listed photos that must be comparable. Fewer say nothing about the list."""
_RANKS = 5
"""So many classes of each photo are predicted: mAP@5 needs no more."""


class NotComparableError(Exception):
    """Why two models can't be compared, in one clause."""


@dataclass(frozen=True)
class Answers:
    """What two models answer to n photos of the list."""

    photos: tuple[str, ...]
    """(n,) their SHA-256."""
    challenger: ScoredPredictions
    """(n,) without losses."""
    champion: ScoredPredictions
    """(n,) without losses."""
    groups: NDArray[Any]
    """(n,) the group of near duplicates of each photo."""
    names: tuple[str, ...]
    """The names of the classes, in the order of their numbers."""
    notes: tuple[str, ...]
    """What a user must know: which listed photos are left out."""


@dataclass(frozen=True)
class _Side:
    """One of the two models, and the files that tell about it."""

    store: Store
    record: RunRecord

    def folder(self, stage: str) -> Path:
        found = [each.artifact for each in self.record.stages if each.artifact.stage == stage]
        return self.store.folder(found[-1])

    def knows(self) -> set[str]:
        """Return the classes that it can answer with, apart from the unknown class."""
        return set(read_json(tables.LABELS.path(self.folder("train")), list[str]))

    def unknown_label(self) -> str | None:
        """Return the answer for photos of unknown classes; None if it has no such answer."""
        from tasks.inference.decision import DecisionRule

        return DecisionRule.read(self.folder("evaluate")).unknown_label

    def has_trained_on(self, listed: "pd.DataFrame") -> NDArray[np.bool_]:
        """Say for each listed photo (n,) whether the model was trained on it, or on a near duplicate of it."""
        kept, rejected = tables.KEPT.read(self.folder("filter")), tables.REJECTED.read(self.folder("filter"))
        refitted = bool(read_json(tables.RECIPE.path(self.folder("train")), dict[str, Any])["refitted"])
        splits = ["train", "val"] if refitted else ["train"]
        used = kept[kept["split"].isin(splits)]
        # A rejected duplicate has the split of its group.
        resembles = {*used["photo"], *rejected.loc[rejected["split"].isin(splits), "photo"]}
        resembles |= set(tables.TRAINED_ON.read(self.folder("train"))["photo"])  # also by the classifier before it
        groups = {*used["group"], *used["photo"]}
        group_now = listed["photo"].map(kept.drop_duplicates("photo").set_index("photo")["group"])
        found = listed["photo"].isin(resembles) | listed["group"].isin(groups) | group_now.isin(groups)
        return found.to_numpy(bool)

    def answers(self, listed: "pd.DataFrame", threads: Executor, progress: Progress) -> "pd.DataFrame":
        """Return predicted, top_names, label and rank of each listed photo that has an answer, by photo.

        `rank` is that of `label` when the model was evaluated; both are missing for photos that are predicted now.
        """
        import pandas as pd

        columns = ["photo", "predicted", "top_names", "label", "rank"]
        stored = tables.PREDICTIONS.read(self.folder("evaluate"))[columns].drop_duplicates("photo")
        stored = stored[stored["photo"].isin(listed["photo"])]
        missing = listed[~listed["photo"].isin(stored["photo"])]
        parts = [stored.set_index("photo")]
        if len(missing):
            parts.append(self._predicted(missing, threads, progress))
        return pd.concat(parts)

    def _predicted(self, photos: "pd.DataFrame", threads: Executor, progress: Progress) -> "pd.DataFrame":
        import pandas as pd

        from flows.predict.model import of_run
        from flows.predict.predict import predict

        paths = [self.store.root / file for file in photos["file"].tolist()]
        named = zip(photos["photo"].tolist(), paths, strict=True)
        there: list[tuple[str, Path]] = [(photo, path) for photo, path in named if path.is_file()]
        rows: list[dict[str, Any]] = []
        if there:
            table = predict(of_run(self.store, self.record), there, top_k=_RANKS, threads=threads, progress=progress)
            ranks = [name for name in table.columns if name.startswith("class_")]
            for row in table[table["error"] == ""].to_dict("records"):
                top = [row[rank] for rank in ranks if isinstance(row[rank], str)]
                rows.append({"photo": row["image"], "predicted": top[0], "top_names": top, "label": None, "rank": None})
        return pd.DataFrame(rows, columns=["photo", "predicted", "top_names", "label", "rank"]).set_index("photo")


def answers(
    store: Store,
    challenger: RunRecord,
    champion: RunRecord,
    listed: "pd.DataFrame",
    *,
    threads: Executor,
    progress: Progress,
) -> Answers:
    """Let two models answer the listed photos.

    Args:
        store: The store that contains both.
        challenger: The record of the new model's run.
        champion: The record of the run whose model is in use.
        listed: The list, with the columns of `flows.models.test_list.COLUMNS`.
        threads: Decode photos.
        progress: Reports how many photos are predicted.

    Raises:
        NotComparableError: The champion can't be read, or too few photos can be compared.
    """
    ours, theirs = _Side(store, challenger), _Side(store, champion)
    seen_by_us = ours.has_trained_on(listed)
    try:
        seen_by_them = theirs.has_trained_on(listed)
        usable = listed[~(seen_by_us | seen_by_them)]
        old = theirs.answers(usable, threads, progress)
        known, unknown = ours.knows() | theirs.knows(), ours.unknown_label() or theirs.unknown_label()
    except (OSError, UserError) as error:
        raise NotComparableError(f"the champion, run {champion.id}, can't be asked: {error}") from error
    new = ours.answers(usable, threads, progress)
    rows = usable[usable["photo"].isin(new.index) & usable["photo"].isin(old.index)]
    left_out = [
        (int(seen_by_us.sum()), "the new model has trained on them or on near copies"),
        (int((seen_by_them & ~seen_by_us).sum()), "the champion has trained on them or on near copies"),
        (len(usable) - len(rows), "their files are gone or can't be read"),
    ]
    why = ", ".join(f"{count:,}: {reason}" for count, reason in left_out if count)
    if len(rows) < max(_LEAST * len(listed), 1):
        raise NotComparableError(f"only {len(rows):,} of {len(listed):,} listed photos can be compared ({why})")
    truth = [label if label in known else unknown or label for label in rows["label"]]
    old, new = old.loc[rows["photo"]], new.loc[rows["photo"]]
    names = sorted({*truth, *old["predicted"], *new["predicted"]})
    return Answers(
        tuple(rows["photo"]),
        _scored(new, truth, names),
        _scored(old, truth, names),
        rows["group"].to_numpy(),
        tuple(names),
        (f"{len(listed) - len(rows):,} of {len(listed):,} listed photos aren't compared ({why})",) if why else (),
    )


def _scored(found: "pd.DataFrame", truth: Sequence[str], names: Sequence[str]) -> ScoredPredictions:
    """Score answers; `truth`: the true class of each row. Classes behind the stored ones have no rank."""
    number = {name: i for i, name in enumerate(names)}
    ranks = []
    for true, label, rank, top in zip(truth, found["label"], found["rank"], found["top_names"], strict=True):
        listed = list(top)
        ranks.append(int(rank) if label == true else listed.index(true) + 1 if true in listed else NO_ANSWER)
    return ScoredPredictions(
        np.array([number[name] for name in truth], np.int64),
        np.array([number[name] for name in found["predicted"]], np.int64),
        np.array(ranks, np.int64),
        np.zeros(len(ranks)),
        len(names),
    )

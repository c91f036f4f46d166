"""The answers of two models to the same listed photos, none of which either of them has trained on.

The answers that a model gave in its own evaluation are used. Photos that it wasn't asked about then, such as those that
joined the list later, are predicted now, from the stored photos and with the decision rule of `fluke predict`.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
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
_COLUMNS = ("predicted", "top_names", "top_probabilities", "label", "rank")
_MOST_DOUBTED = 0.1
"""A model contradicts a label to which it gives at most this probability. If the models are calibrated, at most 10 % of
such labels are right, so that few photos that are only hard wait."""


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
    doubted: NDArray[np.bool_]
    """(n,) whether both models contradict the label of the photo; one of them, if the other doesn't know the class."""
    names: tuple[str, ...]
    """The names of the classes, in the order of their numbers."""
    notes: tuple[str, ...]
    """What a user must know: which listed photos are left out."""

    def among(self, photos: Iterable[str]) -> NDArray[np.bool_]:
        """(n,) which photos are among some others."""
        known = set(photos)
        return np.array([photo in known for photo in self.photos], bool)

    def only(self, where: NDArray[np.bool_]) -> "Answers":
        """Return the answers to a part of the photos; `where`: (n,)."""
        return replace(
            self,
            photos=tuple(photo for photo, is_in in zip(self.photos, where, strict=True) if is_in),
            challenger=self.challenger.only(where),
            champion=self.champion.only(where),
            groups=self.groups[where],
            doubted=self.doubted[where],
        )


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
        return set(read_json(tables.train.LABELS.path(self.folder("train")), list[str]))

    def unknown_label(self) -> str | None:
        """Return the answer for photos of unknown classes; None if it has no such answer."""
        from tasks.inference.decision import DecisionRule

        return DecisionRule.read(self.folder("evaluate")).unknown_label

    def has_trained_on(self, listed: "pd.DataFrame") -> NDArray[np.bool_]:
        """Say for each listed photo (n,) whether the model was trained on it, or on a near duplicate of it."""
        kept, rejected = (
            tables.filter.KEPT.read(self.folder("filter")),
            tables.filter.REJECTED.read(self.folder("filter")),
        )
        refitted = bool(read_json(tables.train.RECIPE.path(self.folder("train")), dict[str, Any])["refitted"])
        splits = ["train", "val"] if refitted else ["train"]
        used = kept[kept["split"].isin(splits)]
        # A rejected duplicate has the split of its group.
        resembles = {*used["photo"], *rejected.loc[rejected["split"].isin(splits), "photo"]}
        resembles |= set(
            tables.train.TRAINED_ON.read(self.folder("train"))["photo"]
        )  # also by the classifier before it
        groups = {*used["group"], *used["photo"]}
        group_now = listed["photo"].map(kept.drop_duplicates("photo").set_index("photo")["group"])
        found = listed["photo"].isin(resembles) | listed["group"].isin(groups) | group_now.isin(groups)
        return found.to_numpy(bool)

    def answers(self, listed: "pd.DataFrame", threads: Executor, progress: Progress) -> "pd.DataFrame":
        """Return the columns `_COLUMNS` for each listed photo that has an answer, by photo.

        `rank` is that of `label` when the model was evaluated; both are missing for photos that are predicted now.
        """
        import pandas as pd

        stored = tables.evaluate.PREDICTIONS.read(self.folder("evaluate"))[["photo", *_COLUMNS]].drop_duplicates(
            "photo"
        )
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
                top = {
                    row[rank]: row.get(f"probability_{rank[6:]}", 1.0) for rank in ranks if isinstance(row[rank], str)
                }
                found = {"predicted": next(iter(top)), "top_names": [*top], "top_probabilities": [*top.values()]}
                rows.append({"photo": row["image"], **found, "label": None, "rank": None})
        return pd.DataFrame(rows, columns=["photo", *_COLUMNS]).set_index("photo")


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
        we_know, they_know = ours.knows(), theirs.knows()
        known, unknown = we_know | they_know, ours.unknown_label() or theirs.unknown_label()
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
        _doubted(rows["label"], [(we_know, new), (they_know, old)]),
        tuple(names),
        (f"{len(listed) - len(rows):,} of {len(listed):,} listed photos aren't compared ({why})",) if why else (),
    )


def own_doubts(store: Store, record: RunRecord, listed: "pd.DataFrame") -> dict[str, bool]:
    """Say which labels the model of a run contradicts alone, as far as its evaluation answers the photos.

    Args:
        store: The store that contains it.
        record: The record of the run.
        listed: The list and its candidates.
    """
    side = _Side(store, record)
    stored = tables.evaluate.PREDICTIONS.read(side.folder("evaluate"))[["photo", *_COLUMNS]].drop_duplicates("photo")
    rows = listed[listed["photo"].isin(stored["photo"])]
    doubted = _doubted(rows["label"], [(side.knows(), stored.set_index("photo").loc[rows["photo"]])])
    return dict(zip(rows["photo"], doubted.tolist(), strict=True))


def _doubted(labels: "pd.Series[str]", models: Sequence[tuple[set[str], "pd.DataFrame"]]) -> NDArray[np.bool_]:
    """Say for each label whether all models that know the class are nearly sure of another one.

    Args:
        labels: (n,) the label of each photo.
        models: The classes that each model knows, and its answers to the photos, with the columns `_COLUMNS`.
    """
    is_known, is_possible = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for known, answered in models:
        columns = (labels, answered["top_names"], answered["top_probabilities"])
        for i, (label, names, shares) in enumerate(zip(*columns, strict=True)):
            if label in known:
                # A class behind the stored ones has at most the probability of the last of these.
                given = dict(zip(names, shares, strict=False)).get(label, min(shares, default=1.0))
                is_known[i] = True
                is_possible[i] |= names[0] == label or given > _MOST_DOUBTED
    return is_known & ~is_possible


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

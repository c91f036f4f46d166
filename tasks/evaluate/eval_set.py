"""What an evaluation asks: the photos that were held out, what may be answered, and what is right."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.inference.arrays import Floats, Ids
from tasks.store.errors import UserError
from tasks.store.shards import LazyRows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvalSet:
    """The kept photos, n of them, and what may be answered."""

    rows: "pd.DataFrame"
    """As in kept.parquet."""
    labels: list[str]
    """The classes that the classifier knows."""
    unknown_label: str | None
    names: list[str]
    """Of all answers and true classes."""
    truth: Ids
    """(n,) numbers of names."""

    @classmethod
    def read(cls, config: EvaluateConfig, kept: Path, classifier: Path) -> Self:
        """Read them; raises UserError where nothing can be measured or tuned."""
        rows = tables.KEPT.read(kept)
        labels: list[str] = json.loads(tables.LABELS.path(classifier).read_text(encoding="utf-8"))
        if not (rows["split"] == "test").any():
            raise UserError(
                "no photo is in the test split, so nothing can be measured; "
                "get more photos of each class, or raise filter.test_fraction"
            )
        unknown_label = config.unknown_label if config.unknown == "threshold" else None
        if unknown_label in labels:
            raise UserError(
                f"evaluate.unknown_label={unknown_label}: the classifier was trained on a class of that name; "
                f"name it in filter.unseen_classes=[{unknown_label}], or choose another label"
            )
        if unknown_label and not ((rows["split"] == "val") & ~rows["label"].isin(labels)).any():
            raise UserError(
                "evaluate.unknown=threshold: no validation photo is of a class that was never trained on, so there is "
                "nothing to tune it on; raise filter.unseen_classes, or name classes there"
            )
        names = labels + ([unknown_label] if unknown_label else sorted(set(rows["label"]) - set(labels)))
        number = {name: i for i, name in enumerate(names)}
        truth = np.array([number.get(label, len(labels)) for label in rows["label"]], np.int64)
        return cls(rows, labels, unknown_label, names, truth)

    @property
    def has_unknown(self) -> bool:
        """Whether a photo may be answered as of no known class."""
        return self.unknown_label is not None

    def of(self, split: str) -> NDArray[np.bool_]:
        """(n,) which photos are in a split."""
        return np.asarray(self.rows["split"] == split)

    @property
    def is_held_out(self) -> NDArray[np.bool_]:
        """(n,) which photos are in validation or test: those that are answered."""
        return ~self.of("train")

    @property
    def is_for_calibration(self) -> NDArray[np.bool_]:
        """(n,) by which photos probabilities are calibrated: those of validation whose class can be answered."""
        return self.of("val") & (self.truth < len(self.labels) + self.has_unknown)

    @property
    def class_frequencies(self) -> Floats:
        """(names,) how common each class is, in train photos; the unknown, as it is among the validation photos."""
        train = np.bincount(self.truth[self.of("train")], minlength=len(self.names)).astype(np.float64)
        if self.has_unknown:
            unknown = np.mean(self.truth[self.is_for_calibration] == len(self.labels))
            train[-1] = train.sum() * unknown / max(1 - unknown, 1 / len(self.rows))
        return train

    @property
    def groups(self) -> NDArray[Any]:
        """Groups of near duplicates of the test photos."""
        return self.rows["group"].to_numpy()[self.of("test")]

    def padded(self, probabilities: Floats) -> Floats:
        """Probabilities of the known classes as those of all: a class that was never trained on is never likely."""
        return np.pad(probabilities, ((0, 0), (0, len(self.names) - probabilities.shape[1])))

    def positions(self, photos: Iterable[str]) -> Ids:
        """Where some photos are among all."""
        place = {photo: i for i, photo in enumerate(self.rows["photo"])}
        return np.array([place[photo] for photo in photos], np.int64)


def rows_of(folder: Path, photos: "pd.Series[str]", root: Path) -> LazyRows:
    """The tiles or features of photos, from the folder of their artifact; root: the data folder."""
    index = tables.INDEX.read(folder).set_index("photo", drop=False)
    return LazyRows(index.loc[photos.tolist()], root)

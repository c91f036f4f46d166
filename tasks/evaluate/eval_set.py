"""The evaluation set: the kept photos, their true classes, and the answers that the classifier can give."""

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
from tasks.store.json_file import read_json
from tasks.store.lazy_rows import LazyRows
from tasks.store.table import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvalSet:
    """The n kept photos of all splits, and the possible answers."""

    rows: "pd.DataFrame"
    """n rows of kept.parquet."""
    labels: list[str]
    """The classes that the classifier was trained on."""
    unknown_label: str | None
    """The answer for photos of unknown classes; None if there is no such answer."""
    names: list[str]
    """The names of all answers and of all true classes: first `labels`, then the others."""
    truth: Ids
    """(n,) the true class of each photo, as a position in `names`."""

    @classmethod
    def read(cls, config: EvaluateConfig, kept: Path, classifier: Path) -> Self:
        """Read the evaluation set.

        Args:
            config: The section of the evaluate stage.
            kept: The folder of the filter stage.
            classifier: The folder of the train stage.

        Raises:
            UserError: The test split is empty, or the unknown class can't be fitted.
        """
        rows = tables.filter.KEPT.read(kept)
        labels = read_json(tables.train.LABELS.path(classifier), list[str])
        if not (rows["split"] == "test").any():
            raise UserError(
                "the test split contains no photo, so the classifier can't be evaluated; "
                "get more photos of each class, or raise filter.test_fraction"
            )
        unknown_label = config.unknown_label if config.unknown == "threshold" else None
        if unknown_label in labels:
            raise UserError(
                f"evaluate.unknown_label={unknown_label}: the classifier was trained on a class of this name; "
                f"set filter.unseen_classes=[{unknown_label}], or choose another label"
            )
        if unknown_label and not ((rows["split"] == "val") & ~rows["label"].isin(labels)).any():
            raise UserError(
                "evaluate.unknown=threshold: the validation split contains no photo of an unknown class, so the "
                "threshold can't be fitted; raise filter.unseen_classes, or list classes there"
            )
        names = labels + ([unknown_label] if unknown_label else sorted(set(rows["label"]) - set(labels)))
        number = {name: i for i, name in enumerate(names)}
        truth = np.array([number.get(label, len(labels)) for label in rows["label"]], np.int64)
        return cls(rows, labels, unknown_label, names, truth)

    @property
    def has_unknown(self) -> bool:
        """Whether the unknown class is a possible answer."""
        return self.unknown_label is not None

    def of(self, split: str) -> NDArray[np.bool_]:
        """Select a split: a mask (n,)."""
        return np.asarray(self.rows["split"] == split)

    @property
    def is_held_out(self) -> NDArray[np.bool_]:
        """(n,) which photos are in validation or test. Predictions are made for these photos."""
        return ~self.of("train")

    @property
    def is_for_calibration(self) -> NDArray[np.bool_]:
        """(n,) which photos calibrate the probabilities: the validation photos whose class can be predicted."""
        return self.of("val") & (self.truth < len(self.labels) + self.has_unknown)

    @property
    def class_frequencies(self) -> Floats:
        """(names,) train photos of each class. The unknown class gets the share that it has in validation."""
        train = np.bincount(self.truth[self.of("train")], minlength=len(self.names)).astype(np.float64)
        if self.has_unknown:
            unknown = np.mean(self.truth[self.is_for_calibration] == len(self.labels))
            train[-1] = train.sum() * unknown / max(1 - unknown, 1 / len(self.rows))
        return train

    @property
    def groups(self) -> NDArray[Any]:
        """(test photos,) the group of near duplicates of each test photo."""
        return self.rows["group"].to_numpy()[self.of("test")]

    def padded(self, probabilities: Floats) -> Floats:
        """Append classes that were never trained on, with probability 0: (m, answers) becomes (m, names)."""
        return np.pad(probabilities, ((0, 0), (0, len(self.names) - probabilities.shape[1])))

    def positions(self, photos: Iterable[str]) -> Ids:
        """Find the positions of photos in `rows`."""
        position = {photo: i for i, photo in enumerate(self.rows["photo"])}
        return np.array([position[photo] for photo in photos], np.int64)


def rows_of(folder: Path, photos: "pd.Series[str]", root: Path, table: Table = tables.shared.INDEX) -> LazyRows:
    """Find the tiles or features of photos.

    Args:
        folder: The folder of the artifact with their index.
        photos: Digests of the photos.
        root: The data folder.
        table: The index that contains them.
    """
    index = table.read(folder).set_index("photo", drop=False)
    return LazyRows(index.loc[photos.tolist()], root)

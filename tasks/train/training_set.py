"""The photos that a classifier learns from and is validated on, with their tiles, codes or features."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.networks.encode import encoder_info
from tasks.store.errors import UserError
from tasks.store.lazy_rows import LazyRows
from tasks.tables.extract import COPIES_INDEX
from tasks.tables.pretrain import ENCODER
from tasks.tables.shared import INDEX
from tasks.train.same_photos import trained_and_validated

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part:
    """The n photos of a part, such as those to train on."""

    rows: "pd.DataFrame"
    """n rows of kept.parquet: photo, label, group."""
    targets: NDArray[np.int32]
    """(n,) class numbers."""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def groups(self) -> NDArray[Any]:
        """(n,) the group of near duplicates of each photo."""
        return self.rows["group"].to_numpy()


@dataclass(frozen=True)
class TrainingSet:
    """Everything that recipes learn from. No photo of the test is in it."""

    labels: list[str]
    """Names of the classes, sorted; a class number is a position in it."""
    train: Part
    val: Part
    """It may be empty."""
    kind: str
    """Kind of the encoder: network, autoencoder or none."""
    encoder: Path
    """Folder of the encoder's artifact."""
    tiles: Path
    features: Path
    root: Path

    @classmethod
    def read(cls, *, kept: Path, tiles: Path, encoder: Path, features: Path, root: Path) -> Self:
        """Read a training set from the artifacts of the stages before.

        Raises:
            UserError: there are train photos of fewer than two classes.
        """
        train, val = trained_and_validated(kept)
        labels = sorted(set(train["label"]))
        if len(labels) < 2:
            found = f"only {labels[0]!r} has photos" if labels else "there is no photo"
            raise UserError(f"train: {found} to train on; a classifier needs photos of two classes")
        kind = encoder_info(encoder)["kind"]

        def numbered(rows: "pd.DataFrame") -> Part:
            return Part(rows, np.searchsorted(labels, rows["label"]).astype(np.int32))

        return cls(labels, numbered(train), numbered(val), kind, encoder, tiles, features, root)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(classes,) number of train photos of each class."""
        return np.bincount(self.train.targets, minlength=len(self.labels))

    @property
    def has_features(self) -> bool:
        """Whether an encoder has computed features."""
        return self.kind != "none"

    @property
    def inputs(self) -> Path:
        """Folder of the index of what a network learns from first: an autoencoder's codes, else the tiles."""
        return self.features if self.kind == "autoencoder" else self.tiles

    @property
    def encoder_file(self) -> Path:
        """The encoder's file."""
        return ENCODER.path(self.encoder)

    @cached_property
    def info(self) -> dict[str, Any]:
        """What encoder.json says of the encoder."""
        return encoder_info(self.encoder)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one code or tile, `(h, w, c)`, see `inputs`."""
        height, width, channels = self.rows_of(self.train).shape
        return height, width, channels

    def rows_of(self, part: Part) -> LazyRows:
        """Return the codes or tiles of the photos of a part, `(n, h, w, c)`, see `inputs`."""
        return LazyRows(_of_photos(INDEX.read(self.inputs), part.rows["photo"]), self.root)

    def tiles_of(self, part: Part) -> LazyRows:
        """Return the tiles of the photos of a part, uint8 `(n, h, w, c)`."""
        return LazyRows(_of_photos(INDEX.read(self.tiles), part.rows["photo"]), self.root)

    def vectors_of(self, part: Part) -> NDArray[np.float32]:
        """Return the features of the photos of a part, float32 `(n, d)`; an autoencoder's codes are flattened."""
        return _vectors(_of_photos(INDEX.read(self.features), part.rows["photo"]), self.root)

    def copies_of(self, part: Part) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the features of the augmented copies of a part's photos, `(m, d)`, and their positions in it."""
        index = COPIES_INDEX.read(self.features)
        position = {photo: i for i, photo in enumerate(part.rows["photo"])}
        index = index[index["photo"].isin(set(position))]
        if index.empty:
            return np.empty((0, 0), np.float32), np.empty(0, np.int64)
        return _vectors(index, self.root), np.array([position[photo] for photo in index["photo"]], np.int64)

    def together(self) -> Self:
        """Return a training set in which the photos of validation are trained on, too, and none validates."""
        import pandas as pd

        rows = pd.concat([self.train.rows, self.val.rows], ignore_index=True)
        both = Part(rows, np.concatenate([self.train.targets, self.val.targets]))
        return replace(self, train=both, val=Part(rows.iloc[:0], both.targets[:0]))


def _of_photos(index: "pd.DataFrame", photos: "pd.Series[str]") -> "pd.DataFrame":
    return index.set_index("photo", drop=False).loc[photos.tolist()]


def _vectors(index: "pd.DataFrame", root: Path) -> NDArray[np.float32]:
    if index.empty:
        return np.empty((0, 0), np.float32)
    rows = LazyRows(index, root)[:]
    return rows.reshape(len(rows), -1).astype(np.float32)

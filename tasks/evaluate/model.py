"""The artifacts that a trained classifier's answers come from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig, InferFrom
from tasks import tables
from tasks.evaluate.eval_set import rows_of
from tasks.inference.knn import descriptors
from tasks.networks.encode import encoder_info, takes_codes
from tasks.store.json_file import read_json
from tasks.store.lazy_rows import LazyRows

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 256


@dataclass(frozen=True)
class Model:
    """Folders of the stages before, and what they say of the classifier."""

    tiles: Path
    encoder: Path
    features: Path
    classifier: Path
    root: Path
    """The data folder."""

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The content of recipe.json."""
        return read_json(tables.train.RECIPE.path(self.classifier), dict[str, Any])

    @cached_property
    def kind(self) -> str:
        """Kind of the encoder: network, autoencoder or none."""
        return str(encoder_info(self.encoder)["kind"])

    @property
    def takes_codes(self) -> bool:
        """Whether the classifier takes an autoencoder's codes; else tiles."""
        return takes_codes(self.kind, self.recipe)

    @property
    def inputs(self) -> Path:
        """Folder of the index of the classifier's inputs: an autoencoder's codes, else the tiles."""
        return self.features if self.takes_codes else self.tiles

    @property
    def is_frozen(self) -> bool:
        """Whether the classifier is a head on the pretrained encoder's features, which the training left unchanged."""
        return self.kind == "network" and bool(self.recipe["frozen"])

    @property
    def learned_from_validation(self) -> bool:
        """Whether the classifier learned again from train and validation photos together."""
        return bool(self.recipe["refitted"])

    @property
    def features_know_validation(self) -> bool:
        """Whether the features themselves were changed by the classes of validation photos."""
        return self.learned_from_validation and not bool(self.recipe["frozen"])

    def infer_from(self, config: EvaluateConfig) -> InferFrom:
        """Return what decides the class: what the settings say, or what validation has chosen."""
        found: InferFrom = self.recipe["infer_from"] if config.infer_from == "auto" else config.infer_from
        return found

    def rows_of(self, photos: "pd.Series[str]") -> LazyRows:
        """Return the classifier's inputs of kept photos."""
        return rows_of(self.inputs, photos, self.root)

    def vectors_of(self, photos: "pd.Series[str]") -> NDArray[np.float32]:
        """Return what describes kept photos before any training on their classes, float32 `(n, d)`.

        These are the encoder's features; the codes of an autoencoder are averaged over 16 x 16 cells, and so are the
        tiles where there is no encoder.
        """
        rows = rows_of(self.tiles if self.kind == "none" else self.features, photos, self.root)
        if self.kind == "network":
            return rows[:].astype(np.float32)
        parts = [descriptors(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
        return np.concatenate(parts)

    def baseline_logits(self, photos: "pd.Series[str]") -> NDArray[np.float32] | None:
        """Return the logits of logistic regression on the encoder's features; None if there is no encoder."""
        if self.kind == "none":
            return None
        vectors = rows_of(self.features, photos, self.root)[:]
        with np.load(tables.train.BASELINE.path(self.classifier), allow_pickle=False) as found:
            flat = vectors.reshape(len(vectors), -1).astype(np.float32)
            return np.asarray(flat @ found["kernel"] + found["bias"], np.float32)

    def validation_logits(self) -> dict[str, NDArray[np.float32]]:
        """Return the logits of validation photos by a classifier that has not learned from them, by photo."""
        with np.load(tables.train.VALIDATION.path(self.classifier), allow_pickle=False) as found:
            return dict(zip(found["photos"].tolist(), found["logits"], strict=True))

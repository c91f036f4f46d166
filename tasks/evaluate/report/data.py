"""The files that the report reads: those of an evaluation and of the artifacts that it was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.schema import STAGE_NAMES
from tasks import tables
from tasks.evaluate import metrics
from tasks.evaluate.explanations import Explanations
from tasks.evaluate.findings import BEFORE_TRAINING, DRIFT, RUN, Compared
from tasks.evaluate.to_review import TO_REVIEW
from tasks.evaluate.view_record import ViewRecord
from tasks.inference.predictions import scored_predictions
from tasks.store import lineage
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.lazy_rows import LazyRows
from tasks.store.lineage import Ancestor
from tasks.store.manifest import Manifest
from tasks.store.paths import inside

_NOTE_ORIGINS = tuple(dict.fromkeys(("filter", "settings", *STAGE_NAMES)))
"""The order of the notes: what the filter doubts comes first, because it may concern most photos."""
_VIEW_SETTINGS = ("abstain", "set_coverage", "robustness", "gallery", "layer_images")
_COPIES = {"reconstructions": "reconstructions", "shrunk and enlarged": "resized", "PCA of patches": "pca"}
"""Names of copies -> their arrays in reconstructions.npz."""


@dataclass(frozen=True)
class Autoencoder:
    """The files of the pretrain stage."""

    history: Mapping[str, Sequence[float]]
    """Losses by epoch."""
    error: Mapping[str, float]
    """Mean squared error of `autoencoder`; and, with as many values, of `resize`, a resize and back, and of `pca`, a
    principal component analysis of patches."""
    photos: int
    """Number of train photos."""
    originals: NDArray[np.uint8]
    """(n, side, side, c), example tiles."""
    copies: Mapping[str, NDArray[np.uint8]]
    """(n, side, side, c), the same tiles, encoded and decoded: by the autoencoder, and by simpler codes."""
    codes: NDArray[np.float32]
    """(n, h, w, channels), the tiles' codes."""
    dead: Sequence[int]
    """Numbers of the channels of the code that are the same everywhere."""

    @property
    def loses_to(self) -> list[str]:
        """The simpler codes that give the tiles back as well or better."""
        names = {"resize": "shrinking and enlarging the tiles", "pca": "a principal component analysis of patches"}
        return [name for key, name in names.items() if self.error["autoencoder"] >= self.error[key]]


class EvaluationFiles:
    """The files of an evaluation and of its parents. Each file is read when it is first used."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Set the folder of an evaluation, and the data folder with its parents and the photos."""
        self.folder = folder
        self.root = root

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the evaluation."""
        return Manifest.read(self.folder)

    def parent(self, name: str) -> Path:
        """Return the folder of a parent, such as `kept`."""
        artifact = self.manifest.cache_key.parents[name]
        return inside(self.root, f"artifacts/{artifact.stage}/{artifact.key}")

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """The content of metrics.json."""
        found: Mapping[str, Any] = _read_json(tables.evaluate.METRICS.path(self.folder))
        return found

    @cached_property
    def class_names(self) -> list[str]:
        """The names of all answers and true classes, in the order of `metrics["per_class"]`."""
        return [row["label"] for row in self.metrics["per_class"]]

    @cached_property
    def test(self) -> pd.DataFrame:
        """The predictions of the test photos."""
        predictions = tables.evaluate.PREDICTIONS.read(self.folder)
        return predictions[predictions["split"] == "test"]

    @cached_property
    def unknown_groups(self) -> pd.DataFrame | None:
        """The proposed groups of test photos that are answered as unknown; None if there are none."""
        is_written = tables.evaluate.UNKNOWN_GROUPS.path(self.folder).exists()
        return tables.evaluate.UNKNOWN_GROUPS.read(self.folder) if is_written else None

    @cached_property
    def diagnostics(self) -> Mapping[str, Any]:
        """The content of diagnostics.json; empty if an earlier version of fluke made the evaluation."""
        path = tables.evaluate.DIAGNOSTICS.path(self.folder)
        found: Mapping[str, Any] = _read_json(path) if path.exists() else {}
        return found

    @cached_property
    def feature_map(self) -> pd.DataFrame | None:
        """The rows of `test` on the map of features, with their places x and y; None if there is no map."""
        if not tables.evaluate.FEATURE_MAP.path(self.folder).exists():
            return None
        return self.test.merge(tables.evaluate.FEATURE_MAP.read(self.folder), on="photo")

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(classes, classes) test photos by true and predicted class, in the order of `class_names`."""
        return metrics.confusion(scored_predictions(self.test, self.test["label"].tolist(), self.class_names))

    @cached_property
    def uncalibrated(self) -> NDArray[np.float64] | None:
        """(test photos,) probability of each prediction before calibration; None if not only the network decides."""
        with np.load(tables.evaluate.ANSWERS.path(self.folder)) as found:
            if "uncalibrated" not in found:
                return None
            is_test = tables.evaluate.PREDICTIONS.read(self.folder, columns=["split"])["split"].to_numpy() == "test"
            return np.asarray(found["uncalibrated"][is_test], np.float64)

    @cached_property
    def view_settings(self) -> dict[str, Any]:
        """The settings of the evaluate section that the explanations and the diagnostics were made with.

        Raises:
            UserError: The evaluation has no explanations.
        """
        record = ViewRecord.read(tables.evaluate.EXPLAINED.path(self.folder))
        if record is None:
            raise UserError(f"{self.folder} has no explanations for the report; run its preset again to make them")
        diagnosed = ViewRecord.read(tables.evaluate.DIAGNOSED.path(self.folder))
        made_from = record.made_from | (diagnosed.made_from if diagnosed else {})
        return {name: made_from[name] for name in _VIEW_SETTINGS if name in made_from}

    @cached_property
    def explanations(self) -> Explanations:
        """Heat maps, similar train photos and images of layers."""
        return Explanations.read(self.folder)

    @cached_property
    def crawled(self) -> pd.DataFrame:
        """The photos of the crawl stage."""
        return tables.crawl.PHOTOS.read(self.parent("photos"))

    @cached_property
    def kept(self) -> pd.DataFrame:
        """The photos that the filter stage kept."""
        return tables.filter.KEPT.read(self.parent("kept"))

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """The photos that the filter stage rejected."""
        return tables.filter.REJECTED.read(self.parent("kept"))

    @cached_property
    def notes(self) -> list[tuple[str, str]]:
        """What of the user's input was not used as given: ("settings" or the stage that says so, one line)."""
        return [(origin, note) for origin in _NOTE_ORIGINS for note in self._all_notes.get(origin, ())]

    @cached_property
    def to_review(self) -> str:
        """How many test photos are marked for review, in a sentence; empty if none is."""
        return " ".join(self._all_notes.get(TO_REVIEW, ()))

    @cached_property
    def run_names(self) -> tuple[str, str]:
        """The name of the model, and that of the preset; both empty if no run has said them."""
        name, preset = self._all_notes.get(RUN, ("", ""))
        return str(name), str(preset)

    @cached_property
    def before_training(self) -> list[str]:
        """What is not as in earlier runs, a sentence each."""
        return list(self._all_notes.get(BEFORE_TRAINING, ()))

    @cached_property
    def drift(self) -> list[Compared]:
        """The comparisons of the new photos with those trained on; empty if there were none."""
        return [Compared.model_validate(each) for each in self._all_notes.get(DRIFT, ())]

    @cached_property
    def _all_notes(self) -> Mapping[str, Sequence[Any]]:
        path = tables.evaluate.NOTES.path(self.folder)
        found: Mapping[str, Sequence[Any]] = _read_json(path) if path.exists() else {}
        return found

    def tile(self, photo: str) -> NDArray[np.uint8]:
        """Read the tile of a photo, (side, side, 1 or 3)."""
        rows, positions = self._tiles
        tile: NDArray[np.uint8] = rows[[positions[photo]]][0]
        return tile

    @cached_property
    def _tiles(self) -> tuple[LazyRows, Mapping[str, int]]:
        index = tables.shared.INDEX.read(self.parent("tiles"))
        return LazyRows(index, self.root), {photo: position for position, photo in enumerate(index["photo"])}

    @cached_property
    def history(self) -> Mapping[str, Sequence[float]]:
        """The losses and accuracies of the classifier's training, by epoch."""
        found: Mapping[str, Sequence[float]] = _read_json(tables.shared.HISTORY.path(self.parent("classifier")))
        return found

    @cached_property
    def autoencoder(self) -> Autoencoder | None:
        """The autoencoder; None if the encoder is another one."""
        folder = self.parent("encoder")
        if _read_json(tables.pretrain.ENCODER_INFO.path(folder))["kind"] != "autoencoder":
            return None
        with np.load(tables.pretrain.RECONSTRUCTIONS.path(folder)) as pairs:
            return Autoencoder(
                _read_json(tables.shared.HISTORY.path(folder)),
                _read_json(tables.pretrain.ERROR.path(folder)),
                len(tables.pretrain.SNAPSHOT.read(folder)),
                pairs["originals"],
                {name: pairs[key] for name, key in _COPIES.items()},
                pairs["codes"],
                _read_json(tables.pretrain.ENCODER_INFO.path(folder))["dead_channels"],
            )

    @cached_property
    def lineage(self) -> list[Ancestor]:
        """All artifacts that the evaluation was made from."""
        return lineage.trace([self.parent(name) for name in self.manifest.cache_key.parents], self.root)

    @cached_property
    def settings(self) -> dict[str, Mapping[str, Any]]:
        """The sections of the config that determine the result, in the order of the stages."""
        sections = {a.manifest.cache_key.stage: a.manifest.cache_key.config for a in self.lineage if a.is_direct}
        return {**sections, "evaluate": self.manifest.cache_key.config | self.view_settings}


def _read_json(path: Path) -> Any:
    return read_json(path, dict[str, Any])

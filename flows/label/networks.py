"""The networks that look at the photos: the model in use, or else a pretrained network. Imports TensorFlow."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig, PretrainConfig
from flows.label.proposals import Batch
from flows.predict.loaded import LoadedModel
from flows.run_records import RunRecord
from tasks.networks.pretrained import pretrained_encoder


class Network(Protocol):
    """Looks at photos."""

    preprocess: PreprocessConfig
    """How a photo becomes a tile."""
    classes: tuple[str, ...]
    """The classes of the probabilities; empty if there are none."""

    def __call__(self, tiles: NDArray[np.uint8]) -> Batch:
        """Return what it says about tiles `(n, side, side, c)`."""
        ...


class ModelInUse:
    """The model of a run: its features, and its calibrated probabilities without those of "unknown"."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        """Load it; raises UserError if it has been deleted or damaged."""
        self._model = LoadedModel(root, run)
        self.preprocess = self._model.preprocess
        self._known = [i for i, name in enumerate(self._model.names) if name != self._model.unknown_label]
        self.classes = tuple(self._model.names[i] for i in self._known)

    def __call__(self, tiles: NDArray[np.uint8]) -> Batch:
        """See `Network`."""
        probabilities, features = self._model.probabilities_and_features(tiles)
        return Batch(features, probabilities[:, self._known])


class PretrainedNetwork:
    """The network with pretrained weights of the settings, or the default one where these name none."""

    classes: tuple[str, ...] = ()

    def __init__(self, preprocess: PreprocessConfig, pretrain: PretrainConfig) -> None:
        """Load it; raises UserError if its weights can't be loaded."""
        self.preprocess = preprocess
        shape = (preprocess.side_px, preprocess.side_px, 1 if preprocess.colour == "grey" else 3)
        chosen = pretrain if pretrain.kind == "network" else PretrainConfig()
        self._encoder = pretrained_encoder(shape, chosen.model_copy(update={"texture": False}))

    def __call__(self, tiles: NDArray[np.uint8]) -> Batch:
        """See `Network`."""
        return Batch(np.asarray(self._encoder.predict_on_batch(tiles), np.float32))

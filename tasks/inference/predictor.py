"""Predict classes from tiles, with everything that belongs to a trained model: encoder, classifier, decision rule."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.decision import DecisionRule
from tasks.inference.heat_maps import HeatMaps
from tasks.inference.knn import References
from tasks.inference.network import TrainedClassifier
from tasks.networks.encode import encode
from tasks.networks.keras_io import load

_MIN_BATCH = 2
"""With a batch of one tile, some kernels round differently than in training."""


class Predictor:
    """A trained model that turns tiles into class probabilities and heat maps."""

    def __init__(self, classifier: Path, encoder: Path | None, references: Path | None, rule: DecisionRule) -> None:
        """Load a model.

        Args:
            classifier: A classifier.keras.
            encoder: The encoder.keras, if the classifier was trained on features.
            references: The features of train photos, if the decision rule compares photos with them.
            rule: How logits, and the similarity to train photos, become probabilities.
        """
        self._encoder = load(encoder) if encoder else None
        self._classifier = TrainedClassifier(classifier)
        self._references = References.read(references) if references else None
        self._rule = rule
        self._heat_maps: HeatMaps | None = None

    def inputs(self, tiles: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the classifier's inputs `(n, ...)` for tiles `(n, side, side, c)`: the tiles or their features."""
        return encode(self._encoder, tiles, max(_MIN_BATCH, len(tiles))) if self._encoder else tiles

    def probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return calibrated probabilities `(n, len(rule.names))`, 0..1.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        logits, features = self._classifier(inputs)
        similarity = self._references.class_similarity(features, logits.shape[1]) if self._references else None
        return self._rule.probabilities(logits, similarity)

    def heat_maps(self, inputs: NDArray[Any], probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return class activation maps of the most likely known class: `(n, h', w')`, 0 or more.

        Args:
            inputs: As returned by `inputs`.
            probabilities: As returned by `probabilities`; the unknown class has no map, so it is ignored.
        """
        if self._heat_maps is None:
            self._heat_maps = HeatMaps(self._classifier)
        return self._heat_maps(inputs, probabilities[:, : len(self._rule.labels)].argmax(axis=1))

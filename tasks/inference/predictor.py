"""Predict classes from tiles, with everything that belongs to a trained model: encoder, classifier, decision rule."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.decision import DecisionRule
from tasks.inference.heat_maps import HeatMaps
from tasks.inference.knn import References
from tasks.inference.network import TrainedClassifier
from tasks.networks.encode import to_float16
from tasks.networks.forward import Forward
from tasks.networks.keras_io import load


class Predictor:
    """A trained model that turns tiles into class probabilities and heat maps."""

    def __init__(
        self,
        classifier: Path,
        encoder: Path | None,
        references: Path | None,
        rule: DecisionRule,
        total_rows: int | None = None,
        *,
        waits_for_each: bool = False,
    ) -> None:
        """Load a model.

        Args:
            classifier: A classifier.keras.
            encoder: The encoder.keras, if the classifier was trained on features.
            references: The features of train photos, if the decision rule compares photos with them.
            rule: How logits, and the similarity to train photos, become probabilities.
            total_rows: How many photos will be predicted; few are not worth compiling for, see `Forward.expect`.
            waits_for_each: Whether somebody waits for each call, see there.
        """
        self._encoder = Forward(load(encoder)) if encoder else None
        if self._encoder:
            self._encoder.expect(total_rows, waits_for_each=waits_for_each)
        self._classifier = TrainedClassifier.shared(classifier, total_rows, waits_for_each=waits_for_each)
        self._references = References.read(references) if references else None
        self._rule = rule
        self._heat_maps: HeatMaps | None = None

    def inputs(self, tiles: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the classifier's inputs `(n, ...)` for tiles `(n, side, side, c)`: the tiles or their features."""
        if self._encoder is None:
            return tiles
        return np.concatenate([to_float16(np.asarray(codes)[:count]) for count, codes in self._encoder(tiles)])

    def probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return calibrated probabilities `(n, len(rule.names))`, 0..1.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        return self.probabilities_and_features(inputs)[0]

    def probabilities_and_features(self, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return what `probabilities` does, and the pooled features `(n, d)`; raises UserError as it does."""
        logits, features = self._classifier(inputs)
        return self._decided(logits, features), features

    def probabilities_of_features(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities for pooled features `(n, d)`, without running the network below its head.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        return self._decided(self._classifier.head(features), features)

    def _decided(self, logits: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float64]:
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

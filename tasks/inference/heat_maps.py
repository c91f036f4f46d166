"""Class activation maps of photos, by a trained classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.network import TrainedClassifier
from tasks.networks.explain.gradcam import Explainer


class HeatMaps:
    """Computes where in a photo a classifier sees a class."""

    def __init__(self, classifier: TrainedClassifier) -> None:
        """Take a classifier."""
        self._classifier = classifier
        self._explainer = Explainer(classifier.classifier, classifier.forward)

    def __call__(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Compute the class activation maps of photos.

        Args:
            rows: (n, h, w, c), tiles or codes.
            classes: (n,) the class to explain for each photo; -1 for the one with the highest logit.

        Returns:
            (n, h', w'), 0 or more.
        """
        return self._explainer(self._classifier.to_inputs(rows), classes)

"""Step 4 of an evaluation: heat maps, similar train photos and images of layers, for the report."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import samples
from tasks.evaluate.decide import references_of
from tasks.evaluate.eval_set import EvalSet, rows_of
from tasks.evaluate.explanations import Explanations, Neighbour
from tasks.evaluate.model import Model
from tasks.evaluate.predict import BATCH_PHOTOS, NetworkOutput
from tasks.inference.heat_maps import HeatMaps
from tasks.inference.network import TrainedClassifier
from tasks.networks.explain.inspect import inspect_layers
from tasks.networks.explain.result import LayerInspection
from tasks.networks.keras_io import load_artifact
from tasks.store.lazy_rows import LazyRows

_LAYER_PHOTOS = 8
"""Photos that decide which channels of a layer are shown."""
_NEAREST = 3
"""Train photos that are shown with a mistake."""


def explain(
    config: EvaluateConfig,
    evaluation: Path,
    *,
    kept: Path,
    model: Model,
) -> list[Path]:
    """Write the explanations of the photos in the report's galleries.

    Args:
        config: The section of the evaluate stage; `gallery` and `layer_images` decide how much is explained.
        evaluation: The folder of the evaluation, with the files of the steps before. The explanations are written
            there, too.
        kept: The folder of the filter stage.
        model: The classifier and what it needs.

    Returns:
        The files of the explanations.
    """
    eval_set = EvalSet.read(config, kept, model.classifier)
    predictions = tables.evaluate.PREDICTIONS.read(evaluation)
    test = predictions[predictions["split"] == "test"]
    mistakes, successes = (choose(test, config.gallery) for choose in (samples.mistakes, samples.successes))
    network = TrainedClassifier.shared(tables.train.CLASSIFIER.path(model.classifier), len(mistakes) + len(successes))
    rows = model.rows_of(eval_set.rows["photo"])
    layers = None
    if config.layer_images:  # correct predictions first
        photos = pd.concat([choose(test, _LAYER_PHOTOS) for choose in (samples.successes, samples.mistakes)])
        layer_tiles = rows_of(model.tiles, photos["photo"].iloc[:_LAYER_PHOTOS], model.root)[:]
        layers = _inspect_layers(config, network, model.encoder if model.takes_codes else None, layer_tiles)
    return Explanations(
        heat_maps=_heat_maps(network, rows, eval_set, pd.concat([mistakes, successes])),
        neighbours=_neighbours(eval_set, NetworkOutput.read(evaluation).vectors, mistakes),
        layers=layers,
    ).write(evaluation)


def _heat_maps(
    network: TrainedClassifier, rows: LazyRows, eval_set: EvalSet, shown: pd.DataFrame
) -> dict[str, NDArray[np.float32]]:
    """Compute the class activation map of each photo's predicted class, by photo.

    For photos that are predicted as unknown, the known class with the highest logit is explained.
    """
    known = {label: i for i, label in enumerate(eval_set.labels)}
    positions = eval_set.positions(shown["photo"])
    classes = np.array([known.get(name, -1) for name in shown["predicted"]], np.int64)
    maps: dict[str, NDArray[np.float32]] = {}
    heat_maps = HeatMaps(network)
    for start in range(0, len(positions), BATCH_PHOTOS):
        part = slice(start, start + BATCH_PHOTOS)
        found = heat_maps(rows[positions[part]], classes[part])
        maps |= dict(zip(shown["photo"].iloc[part], found, strict=True))
    return maps


def _neighbours(eval_set: EvalSet, features: NDArray[np.float32], shown: pd.DataFrame) -> dict[str, list[Neighbour]]:
    """Find the most similar train photos of each photo, by the cosine of their features."""
    references = references_of(eval_set, features)
    positions, cosines = references.nearest(features[eval_set.positions(shown["photo"])], _NEAREST)
    return {
        photo: [
            Neighbour(str(references.photos[i]), eval_set.labels[references.classes[i]], float(cosine))
            for i, cosine in zip(nearest, similarities, strict=True)
        ]
        for photo, nearest, similarities in zip(shown["photo"], positions, cosines, strict=True)
    }


def _inspect_layers(
    config: EvaluateConfig, network: TrainedClassifier, encoder: Path | None, tiles: NDArray[np.uint8]
) -> LayerInspection:
    """Make feature maps of the first tile, and images that maximise the activation of channels."""
    model = load_artifact(tables.pretrain.ENCODER.path(encoder)) if encoder else None
    return inspect_layers(network.classifier, tiles, model, most=config.layer_images, seed=config.seed)

"""Step 4 of an evaluation: what the network looked at in the photos that the report shows."""

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
from tasks.evaluate.predict import BATCH_PHOTOS, NetworkOutput
from tasks.inference.network import TrainedClassifier
from tasks.networks.explain.inspect import look_inside
from tasks.networks.explain.result import Insight
from tasks.networks.keras_io import load
from tasks.store.shards import LazyRows

_LAYER_PHOTOS = 12
_NEAREST = 3
"""Train photos that are shown beside a mistake."""


def explain(
    config: EvaluateConfig,
    evaluation: Path,
    *,
    kept: Path,
    tiles: Path,
    inputs: Path,
    classifier: Path,
    encoder: Path | None,
    root: Path,
) -> None:
    """Write the explanations of the photos in the galleries beside the files of an evaluation.

    Args:
        config: The section of the evaluation; `gallery` and `layer_images` say how much to explain.
        evaluation: The folder with the files of the steps before; the explanations are written there, too.
        kept: The folder of the filter.
        tiles: The folder of the tiles.
        inputs: The folder of what the classifier was trained on.
        classifier: The folder of the train stage.
        encoder: The folder of the encoder, if there is one.
        root: The data folder.
    """
    eval_set = EvalSet.read(config, kept, classifier)
    predictions = tables.PREDICTIONS.read(evaluation)
    test = predictions[predictions["split"] == "test"]
    network = TrainedClassifier(tables.CLASSIFIER.path(classifier))
    mistakes, successes = (choose(test, config.gallery) for choose in (samples.mistakes, samples.successes))
    rows = rows_of(inputs, eval_set.rows["photo"], root)
    layers = None
    if config.layer_images:  # of some test photos: correct ones, if there are any
        first = pd.concat([choose(test, _LAYER_PHOTOS) for choose in (samples.successes, samples.mistakes)])
        shown = rows_of(tiles, first["photo"].iloc[:_LAYER_PHOTOS], root)[:]
        layers = _layer_images(config, network, encoder, shown)
    Explanations(
        heat_maps=_heat_maps(network, rows, eval_set, pd.concat([mistakes, successes])),
        neighbours=_neighbours(eval_set, NetworkOutput.read(evaluation).features, mistakes),
        layers=layers,
    ).write(evaluation)


def _heat_maps(
    network: TrainedClassifier, rows: LazyRows, eval_set: EvalSet, shown: pd.DataFrame
) -> dict[str, NDArray[np.float32]]:
    """What spoke for the answers to some photos, by photo; for the unknown class, for the likeliest known one."""
    known = {label: i for i, label in enumerate(eval_set.labels)}
    places = eval_set.positions(shown["photo"])
    classes = np.array([known.get(name, -1) for name in shown["predicted"]], np.int64)
    maps: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(places), BATCH_PHOTOS):
        part = slice(start, start + BATCH_PHOTOS)
        maps |= dict(zip(shown["photo"].iloc[part], network.heat_maps(rows[places[part]], classes[part]), strict=True))
    return maps


def _neighbours(eval_set: EvalSet, features: NDArray[np.float32], shown: pd.DataFrame) -> dict[str, list[Neighbour]]:
    """The most similar train photos of each photo, by the cosine of their features."""
    references = references_of(eval_set, features)
    places, cosines = references.nearest(features[eval_set.positions(shown["photo"])], _NEAREST)
    return {
        photo: [
            Neighbour(str(references.photos[i]), eval_set.labels[references.classes[i]], float(cosine))
            for i, cosine in zip(near, alike, strict=True)
        ]
        for photo, near, alike in zip(shown["photo"], places, cosines, strict=True)
    }


def _layer_images(
    config: EvaluateConfig, network: TrainedClassifier, encoder: Path | None, tiles: NDArray[np.uint8]
) -> Insight:
    """Feature maps of the first tile, and images that activate the channels of some layers."""
    coder = load(tables.ENCODER.path(encoder)) if encoder else None
    return look_inside(network.classifier, tiles, coder, most=config.layer_images, seed=config.seed)

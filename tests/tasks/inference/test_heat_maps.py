from pathlib import Path

import numpy as np

from tasks.inference.heat_maps import HeatMaps
from tasks.inference.network import TrainedClassifier
from tests.helpers.classifiers import TILES, saved


def test_the_predicted_class_is_explained_by_default(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    classifier = TrainedClassifier(path)
    heat_maps, predicted = HeatMaps(classifier), classifier(TILES)[0].argmax(axis=1)
    expected = heat_maps(TILES, predicted)
    np.testing.assert_array_equal(heat_maps(TILES, np.full(5, -1)), expected)
    assert not np.array_equal(heat_maps(TILES, (predicted + 1) % 4), expected)


def test_many_photos_are_explained_in_batches(tmp_path: Path) -> None:
    """Without batches, a feature map of 64 channels of 256 photos of 224 px would need 3.3 GB."""
    path, _ = saved(tmp_path)
    classifier = TrainedClassifier(path)
    heat_maps, many = HeatMaps(classifier), np.tile(TILES, (30, 1, 1, 1))
    maps = heat_maps(many, np.full(150, -1))
    predicted = classifier(many)[0].argmax(axis=1)
    np.testing.assert_allclose(maps[140:], heat_maps(many[140:], predicted[140:]), rtol=1e-3, atol=1e-5)

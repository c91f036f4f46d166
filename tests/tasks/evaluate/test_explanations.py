"""Explanations can be written and read."""

from pathlib import Path

import numpy as np

from tasks import tables
from tasks.evaluate.explanations import Explanations, Neighbour
from tasks.networks.explain.result import LayerImages, LayerInspection

RANDOM = np.random.default_rng(0)


def layer(name: str, side: int) -> LayerImages:
    """A layer with two of five channels."""
    return LayerImages(
        name,
        (side, side, 5),
        np.array([3, 1]),
        RANDOM.normal(size=(2, side, side)).astype(np.float32),
        np.array([0, 4]),
        RANDOM.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8),
    )


def test_explanations_can_be_written_and_read(tmp_path: Path) -> None:
    written = Explanations(
        heat_maps={"a": np.eye(2, dtype=np.float32), "b": np.ones((3, 1), np.float32)},
        neighbours={
            "b": [Neighbour("x", "cat", 0.9), Neighbour("y", "강아지", -0.5)],
            "a": [Neighbour("x", "cat", 1.0)],
        },
        layers=LayerInspection(np.zeros((8, 8, 3), np.uint8), [layer("first", 4), layer("/second.npy", 2)]),
    )
    written.write(tmp_path)
    read = Explanations.read(tmp_path)
    assert read.neighbours == written.neighbours
    assert list(read.heat_maps) == ["a", "b"]
    for photo, heat_map in written.heat_maps.items():
        np.testing.assert_array_equal(read.heat_maps[photo], heat_map)
    assert read.layers is not None
    assert written.layers is not None
    np.testing.assert_array_equal(read.layers.tile, written.layers.tile)
    for found, expected in zip(read.layers.layers, written.layers.layers, strict=True):
        assert (found.name, found.shape) == (expected.name, expected.shape)
        for name in ("channels", "maps", "responsive", "pictures"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_explanations_without_photos_and_layers_replace_others(tmp_path: Path) -> None:
    tile = np.zeros((8, 8, 1), np.uint8)
    Explanations({"a": np.eye(2, dtype=np.float32)}, {}, LayerInspection(tile, [layer("first", 4)])).write(tmp_path)
    Explanations({}, {}, None).write(tmp_path)
    assert Explanations.read(tmp_path) == Explanations({}, {}, None)
    assert not tables.evaluate.LAYERS.path(tmp_path).exists()

import numpy as np
import pytest
from PIL import Image

from tasks.pretrain.pictures import as_colours, draw, labelled


@pytest.mark.slow
def test_the_picture_has_all_rows_for_trained_and_untrained_autoencoders(tmp_path) -> None:
    random = np.random.default_rng(0)
    tiles = random.integers(0, 256, (2, 16, 16, 1)).astype(np.uint8)
    examples = dict.fromkeys(("originals", "reconstructions", "resized", "pca"), tiles)
    examples["codes"] = random.random((2, 4, 4, 3)).astype(np.float32)
    error = {"autoencoder": 0.1, "resize": 0.2, "pca": 0.3}
    heights = []
    for history in ({}, {"loss": [0.2, 0.1], "val_loss": [0.3, 0.2]}):
        draw(examples, error, history, [1], tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            heights.append(picture.height)
            assert np.ptp(np.asarray(picture.convert("L"))) > 200
    assert heights[0] >= 8 * 100
    assert heights[1] > heights[0]


def test_each_channel_of_a_code_fills_the_range_of_a_colour() -> None:
    codes = np.stack([np.linspace(0, 1, 256), np.linspace(-9, 9, 256), np.zeros(256)], axis=-1).reshape(1, 16, 16, 3)
    colours = as_colours(codes)
    assert colours.min((0, 1, 2)).tolist() == [0, 0, 0]
    assert colours.max((0, 1, 2)).tolist() == [255, 255, 0]


@pytest.mark.parametrize(("low", "high"), [(0.006, 0.078), (0.0285, 0.052), (0.029, 0.0295), (1e-4, 1)])
def test_the_labels_beside_the_losses_are_few_and_evenly_spread(low: float, high: float) -> None:
    labels = labelled(low, high)
    assert low < labels[0] < labels[-1] < high
    gaps = np.diff(np.log(labels)) / np.log(high / low)
    np.testing.assert_allclose(gaps, 0.25, atol=0.05)

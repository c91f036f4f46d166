import re
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tasks.evaluate.report import image_grids, style
from tasks.networks.explain.result import LayerImages, LayerInspection

RANDOM = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def random_layer(side: int, channels: int, tile_px: int, depth: int, count: int = 6) -> LayerImages:
    chosen = RANDOM.choice(channels, min(count, channels), replace=False)
    maps = RANDOM.normal(size=(len(chosen), side, side)).astype(np.float32)
    pictures = noise(len(chosen), tile_px, tile_px, depth)
    return LayerImages(f"<conv> & {side}", (side, side, channels), chosen, maps, chosen[::-1], pictures)


def random_inspection(tile_px: int, depth: int, sides: tuple[int, ...], channels: int = 32) -> LayerInspection:
    layers = [random_layer(side, channels, tile_px, depth) for side in sides]
    return LayerInspection(noise(tile_px, tile_px, depth), layers)


def pictures(figure: Figure) -> list[Image.Image]:
    """Read the images in the SVG of a figure."""
    found = re.findall(r"data:image/png;base64,\s*([^\"]+)", style.svg(figure))
    return [Image.open(BytesIO(b64decode(data))) for data in found]


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (16, 8, 8, 3), (9, 8, 8, 1)])
def test_tiles_are_shown_above_their_copies(shape: tuple[int, ...]) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    text = style.svg(image_grids.reconstructions(tiles, {"ours": tiles, "shrunk": tiles}))
    assert text.count("<image") == 3 * min(8, shape[0])
    assert text.index("tiles") < text.index("ours") < text.index("shrunk")


def test_codes_are_shown_channel_by_channel_and_dead_ones_named() -> None:
    tiles, found = np.zeros((2, 8, 8, 1), np.uint8), np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)
    text = style.svg(image_grids.codes(tiles, found, [1]))
    assert text.count("<image") == 2 * 4
    assert "channel 1 of 3, dead" in text
    assert "channel 2 of 3<" in text


@pytest.mark.slow
def test_activations_start_with_the_tile_and_name_layers_and_channels() -> None:
    inspection = random_inspection(20, 3, (10, 5))
    figure = image_grids.activations(inspection)
    tile, *maps = pictures(figure)
    np.testing.assert_array_equal(np.asarray(tile.convert("RGB")), inspection.tile)
    assert [picture.size for picture in maps] == [(10, 10)] * 6 + [(5, 5)] * 6
    text = style.svg(figure)
    assert "&lt;conv&gt; &amp; 10: 10 × 10, 32 channels" in text
    numbers = [int(number) for number in re.findall(r">(\d+)</text>", text)]
    assert numbers == [number for shown in inspection.layers for number in shown.channels]


def test_maps_that_are_too_coarse_or_the_same_everywhere_are_not_shown() -> None:
    inspection = random_inspection(20, 3, (10, 9, 4, 1))
    inspection.layers[1].maps[:] = 0
    assert image_grids.readable_layers(inspection) == [inspection.layers[0]]
    assert len(pictures(image_grids.activations(inspection))) == 1 + 6


def test_maps_use_the_full_range_of_brightness() -> None:
    inspection = random_inspection(20, 1, (8,))
    drawn = np.asarray(pictures(image_grids.activations(inspection))[1].convert("L"))
    first = inspection.layers[0].maps[0]
    assert drawn.ravel()[first.argmax()] == drawn.max()
    assert drawn.ravel()[first.argmin()] == drawn.min()


def test_images_of_fine_layers_show_their_centre() -> None:
    inspection = random_inspection(64, 3, (32, 16, 4))
    figure = image_grids.responses(inspection)
    drawn = pictures(figure)
    assert [picture.size[0] for picture in drawn] == [32] * 6 + [64] * 12
    np.testing.assert_array_equal(np.asarray(drawn[0].convert("RGB")), inspection.layers[0].pictures[0, 16:48, 16:48])
    assert "central 32 px" in style.svg(figure)


@pytest.mark.slow
def test_a_layer_may_have_fewer_channels_than_the_others() -> None:
    inspection = random_inspection(16, 1, (8, 5))
    few = LayerInspection(inspection.tile, [random_layer(8, 2, 16, 1), *inspection.layers])
    assert len(pictures(image_grids.responses(few))) == 14
    assert len(pictures(image_grids.activations(few))) == 15


def test_figures_of_large_images_are_small() -> None:
    worst = random_inspection(224, 3, (16, 16, 14, 7))  # white noise can't be compressed
    assert len(style.svg(image_grids.responses(worst))) < 420_000


@pytest.mark.parametrize("draw", [image_grids.activations, image_grids.responses])
def test_figures_are_repeatable_and_follow_the_theme(draw: Callable[[LayerInspection], Figure]) -> None:
    inspection = random_inspection(16, 1, (8,))
    text = style.svg(draw(inspection))
    assert text == style.svg(draw(inspection))
    assert "var(--ink)" in text
    assert not set(re.findall(r"#[0-9a-f]{6}", text))

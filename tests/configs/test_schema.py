"""Settings of two sections that belong together."""

import pytest

from configs.load import ConfigError, load
from configs.schema import Config

SEARCH = ["crawl.sources=[openverse,commons]", "crawl.keywords={cat: [cat], dog: [dog]}"]


@pytest.mark.parametrize(
    ("overrides", "limits"),
    [
        ([], (32, 0.35)),
        (["filter.min_side_px=16"], (16, 0.35)),
        (["filter.min_aspect=null"], (32, None)),
        (["filter.min_side_px=200", "filter.min_aspect=0.5"], (32, 0.35)),
        (["filter.min_aspect=0.1", "crawl.min_aspect=0.2"], (32, 0.2)),
        (["crawl.min_side_px=null"], (None, 0.35)),
    ],
)
def test_the_crawl_downloads_what_the_filter_would_keep(
    overrides: list[str], limits: tuple[int | None, float | None]
) -> None:
    crawl = load("default", [*SEARCH, *overrides]).crawl
    assert (crawl.min_side_px, crawl.min_aspect) == limits


def test_the_filter_does_not_change_the_crawl_of_a_folder() -> None:
    assert load("default", ["filter.min_aspect=null", "filter.min_side_px=1"]).crawl == Config().crawl


def test_a_convolution_in_the_head_needs_a_recipe_that_learns_from_tiles() -> None:
    with pytest.raises(ConfigError, match=r"cam_filters=64 .* set train\.recipe=network"):
        load("default", ["train.cam_filters=64"])
    for settings in (["train.recipe=network"], ["pretrain.encoder=none"]):
        assert load("default", ["train.cam_filters=64", *settings]).train.cam_filters == 64

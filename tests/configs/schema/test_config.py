"""Rules between settings of two sections."""

import pytest

from configs.errors import ConfigError
from configs.load import load
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


def test_pretrained_weights_on_codes_need_three_channels() -> None:
    given = ["pretrain.encoder=autoencoder", "train.network=resnet50", "train.network_weights=imagenet"]
    with pytest.raises(ConfigError, match=r"the code has 16; set pretrain\.code_channels=3"):
        load("default", given)
    for enough in ("pretrain.code_channels=3", "pretrain.architecture=pooled"):
        assert load("default", [*given, enough]).train.network_weights == "imagenet"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["pretrain.encoder=none"], r"train\.through_encoder=true .* pretrain\.encoder is none: .* or leave it out"),
        (["pretrain.encoder=resnet50"], r"pretrain\.encoder is resnet50: .*train\.unfreeze fine-tunes a pretrained"),
        (
            ["pretrain.encoder=autoencoder", "train.recipe=logistic"],
            r"needs a network that learns, and train\.recipe is",
        ),
    ],
)
def test_only_a_network_behind_an_autoencoder_learns_through_it(given: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load("default", [*given, "train.through_encoder=true"])

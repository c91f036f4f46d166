"""A look into a network: grids of maps, patterns, names, and errors that say what to do."""

import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest

from configs.schema import PreprocessConfig, PretrainConfig, TrainConfig
from flows.look import grids, look
from flows.look import network as looked_into
from flows.look.look import LookOptions, look_to
from flows.look.network import Network, pretrained
from tasks import tables
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.networks import autoencoder
from tasks.networks.classifier import feature_classifier, through_encoder_classifier, tile_classifier
from tasks.store.errors import UserError

SIDE_PX = 32


@contextmanager
def silent(label: str, total: int):
    yield lambda count: None


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "고양이 <1>.png"
    path.write_bytes(
        cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))[1].tobytes()
    )
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Look into a network of random weights instead of a pretrained one."""
    keras.utils.set_random_seed(0)
    graph = tile_classifier((SIDE_PX, SIDE_PX, 3), 2, TrainConfig(filters=(4, 6)))
    network = Network("tiny", graph, None, PreprocessConfig(side_px=SIDE_PX), (), None)
    monkeypatch.setattr(look, "pretrained", lambda name: network)
    monkeypatch.setattr(look, "_STEPS", 2)
    return network


def test_every_layer_gets_a_grid_and_the_page_shows_all(photo: Path, small: Network, tmp_path: Path) -> None:
    options = LookOptions(photo, network="tiny", layers=("conv2",), out=tmp_path / "out")
    seen = look_to(tmp_path, options, progress=silent, announce=lambda line: None)
    assert [each.layer for each in seen.activations] == [layer.name for layer in small.layers()]
    assert {"conv1", "conv2"} <= {each.layer for each in seen.activations}
    page = (tmp_path / "out" / look.PAGE).read_text()
    for picture in (*seen.activations, *seen.patterns):
        assert cv2.imread(str(tmp_path / "out" / picture.file)) is not None
        assert f'src="{picture.file}"' in page
    assert "고양이 &lt;1&gt;.png" in page
    assert (tmp_path / "out" / HEAT_MAPS).exists()
    summary = (tmp_path / "out" / look.SUMMARY).read_text()
    assert "conv2 (Conv2D)" in summary
    assert max(map(len, summary.splitlines())) > 100  # not cut off at the width of a terminal
    assert "did not begin with pretrained weights" in seen.notes[0]
    look_to(tmp_path, options, progress=silent, announce=lambda line: None)  # replaces what the first look has written


@pytest.mark.slow
@pytest.mark.parametrize("through", [False, True])
def test_of_a_network_on_codes_the_encoder_is_looked_at_first(photo: Path, small: Network, through: bool) -> None:
    config = PretrainConfig(encoder="autoencoder", filters=(4, 4), code_channels=2)
    encoder = autoencoder.encoder(autoencoder.autoencoder((SIDE_PX, SIDE_PX, 3), config))
    codes = np.zeros(2, np.float32), np.ones(2, np.float32)
    if through:
        graph = through_encoder_classifier(encoder, 2, TrainConfig(filters=(4,)), codes)
        network = Network("tiny", graph, None, small.preprocess, (), None)
    else:
        graph = feature_classifier(encoder.output_shape[1:], 2, TrainConfig(filters=(4,)), codes)
        network = Network("tiny", graph, encoder, small.preprocess, (), None)
    names = [layer.name for layer in network.layers()]
    assert names.index("encode1") < names.index("code") < names.index("conv1")
    tile = network.tile(photo.read_bytes())
    seen = [(layer.name, maps.shape) for layer, maps in look._activations(network, network.layers(), tile)]
    assert [name for name, _ in seen] == names
    assert dict(seen)["code"] == (8, 8, 2)
    for name in ("encode1", "conv1"):
        assert look.patterns(network, network.layer(name), progress=silent).shape[0] == 4


def test_no_folder_with_other_files_is_written_to(photo: Path, small: Network, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds other files"):
        look_to(tmp_path, LookOptions(photo, network="tiny", out=tmp_path), progress=silent, announce=lambda line: None)


@pytest.mark.parametrize(
    ("name", "message"), [("konv2", r"did you mean conv2\?"), ("conv", r"begin with 'conv' are conv1, conv2")]
)
def test_a_layer_that_is_missing_is_answered_with_near_names(small: Network, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        small.layer(name)


def test_photos_that_can_not_be_looked_at_are_named(tmp_path: Path, small: Network) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    for path, message in [
        (tmp_path / "none.jpg", "no such photo"),
        (tmp_path, "is a folder"),
        (broken, "another photo"),
    ]:
        with pytest.raises(UserError, match=message):
            look_to(tmp_path, LookOptions(path, network="tiny"), progress=silent, announce=lambda line: None)


@pytest.mark.parametrize(
    ("kind", "weights", "began_with"),
    [
        ("network", "none", ("efficientnet_lite0", "efficientnet_lite1")),
        ("autoencoder", "none", ()),
        ("autoencoder", "auto", ("vgg19",)),
        ("none", "auto", ()),
    ],
)
def test_the_pretrained_networks_are_the_encoder_or_the_one_on_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, weights: str, began_with: tuple[str, ...]
) -> None:
    for stage in ("pretrain", "train"):
        (tmp_path / stage).mkdir()
    info = {"kind": kind, "name": "efficientnet_lite0+efficientnet_lite1"}
    tables.pretrain.ENCODER_INFO.path(tmp_path / "pretrain").write_text(json.dumps(info))
    key = SimpleNamespace(config={"network": "vgg19", "network_weights": weights})
    monkeypatch.setattr(looked_into.Manifest, "read", lambda folder: SimpleNamespace(cache_key=key))
    run = SimpleNamespace(model=[SimpleNamespace(stage=stage) for stage in ("pretrain", "train")])
    store = SimpleNamespace(folder=lambda artifact: tmp_path / artifact.stage)
    assert looked_into._pretrained(store, run) == began_with


@pytest.mark.slow
def test_a_network_without_published_weights_is_refused_by_its_option() -> None:
    with pytest.raises(UserError, match="for --network=resnet34; choose one of the networks") as error:
        pretrained("resnet34")
    assert "pretrain." not in str(error.value)


def test_a_model_and_a_network_are_not_looked_at_together(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not both"):
        look_to(tmp_path, LookOptions(photo, "a", "b"), progress=silent, announce=lambda line: None)


def test_maps_are_put_16_in_a_row_each_from_dark_to_bright() -> None:
    maps = np.zeros((30, 30, 18), np.float32)
    maps[:15, :, 17] = 7
    grid = cv2.imdecode(np.frombuffer(grids.of_maps(maps), np.uint8), cv2.IMREAD_COLOR)
    assert grid.shape == (2 * 30 + 2, 16 * 32 - 2, 3)
    dark, bright = grid[5, 5], grid[32 + 5, 32 + 5]
    assert bright.astype(int).sum() > dark.astype(int).sum() + 100
    assert (grid[32 + 25, 32 + 5] == dark).all()
    assert (grid[-1, -1] == 216).all()  # no 19th channel


def test_patterns_keep_their_colours_and_order() -> None:
    red, blue = (np.zeros((4, 4, 3), np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = 200, 100
    grid = cv2.imdecode(np.frombuffer(grids.of_patterns(np.stack([red, blue]), 8), np.uint8), cv2.IMREAD_COLOR)
    assert grid.shape == (4, 2 * 4 + 2, 3)  # no empty places beside few patterns
    assert grid[0, 0].tolist() == [0, 0, 200]
    assert grid[0, -1].tolist() == [100, 0, 0]

import json

import keras
import numpy as np
import pytest

from tasks import tables
from tasks.pretrain import stage as pretrain
from tasks.store.errors import UserError


@pytest.fixture
def parents(folders, stripes):
    """A function that returns kept photos and tiles."""

    def make(count: int, channels: int = 1, repeats: int = 1):
        kept, photos = folders.kept(["a"] * count, ["train"] * count)
        pictures = stripes(0, count, channels).repeat(repeats, axis=1).repeat(repeats, axis=2)
        return {"kept": kept, "tiles": folders.tiles(kept, dict(zip(photos, pictures, strict=True)))}

    return make


@pytest.mark.slow
def test_the_encoder_maps_pixels_to_the_features_of_the_model_file(folders, parents, small_network, stripes) -> None:
    outcome = folders.get_or_build(pretrain.STAGE, small_network, **parents(3, channels=3))
    folder = folders.folder(outcome)
    assert {path.name for path in folder.iterdir()} == {
        tables.pretrain.ENCODER.name,
        tables.pretrain.ENCODER_INFO.name,
        "manifest.json",
    }
    info = json.loads(tables.pretrain.ENCODER_INFO.path(folder).read_text())
    assert info == {
        "kind": "network",
        "name": "convnet",
        "features": 128,
        "of_last_map": 128,
        "upper_part": None,
        "tile": [16, 16, 3],
    }
    encoder = keras.models.load_model(tables.pretrain.ENCODER.path(folder))
    original = keras.models.load_model(small_network.weights)
    tiles = stripes(0, 5, 3, seed=7)
    expected = keras.Model(original.input, original.get_layer("pooled").output).predict_on_batch(tiles)
    found = encoder.predict_on_batch(tiles)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32
    inner = keras.Model(encoder.input, encoder.get_layer("features").output).predict_on_batch(tiles)
    np.testing.assert_allclose(inner.mean(axis=(1, 2)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_new_photos_need_no_new_encoder_but_other_tiles_do(folders, parents, small_network) -> None:
    first = folders.get_or_build(pretrain.STAGE, small_network, **parents(3))
    more = folders.get_or_build(pretrain.STAGE, small_network, **parents(9))
    assert more.cached
    assert more.artifact == first.artifact
    assert more.why == "a pretrained network doesn't depend on the photos"
    assert not folders.get_or_build(pretrain.STAGE, small_network, **parents(3, repeats=2)).cached
    assert not folders.get_or_build(pretrain.STAGE, small_network, **parents(3, channels=3)).cached


@pytest.mark.slow
def test_a_changed_file_of_weights_makes_another_encoder(folders, parents, small_network, tmp_path) -> None:
    copy = small_network.model_copy(update={"weights": tmp_path / "copy.keras"})
    copy.weights.write_bytes(small_network.weights.read_bytes())
    first = folders.get_or_build(pretrain.STAGE, copy, **parents(3))
    model = keras.models.load_model(copy.weights)
    model.set_weights([value * 1.5 for value in model.get_weights()])
    model.save(copy.weights)
    again = folders.get_or_build(pretrain.STAGE, copy, **parents(3))
    assert not again.cached
    assert again.artifact.digest != first.artifact.digest


def test_generalised_means_make_another_encoder(folders, parents, small_network) -> None:
    made = parents(3)
    first = folders.get_or_build(pretrain.STAGE, small_network, **made)
    gem = folders.get_or_build(pretrain.STAGE, small_network.model_copy(update={"pooling": "gem"}), **made)
    assert gem.artifact.digest != first.artifact.digest


def test_an_encoder_with_a_damaged_description_is_not_reused(folders, parents, small_network) -> None:
    first = folders.get_or_build(pretrain.STAGE, small_network, **parents(3))
    tables.pretrain.ENCODER_INFO.path(folders.folder(first)).write_text("{")
    assert not folders.get_or_build(pretrain.STAGE, small_network, **parents(4)).cached


def test_a_missing_file_of_weights_is_a_user_error(folders, parents, small_network, tmp_path) -> None:
    missing = small_network.model_copy(update={"weights": tmp_path / "nowhere.keras"})
    with pytest.raises(UserError, match=r"pretrain\.weights: cannot read .*nowhere\.keras .*; set it to an existing"):
        folders.get_or_build(pretrain.STAGE, missing, **parents(3))

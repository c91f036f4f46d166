import keras
import numpy as np
import pandas as pd
import pytest

from configs.schema import ExtractConfig, PretrainConfig
from tasks import tables
from tasks.extract import stage as extract
from tasks.networks.autoencoder import autoencoder, encoder
from tasks.networks.encode import encode, to_float16
from tasks.pretrain import stage as pretrain
from tasks.store.shards import LazyRows

pytestmark = pytest.mark.slow  # each trains an encoder

PRETRAIN = PretrainConfig(filters=(4, 8), code_channels=4, epochs=1, batch_size=8)
CONFIG = ExtractConfig(batch_size=8)


def test_codes_beyond_float16_are_clipped() -> None:
    codes = to_float16(np.array([1e9, -1e9, 0.5], np.float32))
    assert codes.dtype == np.float16
    np.testing.assert_array_equal(codes, [65504, -65504, 0.5])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_code_depends_only_on_its_tile(channels: int) -> None:
    keras.utils.set_random_seed(0)
    tiles = np.random.default_rng(0).integers(0, 256, (37, 16, 16, channels)).astype(np.uint8)
    model = encoder(autoencoder((16, 16, channels), PRETRAIN))
    codes = encode(model, tiles, 16)
    assert codes.shape == (37, 4, 4, 4)
    order = np.random.default_rng(1).permutation(37)
    np.testing.assert_array_equal(encode(model, tiles[order], 16), codes[order])
    np.testing.assert_array_equal(encode(model, tiles[5:6], 16), codes[5:6])
    for batch_size in (8, 64):
        np.testing.assert_array_equal(encode(model, tiles, batch_size), codes)


@pytest.fixture
def tiles_and_encoder(folders, stripes):
    """A function that returns the artifact of the first n of 22 tiles, and an encoder."""
    pictures = stripes(0, 22)
    kept, photos = folders.kept(["a"] * 22, ["train"] * 22)

    def tiles(count: int, removed: int = 0):
        apart = photos[count - removed : count]
        return folders.tiles(kept, dict(zip(photos[:count], pictures, strict=False)), removed=apart)

    trained = folders.get_or_build(pretrain.STAGE, PRETRAIN, kept=kept, tiles=tiles(22))
    return tiles, trained.artifact


def test_only_new_photos_are_computed(folders, tiles_and_encoder) -> None:
    tiles, trained = tiles_and_encoder
    first = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(12), encoder=trained)
    assert first.manifest.counts == {"photos": 12, "new": 12}
    more = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(22), encoder=trained)
    assert more.manifest.counts == {"photos": 22, "new": 10}
    index = tables.INDEX.read(folders.folder(more))
    features = LazyRows(index, folders.store.root)[:]
    assert features.shape == (22, 4, 4, 4)
    assert features.dtype == np.float16
    model = keras.models.load_model(tables.ENCODER.path(folders.store.folder(trained)))
    pictures = LazyRows(tables.INDEX.read(folders.store.folder(tiles(22))), folders.store.root)[:]
    np.testing.assert_array_equal(features, encode(model, pictures, 8))


def test_removed_photos_have_features_in_an_index_of_their_own(folders, tiles_and_encoder) -> None:
    tiles, trained = tiles_and_encoder
    whole = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(12), encoder=trained)
    apart = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(12, removed=3), encoder=trained)
    assert apart.manifest.counts == {"photos": 9, "new": 0}
    assert apart.artifact.digest != whole.artifact.digest
    assert apart.manifest.refs == whole.manifest.refs
    expected = tables.INDEX.read(folders.folder(whole))
    found = [table.read(folders.folder(apart)) for table in (tables.INDEX, tables.REMOVED_INDEX)]
    assert [len(index) for index in found] == [9, 3]
    for index, rows in zip(found, (expected[:9], expected[9:]), strict=True):
        pd.testing.assert_frame_equal(index, rows.reset_index(drop=True))


def test_the_result_does_not_depend_on_earlier_results_or_on_the_batch_size(folders, tiles_and_encoder) -> None:
    tiles, trained = tiles_and_encoder
    grown = [folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(n), encoder=trained) for n in (5, 22)]
    pools = folders.store.pools("extract")
    pools.rename(pools.with_name("put-aside"))
    for batch_size in (16, 64):
        config = ExtractConfig(batch_size=batch_size)
        whole = folders.get_or_build(extract.STAGE, config, tiles=tiles(22), encoder=trained)
        assert whole.artifact.digest == grown[-1].artifact.digest


def test_fewer_photos_need_no_network(folders, tiles_and_encoder, monkeypatch) -> None:
    tiles, trained = tiles_and_encoder
    folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(22), encoder=trained)
    monkeypatch.setattr("tasks.networks.keras_io.load", None)
    fewer = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(9), encoder=trained)
    assert fewer.manifest.counts == {"photos": 9, "new": 0}


def test_a_changed_tile_gets_new_features(folders, tiles_and_encoder, stripes) -> None:
    tiles, trained = tiles_and_encoder
    old = folders.get_or_build(extract.STAGE, CONFIG, tiles=tiles(3), encoder=trained)
    kept, photos = folders.kept(["a"] * 3, ["train"] * 3)
    changed = folders.tiles(kept, dict(zip(photos, stripes(100, 3), strict=True)), fresh=True)
    new = folders.get_or_build(extract.STAGE, CONFIG, tiles=changed, encoder=trained)
    assert new.manifest.counts == {"photos": 3, "new": 3}
    assert new.artifact.digest != old.artifact.digest

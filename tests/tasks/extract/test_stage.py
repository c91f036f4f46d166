import keras
import numpy as np
import pandas as pd
import pytest

from configs.schema import AugmentConfig, ExtractConfig
from tasks import tables
from tasks.extract import stage as extract
from tasks.networks.encode import encode
from tasks.pretrain import stage as pretrain
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import Manifest
from tests.helpers.training import AUTOENCODER, NO_ENCODER

CONFIG = ExtractConfig(batch_size=8)
COPIES = CONFIG.model_copy(update={"copies": 2, "augment": AugmentConfig(flip="both", rotate_deg=90, shift=0.3)})


@pytest.fixture
def photos(folders, stripes):
    """A function that returns kept photos and their tiles: the first n of 22, the last ones of them removed."""
    pictures = stripes(0, 22)
    kept, names = folders.kept(["a"] * 22, ["train"] * 20 + ["val", "test"])

    def made(count: int = 22, removed: int = 0, of=pictures, fresh: bool = False):
        tiles = dict(zip(names[:count], of, strict=False))
        return {"kept": kept, "tiles": folders.tiles(kept, tiles, fresh=fresh, removed=names[count - removed : count])}

    return made


@pytest.fixture
def encoder(folders, photos, small_network):
    return folders.get_or_build(pretrain.STAGE, small_network, **photos()).artifact


def index_of(folders, outcome, table=tables.shared.INDEX) -> pd.DataFrame:
    return table.read(folders.folder(outcome))


def values_of(folders, outcome, table=tables.shared.INDEX) -> np.ndarray:
    return LazyRows(index_of(folders, outcome, table), folders.store.root)[:]


def expected(folders, encoder, tiles: np.ndarray) -> np.ndarray:
    return encode(keras.models.load_model(tables.pretrain.ENCODER.path(folders.store.folder(encoder))), tiles, 8)


@pytest.mark.slow
def test_only_new_photos_are_computed(folders, photos, encoder, stripes) -> None:
    first = folders.get_or_build(extract.STAGE, CONFIG, **photos(12), encoder=encoder)
    assert first.manifest.counts == {"photos": 12, "new": 12}
    more = folders.get_or_build(extract.STAGE, CONFIG, **photos(), encoder=encoder)
    assert more.manifest.counts == {"photos": 22, "new": 10}
    features = values_of(folders, more)
    assert features.shape == (22, 128)
    assert features.dtype == np.float16
    np.testing.assert_array_equal(features, expected(folders, encoder, stripes(0, 22)))


def test_a_second_run_needs_no_network_not_even_for_fewer_photos_or_copies(
    folders, photos, encoder, monkeypatch
) -> None:
    folders.get_or_build(extract.STAGE, COPIES, **photos(), encoder=encoder)
    folders.progress.clear()
    monkeypatch.setattr("tasks.networks.keras_io.load", None)
    assert folders.get_or_build(extract.STAGE, COPIES, **photos(), encoder=encoder).cached
    fewer = folders.get_or_build(extract.STAGE, COPIES, **photos(9), encoder=encoder)
    assert fewer.manifest.counts == {"photos": 9, "new": 0, "copies": 18}
    assert not {label for label, _ in folders.progress} - {"tiles"}


@pytest.mark.slow
def test_another_encoder_computes_everything_again(folders, photos, encoder, small_network, tmp_path) -> None:
    first = folders.get_or_build(extract.STAGE, CONFIG, **photos(), encoder=encoder)
    model = keras.models.load_model(small_network.weights)
    model.set_weights([value * 1.5 for value in model.get_weights()])
    model.save(tmp_path / "other.keras")
    changed = small_network.model_copy(update={"weights": tmp_path / "other.keras"})
    other = folders.get_or_build(pretrain.STAGE, changed, **photos()).artifact
    again = folders.get_or_build(extract.STAGE, CONFIG, **photos(), encoder=other)
    assert again.manifest.counts == {"photos": 22, "new": 22}
    assert again.artifact.digest != first.artifact.digest


def test_removed_photos_have_features_in_an_index_of_their_own(folders, photos, encoder) -> None:
    whole = folders.get_or_build(extract.STAGE, CONFIG, **photos(12), encoder=encoder)
    apart = folders.get_or_build(extract.STAGE, CONFIG, **photos(12, removed=3), encoder=encoder)
    assert apart.manifest.counts == {"photos": 9, "new": 0}
    assert apart.artifact.digest != whole.artifact.digest
    assert len({str(Manifest.read(folders.folder(each)).refs) for each in (apart, whole)}) == 1
    rows = index_of(folders, whole)
    found = [index_of(folders, apart, table) for table in (tables.shared.INDEX, tables.shared.REMOVED_INDEX)]
    assert [len(index) for index in found] == [9, 3]
    for index, part in zip(found, (rows[:9], rows[9:]), strict=True):
        pd.testing.assert_frame_equal(index, part.reset_index(drop=True))


def test_a_changed_tile_gets_new_features(folders, photos, encoder, stripes) -> None:
    old = folders.get_or_build(extract.STAGE, CONFIG, **photos(3), encoder=encoder)
    new = folders.get_or_build(extract.STAGE, CONFIG, **photos(3, of=stripes(100, 3), fresh=True), encoder=encoder)
    assert new.manifest.counts == {"photos": 3, "new": 3}
    assert new.artifact.digest != old.artifact.digest


def test_only_train_photos_get_copies_and_each_copy_differs(folders, photos, encoder) -> None:
    outcome = folders.get_or_build(extract.STAGE, COPIES, **photos(), encoder=encoder)
    assert outcome.manifest.counts == {"photos": 22, "new": 22, "copies": 40}
    index = index_of(folders, outcome, tables.extract.COPIES_INDEX)
    train = index_of(folders, outcome)["photo"][:20].tolist()
    assert index["photo"].tolist() == train * 2
    assert index["copy"].tolist() == [1] * 20 + [2] * 20
    plain = values_of(folders, outcome)[:20]
    first, second = np.split(values_of(folders, outcome, tables.extract.COPIES_INDEX), 2)
    for ours, theirs in ((first, plain), (second, plain), (first, second)):
        assert not (ours == theirs).all(axis=1).any()
    without = folders.get_or_build(extract.STAGE, CONFIG, **photos(), encoder=encoder)
    assert without.artifact.digest != outcome.artifact.digest
    assert without.manifest.counts == {"photos": 22, "new": 0}
    assert index_of(folders, without, tables.extract.COPIES_INDEX).empty


@pytest.mark.slow
@pytest.mark.parametrize("config", [pytest.param(CONFIG, marks=pytest.mark.slow), COPIES], ids=["plain", "copies"])
def test_the_result_does_not_depend_on_earlier_results_or_on_the_batch_size(folders, photos, encoder, config) -> None:
    grown = [folders.get_or_build(extract.STAGE, config, **photos(n), encoder=encoder) for n in (5, 22)]
    pools = folders.store.pools("extract")
    pools.rename(pools.with_name("put-aside"))
    other_batches = config.model_copy(update={"batch_size": 64})
    whole = folders.get_or_build(extract.STAGE, other_batches, **photos(), encoder=encoder)
    assert whole.artifact.digest == grown[-1].artifact.digest


def test_changes_that_copies_do_not_have_are_named(folders, photos, encoder) -> None:
    mixed = CONFIG.model_copy(update={"copies": 1, "augment": AugmentConfig(mixup=0.2)})
    outcome = folders.get_or_build(extract.STAGE, mixed, **photos(3), encoder=encoder)
    assert [note for note in outcome.manifest.notes if "mixup and cutmix have no effect on copies" in note]


def test_without_an_encoder_all_indexes_are_empty(folders, photos) -> None:
    made = photos(12, removed=3)
    encoder = folders.get_or_build(pretrain.STAGE, NO_ENCODER, **made).artifact
    outcome = folders.get_or_build(extract.STAGE, COPIES, **made, encoder=encoder)
    assert outcome.manifest.counts == {}
    for table in (tables.shared.INDEX, tables.shared.REMOVED_INDEX, tables.extract.COPIES_INDEX):
        assert index_of(folders, outcome, table).empty


@pytest.mark.slow
def test_codes_of_an_autoencoder_are_maps(folders, photos, stripes) -> None:
    trained = folders.get_or_build(pretrain.STAGE, AUTOENCODER, **photos()).artifact
    outcome = folders.get_or_build(extract.STAGE, CONFIG, **photos(), encoder=trained)
    codes = values_of(folders, outcome)
    assert codes.shape == (22, 4, 4, 4)
    np.testing.assert_array_equal(codes, expected(folders, trained, stripes(0, 22)))

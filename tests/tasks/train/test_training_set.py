import numpy as np
import pytest

from configs.schema import ExtractConfig
from tasks import tables
from tasks.store.errors import UserError
from tasks.train.training_set import TrainingSet
from tests.helpers.training import NO_ENCODER

CONFIG = ExtractConfig()


def read(folders, parents) -> TrainingSet:
    return TrainingSet.read(
        **{name: folders.store.folder(parent) for name, parent in parents.items()}, root=folders.store.root
    )


@pytest.fixture
def made(folders, stripes, small_network):
    """A function that makes a training set; the photos are cats, dogs, and a validated ape that is not trained on."""
    labels = ["dog", "cat", "cat", "dog", "ape", "cat", "dog"]
    splits = ["train", "train", "train", "val", "val", "test", "test"]
    kept, photos = folders.kept(labels, splits)
    tiles = folders.tiles(kept, dict(zip(photos, stripes(0, 7), strict=True)))

    def make(config=small_network, extract=CONFIG) -> tuple[TrainingSet, list[str]]:
        return read(folders, folders.features(kept, tiles, config, extract)), photos

    return make


def test_it_has_the_photos_of_known_classes_and_none_of_the_test(made, stripes) -> None:
    data, photos = made(NO_ENCODER)
    assert data.labels == ["cat", "dog"]
    assert data.train.rows["photo"].tolist() == photos[:3]
    assert data.train.targets.tolist() == [1, 0, 0]
    assert data.counts.tolist() == [2, 1]
    assert data.val.rows["photo"].tolist() == [photos[3]]  # the ape's class is not known
    assert data.val.targets.tolist() == [1]
    assert (data.kind, data.has_features, data.shape) == ("none", False, (16, 16, 1))
    np.testing.assert_array_equal(data.rows_of(data.val)[:], stripes(0, 7)[3:4])
    both = data.together()
    assert both.train.rows["photo"].tolist() == photos[:4]
    assert both.train.targets.tolist() == [1, 0, 0, 1]
    assert len(both.val) == 0
    assert both.counts.tolist() == [2, 2]


@pytest.mark.slow
def test_features_and_copies_are_those_of_each_photo(folders, made) -> None:
    data, photos = made(extract=ExtractConfig(copies=2))
    index = tables.shared.INDEX.read(data.features)
    assert data.has_features
    vectors = data.vectors_of(data.train)
    assert vectors.shape == (3, 128)
    assert vectors.dtype == np.float32
    rows = np.load(folders.store.root / index["shard"][0])
    np.testing.assert_array_equal(vectors, rows[index.set_index("photo")["row"].loc[photos[:3]]])
    copies, positions = data.copies_of(data.train)
    assert copies.shape == (6, 128)
    assert positions.tolist() == [0, 1, 2, 0, 1, 2]
    together = data.together()
    assert data.copies_of(together.train)[1].tolist() == [0, 1, 2, 0, 1, 2]  # validation photos have none
    nothing, nowhere = data.copies_of(data.val)
    assert (len(nothing), len(nowhere)) == (0, 0)
    assert data.vectors_of(together.val).shape[0] == 0


@pytest.mark.parametrize(
    ("labels", "splits", "message"),
    [
        (["cat", "cat"], ["train", "val"], "only 'cat' has photos to train on"),
        (["cat", "dog"], ["val", "test"], "there is no photo to train on"),
    ],
)
def test_fewer_than_two_classes_are_a_user_error(folders, stripes, labels, splits, message) -> None:
    kept, photos = folders.kept(labels, splits)
    tiles = folders.tiles(kept, dict(zip(photos, stripes(0, 2), strict=True)))
    with pytest.raises(UserError, match=message):
        read(folders, folders.features(kept, tiles, NO_ENCODER))

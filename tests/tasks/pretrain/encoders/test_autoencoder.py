import json
import math
import sys

import keras
import numpy as np
import pytest

from tasks import tables
from tasks.pretrain import stage as pretrain
from tasks.pretrain.encoders.autoencoder import drift, hold_back
from tasks.store.errors import UserError
from tasks.training import bookkeeping, monitors
from tests.helpers import stored_tables
from tests.helpers.training import AUTOENCODER as CONFIG


@pytest.mark.parametrize(("count", "sizes"), [(1, (1, 1)), (2, (1, 1)), (100, (90, 10))])
def test_tiles_that_measure_the_error_are_not_trained_on(count: int, sizes: tuple[int, int]) -> None:
    train, measured = hold_back(count, seed=0)
    assert (len(train), len(measured)) == sizes
    assert count == 1 or not set(train) & set(measured)


@pytest.mark.parametrize(
    ("train", "held_out", "expected"),
    [
        ("abcdefghij", "xy", 0),
        ("abcdefghijk", "", 0.1),
        ("abcdefghijkl", "", 0.2),
        ("abcdefghijklm", "", None),  # grown by 30 %
        ("abcdefgh", "", 0.2),
        ("abcdefg", "", None),  # shrunk by 30 %
        ("abcdefghkl", "", 0.2),  # same number, but two other photos
        ("abcdefghij", "xa", None),  # a photo of the training is in the test split now
    ],
)
def test_drift(train: str, held_out: str, expected: float | None) -> None:
    assert drift(set(train), set("abcdefghij"), set(held_out), 0.2) == expected


def test_an_empty_snapshot_is_never_reused() -> None:
    assert drift({"a"}, set(), set(), 0.2) is None


def make(folders, tiles, splits: list[str], side_px: int | None = None):
    kept, photos = folders.kept(["a"] * len(tiles), splits)
    return kept, folders.tiles(kept, dict(zip(photos, tiles, strict=True)), side_px)


@pytest.mark.slow
def test_the_artifact_is_complete_and_a_second_training_is_identical(folders, stripes) -> None:
    kept, tiles = make(folders, stripes(0, 24), ["train"] * 18 + ["val"] * 4 + ["test"] * 2)
    first = folders.get_or_build(pretrain.STAGE, CONFIG, kept=kept, tiles=tiles)
    folder = folders.folder(first)
    written = {file.name for file in tables.files() if "pretrain" in file.stages}
    assert {path.name for path in folder.iterdir()} - {"tensorboard"} == written | {"manifest.json"}
    info = json.loads(tables.pretrain.ENCODER_INFO.path(folder).read_text())
    assert {name: info[name] for name in ("kind", "name", "features")} == {
        "kind": "autoencoder",
        "name": "autoencoder",
        "features": 64,
    }
    assert len(info["variances"]) == 4
    assert info["dead_channels"] == []
    history = json.loads(tables.shared.HISTORY.path(folder).read_text())
    assert set(history) == {"loss", "val_loss", "learning_rate"}
    assert len(history["loss"]) == CONFIG.epochs
    assert set(json.loads(tables.pretrain.ERROR.path(folder).read_text())) == {"autoencoder", "resize", "pca"}
    shown = np.load(tables.pretrain.RECONSTRUCTIONS.path(folder))
    assert {shown[name].shape for name in shown.files} == {(4, 16, 16, 1), (4, 4, 4, 4)}
    assert shown["reconstructions"].dtype == np.uint8
    assert len(tables.pretrain.SNAPSHOT.read(folder)) == 18
    assert folders.progress.count(("training", 1)) == CONFIG.epochs

    again = folders.get_or_build(pretrain.STAGE, CONFIG, fresh=True, kept=kept, tiles=tiles)
    assert not again.cached
    assert again.artifact.digest == first.artifact.digest
    other = folders.get_or_build(pretrain.STAGE, CONFIG.model_copy(update={"seed": 1}), kept=kept, tiles=tiles)
    assert other.artifact.digest != first.artifact.digest


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(folders, stripes, monkeypatch) -> None:
    class KilledError(BaseException):
        """Like kill -9: nothing is cleaned up or written afterwards."""

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == 2:
                raise KilledError

    config = CONFIG.model_copy(update={"epochs": 4})
    monkeypatch.setattr(bookkeeping, "WRITING_SHARE", math.inf)  # write after every epoch
    made = parents(folders, stripes(0, 12))
    whole = folders.get_or_build(pretrain.STAGE, config, **made)
    with monkeypatch.context() as patch:
        patch.setattr(monitors, "monitoring_callbacks", lambda folder, name: [Kill()])
        with pytest.raises(KilledError):
            folders.get_or_build(pretrain.STAGE, config, fresh=True, **made)
    reported = len(folders.progress)
    (folders.folder(whole) / "manifest.json").unlink()
    resumed = folders.get_or_build(pretrain.STAGE, config, **made)
    assert ("training", 2) in folders.progress[reported:]  # the epochs that are not repeated
    assert resumed.artifact.digest == whole.artifact.digest


@pytest.mark.slow
def test_a_training_that_diverges_is_a_user_error_with_a_remedy(folders, stripes) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"^pretrain\.learning_rate: at 1e\+30 the loss became .*; try 1e\+29$"):
        folders.get_or_build(pretrain.STAGE, config, **parents(folders, stripes(0, 12)))


@pytest.mark.slow
def test_an_autoencoder_trained_in_16_bits_is_stored_in_32(folders, stripes) -> None:
    config = CONFIG.model_copy(update={"precision": "bfloat16"})
    made = folders.get_or_build(pretrain.STAGE, config, **parents(folders, stripes(0, 12)))
    model = keras.models.load_model(tables.pretrain.AUTOENCODER.path(folders.folder(made)))
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}


@pytest.mark.slow
def test_the_encoder_is_kept_for_a_few_new_photos_but_not_for_many_or_other_tiles(folders, stripes) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    pictures = stripes(0, 16, channels=3)
    first = folders.get_or_build(pretrain.STAGE, config, **parents(folders, pictures[:10]))
    few = folders.get_or_build(pretrain.STAGE, config, **parents(folders, pictures[:12]))
    assert few.artifact == first.artifact
    assert few.cached
    assert few.why.startswith("encoder kept: the train set changed by 20 % since")
    many = folders.get_or_build(pretrain.STAGE, config, **parents(folders, pictures[:13]))
    assert not many.cached
    other_tiles = folders.get_or_build(pretrain.STAGE, config, **parents(folders, pictures[:12], side_px=64))
    assert not other_tiles.cached


@pytest.mark.slow
def test_reuse_of_an_encoder_is_decided_without_keras(folders, stripes, monkeypatch) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    made = parents(folders, stripes(0, 10))
    first = folders.folder(folders.get_or_build(pretrain.STAGE, config, **made))
    monkeypatch.setitem(sys.modules, "keras", None)
    where = {name: folders.store.folder(parent) for name, parent in made.items()}
    assert pretrain.accept_stale(config, first, **where)


@pytest.mark.slow
def test_an_encoder_with_a_damaged_snapshot_is_not_reused(folders, stripes) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    first = folders.get_or_build(pretrain.STAGE, config, **parents(folders, stripes(0, 10)))
    tables.pretrain.SNAPSHOT.path(folders.folder(first)).write_bytes(b"PAR1")
    again = folders.get_or_build(pretrain.STAGE, config, **parents(folders, stripes(0, 11)))
    assert not again.cached


def test_no_train_photos_are_a_user_error(folders, stripes) -> None:
    kept, tiles = make(folders, stripes(0, 2), ["val", "test"])
    with pytest.raises(UserError, match="there is no photo to train on"):
        folders.get_or_build(pretrain.STAGE, CONFIG, kept=kept, tiles=tiles)


def parents(folders, tiles, side_px: int | None = None):
    kept, tiles = make(folders, tiles, ["train"] * len(tiles), side_px)
    return {"kept": kept, "tiles": tiles}


@pytest.mark.slow
def test_an_encoder_trained_on_a_rejected_duplicate_of_a_test_photo_is_not_reused(folders, stripes) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    made = parents(folders, stripes(0, 10))
    encoder = folders.folder(folders.get_or_build(pretrain.STAGE, config, **made))
    where = {name: folders.store.folder(parent) for name, parent in made.items()}
    kept = tables.filter.KEPT.read(where["kept"])
    seen = kept[kept["split"] == "train"]
    stored_tables.write(tables.filter.KEPT, kept[kept["photo"] != seen["photo"].iloc[0]], where["kept"])
    assert pretrain.accept_stale(config, encoder, **where)
    stored_tables.write(tables.filter.REJECTED, seen.iloc[:1].assign(split="test"), where["kept"])
    assert pretrain.accept_stale(config, encoder, **where) is None


@pytest.mark.slow
def test_an_encoder_of_another_memory_or_trained_on_an_absent_photo_that_is_held_out_is_not_reused(
    folders, stripes
) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    made = parents(folders, stripes(0, 10))
    encoder = folders.folder(folders.get_or_build(pretrain.STAGE, config, **made))
    where = {name: folders.store.folder(parent) for name, parent in made.items()}
    kept = tables.filter.KEPT.read(where["kept"])
    stored_tables.write(tables.filter.KEPT, kept[1:], where["kept"])
    assert pretrain.accept_stale(config, encoder, **where)
    stored_tables.write(tables.filter.ABSENT, kept[:1].assign(split="test"), where["kept"])
    assert pretrain.accept_stale(config, encoder, **where) is None
    tables.filter.ABSENT.path(where["kept"]).unlink()
    tables.filter.MEMORY.path(where["kept"]).write_text('{"name": "other", "seed": 0, "generation": 1}')
    assert pretrain.accept_stale(config, encoder, **where) is None

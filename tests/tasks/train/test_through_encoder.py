"""A network on an autoencoder's codes that then learns from tiles, together with the encoder."""

import json
import shutil

import keras
import numpy as np
import pytest

from tasks import tables
from tasks.networks import memory
from tasks.train import stage as train
from tasks.train.fit import Phase
from tasks.train.training_set import TrainingSet
from tasks.training.bookkeeping import Bookkeeping
from tasks.training.errors import TooLargeError
from tests.helpers.training import AUTOENCODER, CONFIG, accuracy, classifier_of
from tests.tasks.train.conftest import KilledError
from tests.tasks.train.test_stage import recipe_of, validation_of
from tests.tasks.train.test_warm_start import publish_evaluation

pytestmark = pytest.mark.slow

THROUGH = CONFIG.model_copy(update={"through_encoder": True, "epochs": 6})
ON_CODES, BEHIND = "training on codes", "training through the encoder"


@pytest.fixture(scope="module")
def world(tmp_path_factory, folders_in, made_once):
    """Photos of two classes with the codes of an untrained encoder, and a training through it."""
    folders = folders_in(tmp_path_factory.mktemp("through") / "data")
    shutil.copytree(made_once.root, folders.store.root, dirs_exist_ok=True)
    encoder = AUTOENCODER.model_copy(update={"epochs": 0})
    codes = folders.features(made_once.scratch["kept"], made_once.scratch["tiles"], encoder)
    return folders, codes, folders.get_or_build(train.STAGE, THROUGH, **codes)


def encoder_of(folders, codes) -> keras.Model:
    return keras.models.load_model(tables.pretrain.ENCODER.path(folders.store.folder(codes["encoder"])))


def test_the_encoder_learns_too_and_the_classifier_takes_tiles(world) -> None:
    folders, codes, outcome = world
    assert recipe_of(folders, outcome)["inputs"] == "tiles"
    model, before = classifier_of(folders, outcome), encoder_of(folders, codes)
    for layer in ("encode1", "encode2", "encode_deep", "encode_linear"):
        assert np.abs(model.get_layer(layer).kernel - before.get_layer(layer).kernel).max() > 1e-4
    assert accuracy(folders, outcome, codes) >= 0.9  # of tiles
    data = TrainingSet.read(
        **{name: folders.store.folder(parent) for name, parent in codes.items()}, root=folders.store.root
    )
    photos, logits = validation_of(folders, outcome)
    assert photos == data.val.rows["photo"].tolist()
    np.testing.assert_allclose(model.predict_on_batch(data.tiles_of(data.val)[:]), logits, rtol=1e-3, atol=1e-4)


def test_the_network_learns_first_and_both_together_at_a_lower_rate(world, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, codes, _ = world
    phases: list[Phase] = []
    plan = Phase.plan
    monkeypatch.setattr(Phase, "plan", lambda self, config: phases.append(self) or plan(self, config))
    config = THROUGH.model_copy(update={"epochs": 1, "unfreeze_rate": 1e-9})
    model = classifier_of(folders, folders.get_or_build(train.STAGE, config, **codes))
    assert [each.name for each in phases] == [ON_CODES, BEHIND]
    assert [each.train.rows.dtype for each in phases] == [np.float16, np.uint8]
    rate = THROUGH.learning_rate
    assert [each.learning_rate for each in phases] == pytest.approx([rate, 1e-9 * rate])
    assert phases[1].rows_at_once is not None  # tiles may be large
    for layer in encoder_of(folders, codes).layers:  # the network alone has learned
        for mine, theirs in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_training_that_is_killed_while_the_encoder_learns_goes_on(world, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, codes, outcome = world
    log = Bookkeeping._log

    def log_or_kill(self: Bookkeeping, values: dict[str, float]) -> None:
        log(self, values)
        if self._plan.name == BEHIND and self.state.epochs == 3:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "_log", log_or_kill)
        with pytest.raises(KilledError):
            folders.get_or_build(train.STAGE, THROUGH, fresh=True, **codes)
    folders.progress.clear()
    resumed = folders.get_or_build(train.STAGE, THROUGH, **codes)
    assert ON_CODES not in {label for label, _ in folders.progress}
    assert resumed.artifact.digest == outcome.artifact.digest


def test_a_warm_start_begins_with_the_encoder_of_the_champion(world) -> None:
    folders, codes, outcome = world
    publish_evaluation(folders, outcome)

    def again(**settings: object):
        config = THROUGH.model_copy(update={"warm_start": True, "learning_rate": 1e-12, "epochs": 1, **settings})
        second = folders.get_or_build(train.STAGE, config, **codes)
        return second, json.loads(tables.train.LINEAGE.path(folders.folder(second)).read_text())["began_from"]

    folders.progress.clear()
    second, base = again()
    assert base == outcome.artifact.digest
    assert {label for label, _ in folders.progress} == {BEHIND}
    weights = (classifier_of(folders, each).get_weights() for each in (second, outcome))
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert again(through_encoder=False)[1] is None  # another network


def test_auto_tries_it_and_leaves_it_out_where_tiles_are_too_large(world, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, codes, _ = world
    config = THROUGH.model_copy(update={"recipe": "auto", "budget_min": 60, "epochs": 2})
    found = recipe_of(folders, folders.get_or_build(train.STAGE, config, **codes))
    name = "convnet from scratch, through the encoder"
    assert found["candidates"][-1]["name"] == name
    assert found["inputs"] == ("tiles" if found["recipe"] == "network" else "codes")
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)
    with pytest.raises(TooLargeError, match=r"train: a single tile of \(16, 16\) px needs .* preprocess.side_px"):
        folders.get_or_build(train.STAGE, THROUGH.model_copy(update={"seed": 1}), **codes)
    found = recipe_of(folders, folders.get_or_build(train.STAGE, config.model_copy(update={"seed": 1}), **codes))
    [left_out] = [each for each in found["candidates"] if each["name"] == name]
    assert "a single tile of" in left_out["skipped"]

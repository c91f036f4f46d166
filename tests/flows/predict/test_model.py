"""Which model is used, and how people name it."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import model_names
from flows.cli import app
from flows.predict import model
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke

pytestmark = pytest.mark.slow  # a whole pipeline


@pytest.fixture
def copy(copy: Fluke) -> Fluke:
    """A copy of the finished data folder with its first run only: tests in other files may have added others."""
    for record in read_records(copy.data)[:-1]:
        (copy.data / "runs" / f"{record.id}.json").unlink()
    return copy


def later(fluke: Fluke, preset: str, state: str = "done", preset_file: str = "") -> RunRecord:
    """Save the record of a later run that got the same artifacts."""
    number = counter.next_number(fluke.data)
    changes = {"id": f"later-{number}", "number": number, "preset": preset, "state": state, "preset_file": preset_file}
    record = read_records(fluke.data)[-1].model_copy(update={**changes, "name": preset, "decision": ""})
    record.save(fluke.data)
    return record


def test_a_model_is_found_by_its_name(copy: Fluke) -> None:
    first, store = read_records(copy.data)[0], Store(copy.data)
    last = later(copy, "another")
    assert model.name_model(store, first.preset, "champion").id == first.id
    assert model.name_model(store, last.id, "challenger").id == last.id
    assert model.name_model(store, "champion", "veteran").id == first.id
    assert model.find(store, "champion").run == model.find(store, "veteran").run == first.id
    assert model.find(store, "challenger").run == last.id
    with pytest.raises(UserError, match="has models of several names; give one of them: another, "):
        model.find(store)
    with pytest.raises(UserError, match="; names: challenger, champion, veteran; `fluke run PRESET`"):
        model.find(store, "champoin")


def test_a_preset_is_found_by_its_file(copy: Fluke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, folder = Store(copy.data), tmp_path / "presets"
    cats = later(copy, "config", preset_file=str(folder / "cats" / "config.yaml"))
    dogs = later(copy, "config", preset_file=str(folder / "dogs" / "config.yaml"))
    later(copy, "config", state="failed", preset_file=str(folder / "cats" / "config.yaml"))
    (folder / "cats").mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert model.find(store, "cats/config.yaml").run == cats.id
    assert model.find(store, "./dogs/../cats/config.yaml").run == cats.id
    assert model.find(store, str(folder / "dogs" / "config.yaml")).run == dogs.id
    assert model.find(store, "config").run == dogs.id


def test_names_of_presets_and_runs_are_refused(copy: Fluke) -> None:
    store = Store(copy.data)
    run = later(copy, "birds")
    for name in ("default", "birds", run.id):
        with pytest.raises(
            UserError, match="is the name of a preset or of models, or the ID of a run; choose another name"
        ):
            model.name_model(store, run.id, name)
    with pytest.raises(UserError, match="no successful run, preset or model is called 'cats'"):
        model.name_model(store, "cats", "champion")
    assert model_names.read(copy.data) == {}


def test_a_name_that_has_become_a_presets_name_is_not_guessed(copy: Fluke) -> None:
    store, first = Store(copy.data), read_records(copy.data)[0]
    model.name_model(store, first.id, "birds")
    later(copy, "birds")
    with pytest.raises(UserError, match=f"'birds' is the name of run {first.id}, and also a preset"):
        model.find(store, "birds")


def test_names_of_models_that_are_gone_are_errors(copy: Fluke) -> None:
    store, run = Store(copy.data), later(copy, "birds")
    model.name_model(store, run.id, "champion")
    (copy.data / "runs" / f"{run.id}.json").unlink()
    with pytest.raises(UserError, match=f"'champion' is the name of run {run.id}, which has no record"):
        model.find(store, "champion")
    first = read_records(copy.data)[0]
    shutil.rmtree(store.folder(next(each for each in first.model if each.stage == "train")))
    with pytest.raises(UserError, match=f"the model of run {first.id} has been deleted"):
        model.name_model(store, first.id, "veteran")


def test_the_command_names_models_and_status_shows_them(copy: Fluke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(copy.data))
    monkeypatch.setenv("COLUMNS", "200")
    first, command = read_records(copy.data)[0], CliRunner()
    printed = command.invoke(app, ["name", first.preset, "champion"]).stdout
    assert printed == f"champion: run {first.id} of {first.preset}; `fluke prune` keeps it\n"
    assert command.invoke(app, ["name"]).stdout == f"champion: run {first.id}\n"
    printed = command.invoke(app, ["name", "--delete", "champion"]).stdout
    assert printed == f"run {first.id} is no longer named champion\n"
    assert command.invoke(app, ["name"]).stdout == ""
    for arguments in (["name", first.preset], ["name", "--delete", "champion", first.preset]):
        assert isinstance(command.invoke(app, arguments).exception, UserError)


def test_unneeded_ancestors_of_a_model_may_be_gone(copy: Fluke) -> None:
    store, first = Store(copy.data), read_records(copy.data)[0]
    for stage in first.stages:
        if stage.artifact.stage in {"crawl", "filter", "extract"}:
            shutil.rmtree(store.folder(stage.artifact))
    assert model.find(store).run == first.id


def test_a_model_of_a_version_that_did_not_describe_encoders_predicts(copy: Fluke) -> None:
    """Its encoder was an autoencoder; without one, the stage was skipped, and the classifier takes tiles."""
    store, first = Store(copy.data), read_records(copy.data)[0]
    folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in first.stages}
    encoder = model.find(store).encoder
    assert encoder is not None
    tables.train.RECIPE.path(folders["train"]).unlink()
    tables.pretrain.ENCODER_INFO.path(folders["pretrain"]).unlink()
    assert model.find(store).encoder == encoder
    first.stages = [stage for stage in first.stages if stage.artifact.stage not in ("pretrain", "extract")]
    first.save(copy.data)
    assert model.find(store).encoder is None

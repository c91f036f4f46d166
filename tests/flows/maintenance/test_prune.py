"""Pruning: what a kept run needs is kept, and the rest is listed before it is deleted."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from configs.schema import Config
from flows import error_messages, preflight
from flows.cli import app
from flows.maintenance.prune import (
    by_reason,
    delete,
    disk_usage,
    find_unneeded,
    pruned_models,
)
from flows.run_records import RunRecord, read_records
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.store.shards import Shard
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tests.helpers.runs import Runs, write


def test_the_runs_whose_model_goes_are_named(runs: Runs) -> None:
    first, _ = runs.run(), runs.run(preset="birds")
    record = read_records(runs.store.root)[1].model_copy(update={"id": "002b", "number": 99})
    record.stages = [stage for stage in record.stages if stage.artifact.stage != "preprocess"]
    record.save(runs.store.root)  # the same model again, from the store
    for _ in range(2):
        runs.run()
    unneeded = find_unneeded(runs.store, 1)
    assert [(run.id, others) for run, others in pruned_models(runs.store, unneeded)] == [("003", 0), ("002b", 1)]
    assert runs.intact(first)


def test_the_command_says_what_goes_and_what_stays(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(runs.store.root))
    for preset in ("demo", "birds", "demo", "demo"):
        runs.run(preset=preset)
    printed = CliRunner().invoke(app, ["prune", "--keep", "2", "--yes"]).stdout
    assert "3 x artifact that no kept run needs" in printed
    started = read_records(runs.store.root)[-1].started_at
    assert f"the model of run 001 (demo, {started:%Y-%m-%d %H:%M} UTC, accuracy 90.0 %)\n" in printed
    assert "kept: the newest good run of demo, birds; earlier good runs of demo; the models that are used: " in printed
    assert "freed" in printed
    assert CliRunner().invoke(app, ["prune", "--keep", "2"]).stdout == "nothing to delete\n"


def test_partial_folders_are_deleted_and_photos_only_on_request(runs: Runs) -> None:
    runs.run()
    left_over = runs.store.root / "artifacts" / "train" / ".partial-abc"
    left_over.mkdir(parents=True)
    (left_over / "half").write_bytes(b"x" * 100)
    photo = runs.store.photos / "ab" / "abc.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"x" * 50)
    assert list(by_reason(find_unneeded(runs.store, 1))) == [("left by a killed run", 1, 100)]
    assert ("photo that no kept crawl contains", 1, 50) in list(by_reason(find_unneeded(runs.store, 1, photos=True)))


def test_what_people_decided_is_never_deleted(runs: Runs) -> None:
    runs.run()
    names = ["decisions.csv", "forgotten.csv", "splits/a.parquet", "backups/1/splits.parquet", "names.json", "counter"]
    paths = [write(runs.store.root / name, b"{}", days=400) for name in names]
    paths.append(write(runs.store.root / "artifacts" / "train" / "notes.txt", days=400))
    paths.append(write(runs.store.root / "artifacts" / "train" / "mine" / "notes.txt", days=400))
    paths.append(write(runs.store.pools("filter") / "mine.npy", days=400))
    paths.append(write(runs.store.pools("filter") / "splits-abc.parquet", days=400))
    (runs.store.root / "names.json").write_text("{}")
    unneeded = find_unneeded(runs.store, 0, photos=True)
    assert unneeded == []
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("stage", ["pretrain", "train"])
def test_checkpoints_of_an_unfinished_training_are_deleted(runs: Runs, stage: str) -> None:
    runs.run()
    under_way = runs.store.pools(stage) / "under-way" / "0123abcd"
    under_way.mkdir(parents=True)
    (under_way / "training.npz").write_bytes(b"weights")
    unneeded = find_unneeded(runs.store, 1)
    assert [(item.path, item.reason, item.bytes) for item in unneeded] == [
        (under_way, "trials and checkpoints of an unfinished training", 7)
    ]
    delete(runs.store, unneeded, 1)
    assert not under_way.exists()


def test_trials_of_a_finished_training_are_deleted_even_if_another_one_goes_on(runs: Runs) -> None:
    """A run that stopped in train continues by the trials of its own training; finished ones only save time."""
    runs.run()
    runs.fail_in_train()
    under_way = runs.store.pools("train") / "under-way"
    trial = write(under_way / "0123abcd" / "trial.npz")
    finished = write(under_way / "89abcdef" / "trial.npz").parent
    (finished / "finished").touch()
    unneeded = runs.prune(1)
    assert [(item.path, item.reason) for item in unneeded] == [(finished, "trials of a finished training")]
    assert trial.exists()


@pytest.mark.parametrize("after", range(1, 9))
def test_a_prune_that_is_killed_half_way_is_completed_by_the_same_command(
    runs: Runs, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [runs.run() for _ in range(3)]
    write(runs.store.root / ".partial-abc", days=2)
    calls = 0

    class KilledError(BaseException):
        pass

    def counted(unlink: Any) -> Any:
        def kill_at(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == after:
                raise KilledError
            return unlink(*args, **options)

        return kill_at

    unneeded = find_unneeded(runs.store, 1)
    with monkeypatch.context() as patch:
        for module, name in ((os, "unlink"), (os, "rmdir")):
            patch.setattr(module, name, counted(getattr(module, name)))
        with pytest.raises(KilledError):
            delete(runs.store, unneeded, 1)
    runs.prune(1)
    assert runs.intact(made[2])
    assert runs.gone([*made[0], *made[1]])
    assert len(list(runs.store.pools("preprocess").iterdir())) == 2


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_a_folder_that_is_read_only_is_named(runs: Runs, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [runs.run() for _ in range(2)]
    unneeded = find_unneeded(runs.store, 1)

    def refuse(path: Any, *_: Any, **__: Any) -> None:
        raise OSError(error, os.strerror(error), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(OSError, match=made[0][2].key) as caught:
            delete(runs.store, unneeded, 1)
    message, code = error_messages.explain(caught.value, runs.store.root)
    assert code == error_messages.USER_ERROR
    assert message.startswith(f"{runs.store.folder(made[0][2])}/manifest.json: {os.strerror(error).lower()}")
    assert runs.intact([artifact for each in made for artifact in each])


def test_a_folder_that_cannot_be_read_is_named(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run()
    scandir = os.scandir
    secret = runs.store.root / "secret"
    secret.mkdir()

    def refuse(path: Any) -> Any:
        if Path(path) == secret:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"/secret'"):
        find_unneeded(runs.store, 1)


def test_of_two_prunes_at_once_the_second_waits_for_nothing_and_says_so(runs: Runs) -> None:
    made = [runs.run() for _ in range(2)]
    unneeded = find_unneeded(runs.store, 1)
    with (
        preflight.in_use(runs.store.root, exclusive=True),
        pytest.raises(UserError, match="is using this data folder"),
    ):
        delete(runs.store, unneeded, 1)
    delete(runs.store, unneeded, 1)
    assert delete(runs.store, unneeded, 1) == 0  # the other was faster
    assert runs.intact(made[1])


def test_nothing_is_deleted_during_a_run(runs: Runs) -> None:
    made = runs.run()
    runs.run()
    unneeded = find_unneeded(runs.store, 1)
    with preflight.in_use(runs.store.root), pytest.raises(UserError, match="a run is using this data folder"):
        delete(runs.store, unneeded, 1)
    assert all(runs.store.folder(artifact).exists() for artifact in made)


def test_artifacts_that_a_run_reused_meanwhile_are_kept(runs: Runs) -> None:
    made = runs.run()
    runs.run()
    agreed = find_unneeded(runs.store, 1)
    assert agreed
    reused = RunRecord.start(
        "demo", "evaluate", Config(), number=counter.next_number(runs.store.root)
    )  # while the user was deciding
    reused.id = "999"
    for artifact in made:
        reused.add(Outcome(artifact, cached=True, why="", manifest=runs.store.manifest(artifact)), 0.1)
    reused.end("done")
    reused.save(runs.store.root)
    assert delete(runs.store, agreed, 1) == 0
    assert all(runs.store.valid(runs.store.folder(artifact)) for artifact in made)


def test_records_are_read_back_newest_first(runs: Runs) -> None:
    for _ in range(3):
        runs.run()
    assert [record.id for record in read_records(runs.store.root)] == ["003", "002", "001"]


def test_nothing_is_deleted_while_a_record_cannot_be_read(runs: Runs) -> None:
    runs.run()
    (runs.store.root / "runs" / "torn.json").write_text('{"id": ')
    with pytest.raises(UserError, match=r"torn\.json can't be read"):
        find_unneeded(runs.store, 0)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """The user's other files, with names that the store could have chosen."""
    home = tmp_path.parent / f"{tmp_path.name}-home"
    (home / "ab").mkdir(parents=True)
    for name in ("letter.txt", "manifest.json", f"{'0' * 24}.npy", f"{'0' * 24}.json", ".partial-x", "ab/holiday.jpg"):
        (home / name).write_text("mine")
    (home / f"{'1' * 24}").mkdir()
    (home / f"{'1' * 24}" / "letter.txt").write_text("mine")
    return home


@pytest.mark.parametrize(
    "link",
    [
        f"artifacts/train/{'0' * 24}",
        "artifacts/train/.partial-x",
        "artifacts/train",
        "pools/extract/key",
        "pools/extract",
        "pools/train/under-way",
        "pools/train/under-way/key",
        "photos/ab",
        "photos",
    ],
)
def test_nothing_behind_a_link_out_of_the_data_folder_is_deleted(runs: Runs, outside: Path, link: str) -> None:
    runs.run()
    path = runs.store.root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():  # the store has made it
        shutil.rmtree(path)
    path.symlink_to(outside, target_is_directory=True)
    before = sorted(outside.rglob("*"))
    delete(runs.store, find_unneeded(runs.store, 0, photos=True), 0, photos=True)
    assert sorted(outside.rglob("*")) == before
    disk_usage(runs.store.root)


def test_a_link_in_place_of_an_artifact_is_deleted_itself(runs: Runs, outside: Path) -> None:
    link = runs.store.root / "artifacts" / "train" / ("0" * 24)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside, target_is_directory=True)
    assert [item.path for item in find_unneeded(runs.store, 1)] == [link]
    delete(runs.store, find_unneeded(runs.store, 1), 1)
    assert not link.is_symlink()
    assert (outside / "manifest.json").exists()


@pytest.mark.parametrize("name", ["artifacts", "artifacts/train", "pools", "photos"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_disk_that_is_not_there_makes_nothing_unneeded(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if kind == "link":
        path.symlink_to(tmp_path / "not-mounted" / name)
    else:
        path.touch()
    with pytest.raises(NotADirectoryError) as raised:
        find_unneeded(Store(tmp_path), 5)
    message, code = error_messages.explain(raised.value, tmp_path)
    assert (code, message.startswith(f"{path} is a {kind}")) == (2, True)


def test_a_shard_that_the_copy_of_a_bucket_leaves_out_is_found_by_its_description(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.run()
    shard = Shard.write(runs.store.pools("extract") / "key", ["p"], np.ones((1, 3)))
    shard.path.unlink()
    assert not find_unneeded(runs.store, 1)
    monkeypatch.setattr("flows.maintenance.prune.copies.leaves_out", shard.path.__eq__)
    assert [item.path for item in find_unneeded(runs.store, 1)] == [shard.path.with_suffix(".json")]
